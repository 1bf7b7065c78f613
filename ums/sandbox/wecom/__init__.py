"""Stands in for WeCom, the own corp and linked ones."""

from ums.sandbox.wecom.linked_corps import WecomLinkedStandIn as WecomLinkedStandIn
from ums.sandbox.wecom.own_corp import WecomStandIn as WecomStandIn

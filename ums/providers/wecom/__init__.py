"""WeCom: messages to the own corp, and to linked ones."""

from ums.providers.wecom.linked_corps import WecomLinked as WecomLinked
from ums.providers.wecom.own_corp import Wecom as Wecom

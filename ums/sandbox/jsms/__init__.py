"""Stands in for JSMS."""

from ums.sandbox.jsms.stand_in import JsmsStandIn as JsmsStandIn

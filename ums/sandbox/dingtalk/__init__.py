"""Stands in for DingTalk."""

from ums.sandbox.dingtalk.stand_in import DingtalkStandIn as DingtalkStandIn

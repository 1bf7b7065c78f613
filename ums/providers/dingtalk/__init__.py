"""DingTalk: work notifications."""

from ums.providers.dingtalk.provider import Dingtalk as Dingtalk

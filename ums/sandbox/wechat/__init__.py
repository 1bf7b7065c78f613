"""Stands in for WeChat: Official Accounts and Mini Programs."""

from ums.sandbox.wechat.mini_program import WechatmpStandIn as WechatmpStandIn
from ums.sandbox.wechat.official_account import WechatoaStandIn as WechatoaStandIn

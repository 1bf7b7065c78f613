"""WeChat: Official Accounts and Mini Programs, and what they share."""

from ums.providers.wechat.mini_program import Wechatmp as Wechatmp
from ums.providers.wechat.official_account import Wechatoa as Wechatoa

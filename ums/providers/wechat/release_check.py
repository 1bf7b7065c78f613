"""What WeChat tries by itself before it publishes a third-party platform: two texts to accounts of its own.

https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/operation/thirdparty/releases_instructions.html
"""

from collections.abc import Mapping
from typing import Any

ACCOUNTS = frozenset((
    *("wx570bc396a51b8ff8", "wx9252c5e0bb1836fc", "wx8e1097c5bc82cde9", "wx14550af28c71a144", "wxa35b9c23cfe664eb"),
    *("wxd101a85aa106f53e", "wxc39235c15087f6f3", "wx7720d01d4b2a4500", "wx05d483572dcd5d8b", "wx5910277cae6fd970"),
))  # fmt: skip
"""Official Accounts and Mini Programs; which of them are tried is WeChat's choice."""
ECHOED, CODE = "TESTCOMPONENT_MSG_TYPE_TEXT", "QUERY_AUTH_CODE:"


def echo(event: Mapping[str, Any]) -> str:
    """What must come back in the answer to this event; empty when it is not that text."""
    return f"{ECHOED}_callback" if _text(event) == ECHOED else ""


def auth_code(event: Mapping[str, Any]) -> str:
    """The authorization code with which a message must be sent, after an empty answer; empty when there is none."""
    text = _text(event)
    return text.removeprefix(CODE).strip() if text.startswith(CODE) else ""


def _text(event: Mapping[str, Any]) -> str:
    content = event.get("Content")
    return content.strip() if event.get("MsgType") == "text" and isinstance(content, str) else ""

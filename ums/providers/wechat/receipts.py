"""The events that tell what became of a message.

https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
https://developers.weixin.qq.com/doc/service/guide/product/subscription_messages/push.html
https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/subscribe-message.html
"""

from collections.abc import Mapping
from typing import Any

from ums.providers.contract import Receipt
from ums.vocabulary import Reason, State, system_clock

# Without blanks: the reference has one after some colons. The reasons are our reading.
STATUSES = {
    "success": (State.DELIVERED, None),
    "failed:userblock": (State.UNDELIVERED, Reason.UNSUBSCRIBED),
    "failed:systemfailed": (State.UNDELIVERED, Reason.PROVIDER),
    "failed:freqlimit": (State.UNDELIVERED, Reason.PROVIDER),
}


def receipts(event: Mapping[str, Any]) -> list[Receipt]:
    """Of one event; none when it is not about a delivery, such as that somebody subscribed or wrote to the account."""
    match event.get("Event"):
        case "TEMPLATESENDJOBFINISH":
            status = _text(event, "Status")
            state, reason = _fate(status)
            return _receipt(event, event, state, reason, status)
        case "subscribe_msg_sent_event":
            return [receipt for item in _listed(event) for receipt in _sent(event, item)]
    return []


def _sent(event: Mapping[str, Any], item: Mapping[str, Any]) -> list[Receipt]:
    code = _text(item, "ErrorCode")
    state, reason = (State.DELIVERED, None) if code == "0" else (State.UNDELIVERED, Reason.PROVIDER)
    return _receipt(event, item, state, reason, code)


def _receipt(
    event: Mapping[str, Any], item: Mapping[str, Any], state: State, reason: Reason | None, code: str
) -> list[Receipt]:
    if not (message := _text(item, "MsgID")):
        return []
    created = _text(event, "CreateTime")
    at = int(created) * 1000 if created.isdecimal() else system_clock()
    return [Receipt(message, _text(event, "FromUserName"), state, at, reason, code, _text(item, "ErrorStatus"))]


def _fate(status: str) -> tuple[State, Reason | None]:
    known = status.replace(" ", "")
    if known in STATUSES:
        return STATUSES[known]
    return State.UNDELIVERED if known.startswith("failed") else State.UNKNOWN, Reason.UNKNOWN


def _listed(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """JSON has the list at the top, XML in an element of its own; a list of one is often just that one."""
    wrapper = event.get("SubscribeMsgSentEvent")
    listed = event.get("List") or (wrapper.get("List") if isinstance(wrapper, dict) else None)
    return [item for item in (listed if isinstance(listed, list) else [listed]) if isinstance(item, dict)]


def _text(values: Mapping[str, Any], name: str) -> str:
    """Numbers come as text in XML and in some JSON."""
    value = values.get(name)
    return str(value).strip() if isinstance(value, str | int) else ""

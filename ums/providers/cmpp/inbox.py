"""Reports on their way from the gateway to the ledger.

A DELIVER is answered only when its receipt is known to be stored, which the next call for receipts proves; a gateway
repeats what is not answered. So a process that is killed loses none.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TypeVar

from ums.providers.cmpp import wire
from ums.providers.cmpp.codes import Codes, said_of_report
from ums.providers.cmpp.link import BEIJING, Link
from ums.providers.cmpp.wire import Delivered, Malformed, Pdu
from ums.providers.contract import Receipt
from ums.vocabulary import State, system_clock

OK, WRONG_STRUCTURE, FLOW_CONTROL = 0, 1, 8
"""Results of a DELIVER_RESP."""
ROOM = 10_000
"""Unanswered reports; a gateway within its window never comes near."""
REMEMBERED = 50_000
"""Parts of longer messages."""
MINUTE = timedelta(minutes=1)

Value = TypeVar("Value")


def target_id(msg_id: int, number: str) -> str:
    """The provider's id of one target: all numbers of a SUBMIT share its message id.

    It can be made of a report alone, so any process may receive it.
    """
    return f"{msg_id}:{number}"


def bare(number: str) -> str:
    """A mainland number as 11 digits, however it is written."""
    digits = number.removeprefix("+").removeprefix("86")
    return digits if len(digits) == 11 else number


class Inbox:
    def __init__(self, codes: Codes) -> None:
        self._codes = codes
        self._waiting: list[tuple[Link, Pdu, int, Receipt]] = []
        self._handed_out: list[tuple[Link, Pdu, int]] = []
        self._wholes: OrderedDict[str, str] = OrderedDict()
        self._broken: OrderedDict[str, None] = OrderedDict()

    def arrived(self, link: Link, pdu: Pdu) -> None:
        """What is no report, or tells nothing, is answered at once."""
        layout = link.gateway.layout
        try:
            told = wire.delivered(pdu.body, layout)
            receipt = self._receipt(told) if told.registered else None
        except Malformed:
            msg_id = int.from_bytes(pdu.body[:8], "big")
            return link.answer(pdu, wire.delivered_response(msg_id, WRONG_STRUCTURE, layout))
        if receipt is None:
            return link.answer(pdu, wire.delivered_response(told.msg_id, OK, layout))
        if len(self._waiting) + len(self._handed_out) >= ROOM:
            return link.answer(pdu, wire.delivered_response(told.msg_id, FLOW_CONTROL, layout))
        return self._waiting.append((link, pdu, told.msg_id, receipt))

    def stored(self) -> None:
        """Answer what was handed out."""
        for link, pdu, msg_id in self._handed_out:
            link.answer(pdu, wire.delivered_response(msg_id, OK, link.gateway.layout))
        self._handed_out.clear()

    def hand_out(self) -> list[Receipt]:
        """What has arrived since the last time."""
        receipts = [self._of_whole(receipt) for _, _, _, receipt in self._waiting]
        self._handed_out.extend((link, pdu, msg_id) for link, pdu, msg_id, _ in self._waiting)
        self._waiting.clear()
        return [receipt for receipt in receipts if receipt]

    def sent_in_parts(self, parts: list[int], number: str) -> None:
        """The message goes by the id of its last part; the reports of the others are about it too."""
        *others, last = (target_id(part, number) for part in parts)
        for part in others:
            _remember(self._wholes, part, last)

    def _of_whole(self, receipt: Receipt) -> Receipt | None:
        """Delivered when the last part is, unless another part has failed before."""
        whole = self._wholes.get(receipt.provider_id)
        if whole is None:
            broken = receipt.provider_id in self._broken
            return None if broken and receipt.state is State.DELIVERED else receipt
        if receipt.state is not State.UNDELIVERED:
            return None
        _remember(self._broken, whole, None)
        return Receipt(whole, "", receipt.state, receipt.at, receipt.reason, receipt.code, receipt.words)

    def _receipt(self, told: Delivered) -> Receipt | None:
        report = wire.report(told.content)
        said = said_of_report(report.stat, self._codes)
        if said is None:
            return None
        provider_id = target_id(report.msg_id, bare(report.number or told.source))
        return Receipt(provider_id, "", said.state, _at(report.done), said.reason, said.code, said.words)


def _at(done: str) -> int:
    """ms: the end of the minute that the gateway names, and never later than now."""
    now = system_clock()
    try:
        minute = datetime.strptime(done, "%y%m%d%H%M").replace(tzinfo=BEIJING)
    except ValueError:  # zeros, at some gateways
        return now
    return min(now, int((minute + MINUTE).timestamp() * 1000) - 1)


def _remember(kept: OrderedDict[str, Value], key: str, value: Value) -> None:
    kept[key] = value
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)

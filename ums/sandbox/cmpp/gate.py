"""Who may come in to the CMPP stand-in, which submissions it takes, and what it reports of them."""

from datetime import datetime, timedelta, timezone

from ums.sandbox.cmpp.outbox import Outbox, Report
from ums.sandbox.cmpp.pdu import Connect, Submit
from ums.sandbox.stage import Stage

ACCEPTED, WRONG_STRUCTURE, WRONG_LENGTH, WRONG_FEE, TOO_LONG, FLOW_CONTROL = 0, 1, 4, 5, 6, 8
WRONG_SOURCE, WRONG_ACCOUNT, WRONG_NUMBER, FAILED = 10, 11, 13, 100
GATEWAY_CODE = 1001
CODINGS = {0: 159, 3: 140, 4: 140, 8: 140, 15: 140, 24: 140}
"""Bytes by Msg_Fmt."""
FEE_TYPES = {"01", "02", "03", "04", "05"}
STATS = {"delivered": "DELIVRD", "undelivered": "UNDELIV"}
BEIJING = timezone(timedelta(hours=8))


class Gate:
    """What all connections have in common: who may come in, and what is taken."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.outbox = Outbox(stage.record)
        self._sequence = 0

    def secret(self, account: str) -> str | None:
        """None when the script names no accounts: then anyone may come in."""
        return self.stage.script.accounts.get(account)

    def status(self, connect: Connect) -> int:
        """Of a CONNECT_RESP."""
        accounts = self.stage.script.accounts
        if not connect.account or (accounts and connect.account not in accounts):
            return 2
        if accounts and not connect.is_proven_by(accounts[connect.account]):
            return 3
        return 0

    def turned_away(self, account: str) -> int:
        """Why a submission is not even looked at; ACCEPTED when it is."""
        script = self.stage.script
        if self.stage.next("busy", script.busy):
            return FLOW_CONTROL
        if self.stage.every("error", script.error_rate):
            return FAILED
        if script.per_minute and self.stage.used(account)[0] > script.per_minute:
            return FLOW_CONTROL
        return ACCEPTED

    def fault(self, account: str, submit: Submit) -> int:
        """What is wrong with it; ACCEPTED when nothing is."""
        number, total = submit.part
        findings = {
            WRONG_STRUCTURE: submit.surplus or submit.coding not in CODINGS or not 1 <= number <= total,
            WRONG_LENGTH: not 1 <= len(submit.numbers) <= 99 or not submit.content,
            WRONG_FEE: submit.fee_type not in FEE_TYPES or not submit.fee.isdecimal(),
            TOO_LONG: len(submit.content) > CODINGS.get(submit.coding, 0),
            # Without a number of their own the gateway shows the account's.
            WRONG_SOURCE: bool(submit.source) and not submit.source.isdecimal(),
            WRONG_ACCOUNT: submit.account != account,
            WRONG_NUMBER: not all(self._is_number(each) for each in submit.numbers),
        }
        return next((result for result, found in findings.items() if found), ACCEPTED)

    def _is_number(self, number: str) -> bool:
        digits = number.removeprefix("+")
        return digits.isdecimal() and 11 <= len(digits) <= 13 and not self.stage.script.refuses(number)

    def accept(self, account: str, version: int, submit: Submit) -> int:
        """The message id."""
        msg_id = self.new_id(len(submit.numbers))
        self.stage.record.accept(
            list(submit.numbers),
            account=account,
            version=version,
            msg_id=msg_id,
            text=submit.text,
            content=submit.content.hex(),
            coding=submit.coding,
            part=list(submit.part),
            source=submit.source,
            service=submit.service,
        )
        if submit.wants_report:
            for number in submit.numbers:
                self._report_later(account, msg_id, submit, number)
        return msg_id

    def _report_later(self, account: str, msg_id: int, submit: Submit, number: str) -> None:
        now = datetime.now(BEIJING)
        for seconds, kind in self.stage.script.receipts_for(number):
            if kind in STATS:
                done = now + timedelta(seconds=seconds)
                times = f"{now:%y%m%d%H%M}", f"{done:%y%m%d%H%M}"
                report = Report(msg_id, number, STATS[kind], submit.source, submit.service, *times)
                self.outbox.later(seconds, account, report)

    def new_id(self, count: int = 1) -> int:
        """The first of so many: the time to the second, the gateway, and a sequence of 16 bits."""
        now = datetime.now(BEIJING)
        first = self._sequence + 1
        self._sequence = (self._sequence + count) % 0x10000
        moment = (((now.month << 5 | now.day) << 5 | now.hour) << 6 | now.minute) << 6 | now.second
        return (moment << 22 | GATEWAY_CODE) << 16 | first % 0x10000

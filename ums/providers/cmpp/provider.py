"""Text messages over CMPP 2.0 and 3.0 (China Mobile Peer to Peer), straight into a carrier's or a supplier's gateway.

3.0.0 is QB-GF-028-2003: https://github.com/Lihuanghe/SMSGate (folder doc). What 2.0 has instead:
https://blog.csdn.net/changqing505/article/details/104225879
"""

import itertools
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import ClassVar

import aiohttp

from ums.providers.cmpp.inbox import Inbox
from ums.providers.cmpp.link import Gateway
from ums.providers.cmpp.pool import Pool
from ums.providers.cmpp.round import Desk, Letter, Round
from ums.providers.cmpp.text import Segment, segments
from ums.providers.cmpp.wire import LAYOUTS, Submit
from ums.providers.contract import Account, Answer, Outcome, Provider, Receipt, Submission, Target
from ums.providers.mobiles import numbered
from ums.vocabulary import ChannelType, Proof, Reason, State

MAINLAND = re.compile(r"(?:\+?86)?(1\d{10})", re.ASCII)


class Cmpp(Provider):
    """Free text to mainland numbers, over connections that stay open and bring the reports too.

    A text of several parts counts as delivered when its last part is, and as undelivered when any part is; that the
    parts belong together is known only to the process that sent them. There is no idempotency key.
    """

    platform = "cmpp"
    type = ChannelType.SMS
    batch_limit = 99
    detects: ClassVar = {State.DELIVERED: Proof.REAL}
    collected_every = 1
    personal = True
    limits = (
        "`connections`, `window` of unanswered submissions on each, and `destinations` in one, as the supplier sold "
        "them; flow control is a pause of a second"
    )

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        credentials, codes = account.credentials, account.credentials.get("codes", {})
        inbox = Inbox(codes)
        pool = Pool(_gateway(account), credentials.get("connections", 1), inbox.arrived)
        self._desk = Desk(pool, inbox, codes, credentials.get("destinations", 1), self._worded)
        # Phones tell two texts of the same sender apart by it.
        self._references = itertools.count(secrets.randbelow(256))

    async def send(self, submission: Submission) -> Answer:
        by_number, unsendable = numbered(submission.targets, MAINLAND)
        letters, unwritable = self._letters(submission, by_number)
        answer = await Round(self._desk, letters, by_number).answer()
        words = answer.words or next((outcome.words for outcome in unwritable), "")
        return Answer([*unsendable, *unwritable, *answer.outcomes], code=answer.code, words=words, pause=answer.pause)

    def _letters(self, submission: Submission, by_number: Mapping[str, Target]) -> tuple[list[Letter], list[Outcome]]:
        """Each text with its numbers, and the outcomes of those whose text no short messages can hold.

        Where each has links of his own, each has a text of his own.
        """
        readers: dict[str, list[str]] = {}
        for number, target in by_number.items():
            text = str(submission.content_of(target).get("content", ""))
            readers.setdefault(text, []).append(number)
        letters, unwritable = [], []
        for text, numbers in readers.items():
            try:
                letters.append(Letter(segments(text, next(self._references) % 256), numbers))
            except ValueError as error:
                refused = State.REFUSED, Reason.CONTENT, "", str(error)
                unwritable += [Outcome(by_number[number].id, *refused) for number in numbers]
        return letters, unwritable

    async def collect(self) -> list[Receipt]:
        """The reports that have arrived; what the last call returned must be stored by now: it is answered.

        Keeps the connections open, so that reports come while nothing is sent. Raises ProviderBusy or
        ProviderRefused when that was tried in vain and nothing has arrived; until the next try it returns nothing.
        """
        self._desk.inbox.stored()
        if receipts := self._desk.inbox.hand_out():
            return receipts
        await self._desk.pool.open()
        return self._desk.inbox.hand_out()

    async def close(self) -> None:
        """Reports that are not answered yet are sent again by the gateway, to whoever connects next."""
        await self._desk.pool.close()

    def _worded(self, numbers: Sequence[str], part: tuple[int, int], segment: Segment) -> Submit:
        credentials = self.account.credentials
        return Submit(
            account=credentials["account"],
            service=credentials.get("serviceId", ""),
            source=credentials["accessNumber"],
            numbers=numbers,
            part=part,
            coding=segment.coding,
            headed=segment.headed,
            content=segment.content,
        )


def _gateway(account: Account) -> Gateway:
    credentials, sandbox = account.credentials, account.sandbox
    return Gateway(
        host=sandbox.host if sandbox else credentials["host"],
        port=sandbox.cmpp_port if sandbox else credentials["port"],
        account=credentials["account"],
        password=credentials["password"],
        layout=LAYOUTS[credentials.get("version", "2.0")],
        window=credentials.get("window", 16),
    )

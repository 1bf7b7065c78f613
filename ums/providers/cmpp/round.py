"""One Submission on its way through CMPP: numbers with the same text in groups, each sent every part of it in turn."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.cmpp.codes import ACCEPTED, FLOW_CONTROL, Codes, blames_one, said_of_submit
from ums.providers.cmpp.inbox import Inbox, target_id
from ums.providers.cmpp.link import Link
from ums.providers.cmpp.pool import Pool
from ums.providers.cmpp.text import Segment
from ums.providers.cmpp.wire import Submit, Submitted
from ums.providers.contract import Answer, Common, Outcome, Target
from ums.vocabulary import Reason, State

PAUSE = 1.0
"""Seconds that a gateway is left in peace after its flow control."""
PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each repeat of a later part: giving up would leave half a message."""

Worded = Callable[[Sequence[str], tuple[int, int], Segment], Submit]
"""The SUBMIT to these numbers, of this part (number and total)."""


@dataclass(frozen=True)
class Desk:
    """What all Submissions of one DeliveryChannel have in common."""

    pool: Pool
    inbox: Inbox
    codes: Codes
    group: int
    """Numbers in one SUBMIT, at most."""
    worded: Worded


class Letter(NamedTuple):
    """A text, and everybody who is to read it."""

    parts: Sequence[Segment]
    numbers: Sequence[str]


class Round:
    def __init__(self, desk: Desk, letters: Sequence[Letter], targets: Mapping[str, Target]) -> None:
        """`targets` by number."""
        self._desk, self._letters, self._targets = desk, letters, targets
        self._outcomes: list[Outcome] = []
        self._stop: ProviderBusy | ProviderRefused | None = None

    async def answer(self) -> Answer:
        """Raises when nobody was sent anything; what stops a round half-way leaves the rest PLANNED."""
        async with asyncio.TaskGroup() as sending:
            for parts, numbers in self._letters:
                waiting = iter(numbers)
                while group := list(islice(waiting, self._desk.group)):
                    sending.create_task(self._send(Letter(parts, group)))
        if not self._stop:
            return Answer(self._outcomes)
        if all(outcome.state is State.PLANNED for outcome in self._outcomes):
            raise self._stop
        pause = (self._stop.retry_after or 0) if isinstance(self._stop, ProviderBusy) else 0
        return Answer(self._outcomes, code=self._stop.code, words=self._stop.message, pause=pause)

    async def _send(self, letter: Letter) -> None:
        said, msg_ids = await self._said(letter)
        numbers = letter.numbers
        if len(numbers) > 1 and blames_one(said):
            # One wrong number spoils its group, and the gateway does not say which.
            await asyncio.gather(*(self._send(Letter(letter.parts, [number])) for number in numbers))
            return
        if said.state is State.PLANNED and not self._stop:
            self._stop = _stop(said)
        for number in numbers:
            provider_id = target_id(msg_ids[-1], number) if said.state is State.SUBMITTED else None
            self._outcomes.append(Outcome(self._targets[number].id, *said, provider_id=provider_id))
            if said.state is State.SUBMITTED:
                self._desk.inbox.sent_in_parts(msg_ids, number)

    async def _said(self, letter: Letter) -> tuple[Common, list[int]]:
        """What became of its numbers, and the ids of the parts that the gateway took."""
        msg_ids: list[int] = []
        try:
            link = await self._desk.pool.link()  # the parts of a text keep to one connection, and to their order
            for number, part in enumerate(letter.parts, 1):
                submit = self._desk.worded(letter.numbers, (number, len(letter.parts)), part)
                taken = await self._taken(link, submit)
                if taken.result != ACCEPTED:
                    return said_of_submit(taken.result, self._desk.codes), msg_ids
                msg_ids.append(taken.msg_id)
        except (ProviderBusy, ProviderRefused) as stop:
            self._stop = self._stop or stop
            reason = Reason.ACCOUNT if isinstance(stop, ProviderRefused) else None
            return Common(State.PLANNED, reason, stop.code, stop.message), msg_ids
        except OutcomeUnknown as unknown:
            # A gateway that does not answer is not told more of the same; the pool knows when it is back.
            self._stop = self._stop or ProviderBusy(unknown.code, unknown.message, retry_after=PAUSE)
            return Common(State.UNKNOWN, Reason.UNKNOWN, unknown.code, unknown.message), msg_ids
        return said_of_submit(ACCEPTED, self._desk.codes), msg_ids

    async def _taken(self, link: Link, submit: Submit) -> Submitted:
        """The gateway's answer; flow control in the middle of a message is waited for."""
        try:
            body = submit.body(link.gateway.layout)
        except ValueError as error:
            raise ProviderRefused("credentials", f"account, serviceId or accessNumber: {error}") from error
        first = submit.part[0] == 1
        answer = await self._in_turn(link, body, first)
        for pause in () if first else PAUSES:
            if answer.result != FLOW_CONTROL:
                break
            await asyncio.sleep(pause)
            answer = await self._in_turn(link, body, first)
        return answer

    async def _in_turn(self, link: Link, body: bytes, first: bool) -> Submitted:
        await link.turn()
        try:
            if self._stop and first:
                raise self._stop
            return await link.submit(body)
        finally:
            link.turn_over()


def _stop(said: Common) -> ProviderBusy | ProviderRefused:
    """Why no number of this round need be tried for the moment."""
    if said.reason is Reason.ACCOUNT:
        return ProviderRefused(said.code, said.words)
    return ProviderBusy(said.code, said.words, retry_after=PAUSE)

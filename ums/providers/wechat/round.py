"""The calls of one Submission: one openid each, several under way, until trouble comes that the next would meet too.

WeChat takes one openid a call. A Submission of many all the same keeps a large message to few leases, and costs no
target its own outcome: a call whose answer is lost is known to be that of one target.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Answer, Common, Outcome, Target
from ums.vocabulary import Reason, State

AT_ONCE = 10
"""Calls under way for one Submission; several Submissions of an account may be under way themselves."""

Trouble = ProviderBusy | ProviderRefused | OutcomeUnknown


class Round:
    def __init__(self, targets: Sequence[Target], call: Callable[[Target], Awaitable[Outcome]]) -> None:
        self._targets, self._call = targets, call
        self._told: list[Outcome] = []
        self._lost: list[Target] = []
        self._trouble: list[Trouble] = []

    async def answer(self, *, repeatable: bool) -> Answer:
        """Make the calls; raises ProviderBusy, ProviderRefused or OutcomeUnknown when that is all there is to say.

        `repeatable`: a second call for the same target is harmless, so a target of unknown outcome may be tried again.
        """
        left = iter(self._targets)
        async with asyncio.TaskGroup() as calls:
            for _ in range(min(AT_ONCE, len(self._targets))):
                calls.create_task(self._work(left))
        if all(outcome.state is State.PLANNED for outcome in self._told):
            self._raise_if_nothing_is_settled(repeatable)
        return self._answer(repeatable)

    async def _work(self, left: Iterator[Target]) -> None:
        for target in left:
            if self._trouble:
                return
            try:
                self._told.append(await self._call(target))
            except (ProviderBusy, ProviderRefused) as trouble:
                self._trouble.append(trouble)
            except OutcomeUnknown as trouble:
                self._trouble.append(trouble)
                self._lost.append(target)

    def _raise_if_nothing_is_settled(self, repeatable: bool) -> None:
        if self._lost and not repeatable:
            return
        # What the operator must mend before what nobody knows before what time mends.
        for kind in (ProviderRefused, OutcomeUnknown, ProviderBusy):
            for trouble in self._trouble:
                if isinstance(trouble, kind):
                    raise trouble
        for outcome in self._told:
            raise ProviderBusy(outcome.code, outcome.words)

    def _answer(self, repeatable: bool) -> Answer:
        state = State.PLANNED if repeatable else State.UNKNOWN
        why = next((t for t in self._trouble if isinstance(t, OutcomeUnknown)), OutcomeUnknown(""))
        lost = [Outcome(target.id, state, Reason.UNKNOWN, why.code, why.message) for target in self._lost]
        if not self._trouble:
            return Answer(self._told, code="0")
        first = self._trouble[0]
        reason = Reason.ACCOUNT if isinstance(first, ProviderRefused) else None
        untried = Common(State.PLANNED, reason, first.code, first.message)
        return Answer([*self._told, *lost], untried, code=first.code, words=first.message, pause=self._pause())

    def _pause(self) -> float:
        return max((t.retry_after or 0.0 for t in self._trouble if isinstance(t, ProviderBusy)), default=0.0)

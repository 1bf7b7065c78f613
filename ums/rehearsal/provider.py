"""The provider of a rehearsal: says what the script says, and keeps its receipts until their time has come."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any, ClassVar

from ums.errors import ProviderBusy
from ums.messaging.connections import Connections
from ums.platforms import PLATFORMS
from ums.providers import providers
from ums.providers.contract import Account, Answer, Outcome, Provider, Receipt, Submission, Target
from ums.rehearsal.case import Fate
from ums.snapshot import Snapshot
from ums.vocabulary import ChannelType, Clock, Proof, Reason, State

SILENT = Fate()
TAKEN = Fate(delivered=0)
"""Where nobody can tell more than that a server took it: that counts as delivered."""
_ANSWERS = {
    "submitted": (State.SUBMITTED, None),
    "refused": (State.REFUSED, Reason.PROVIDER),
    "invalid": (State.INVALID, Reason.INVALID_ADDRESS),
    "unknown": (State.UNKNOWN, Reason.UNKNOWN),
}


@dataclass
class Script:
    """What the providers of one case do; times in ms since the epoch."""

    clock: Clock
    fates: Mapping[tuple[str, str], Fate] = field(default_factory=dict)
    busy: Mapping[str, int] = field(default_factory=dict)
    _coming: list[tuple[int, int, str, Receipt]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    def play(self, fates: Mapping[tuple[str, str], Fate], busy: Mapping[str, int]) -> None:
        """From now on; what was still to come is forgotten."""
        self.fates, self.busy = fates, busy
        self._coming.clear()

    @property
    def next_at(self) -> int | None:
        """When the next receipt comes in."""
        return self._coming[0][0] if self._coming else None

    def receipts(self) -> dict[str, list[Receipt]]:
        """Those whose time has come, by the code of their DeliveryChannel."""
        found: dict[str, list[Receipt]] = {}
        while self._coming and self._coming[0][0] <= self.clock():
            _, _, code, receipt = heappop(self._coming)
            found.setdefault(code, []).append(receipt)
        return found

    def answer(self, code: str, target: Target, unless_said: Fate) -> Outcome:
        fate = self.fates.get((code, target.address), unless_said)
        state, reason = _ANSWERS[fate.answer]
        name = f"{code}-{target.id}"
        if state is State.SUBMITTED and fate.delivered == 0:
            state = State.DELIVERED
        self._promise(code, name, fate)
        return Outcome(target.id, state, reason, provider_id=name)

    def _promise(self, code: str, name: str, fate: Fate) -> None:
        happens = {
            State.UNDELIVERED: fate.undelivered, State.DELIVERED: fate.delivered or None, State.CLICKED: fate.clicked,
        }  # fmt: skip
        for state, after in happens.items():
            if after is not None:
                at = self.clock() + after
                reason = Reason.UNREACHABLE if state is State.UNDELIVERED else None
                heappush(self._coming, (at, next(self._order), code, Receipt(name, "", state, at, reason)))


class Scripted(Provider):
    """Stands where a platform's provider stands; reaches no network."""

    platform = "rehearsal"
    type = ChannelType.APP
    batch_limit = 1000
    detects: ClassVar[Mapping[State, Any]] = {}

    def __init__(self, code: str, script: Script, unless_said: Fate) -> None:
        self.account = Account(code, {})
        self._script = script
        self._unless_said = unless_said

    async def send(self, submission: Submission) -> Answer:
        code, now = self.account.code, self._script.clock()
        if (until := self._script.busy.get(code, 0)) > now:
            raise ProviderBusy("busy", "busy", retry_after=(until - now) / 1000)
        return Answer([self._script.answer(code, target, self._unless_said) for target in submission.targets])


class ScriptedConnections(Connections):
    """Gives a scripted provider for every DeliveryChannel; no secret and no session is needed."""

    def __init__(self, script: Script) -> None:
        self.script = script

    async def get(self, snapshot: Snapshot, code: str) -> Provider:
        declared = snapshot.all("DeliveryChannel")[code]
        platform = declared["platform"]
        known = PLATFORMS[platform] if platform in PLATFORMS else providers()[platform]
        # An account that authorized a third-party platform gets an event about each message, a Mini Program too.
        told = declared["credentials"].get("authorization") == "qr"
        accepted = known.detects.get(State.DELIVERED) is Proof.ACCEPTED and not told
        return Scripted(code, self.script, TAKEN if accepted else SILENT)

    async def drop(self, code: str) -> None:
        """Nothing is kept."""

    async def close(self) -> None:
        """Nothing is open."""

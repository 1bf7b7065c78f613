"""Any policy, receipts in any order, repeats and killed workers: the engine does as the short model does."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.messaging.policy_model import NEVER, Fate, due
from ums.database import connection, fetch
from ums.messaging import statements
from ums.messaging.delivering.drain import drain
from ums.messaging.delivering.limits import claim
from ums.messaging.delivering.receipts import apply
from ums.messaging.engine import LEASE
from ums.messaging.policy import rules, steps
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.people.users import Bindings, Scope, Upload, upsert
from ums.providers.contract import Receipt
from ums.rehearsal.case import Fate as Scripted
from ums.rehearsal.stage import START, Stage, stage
from ums.vocabulary import ChannelType, Priority, State

CODES = ("a", "b", "c", "d")
PEOPLE = ("ann", "bob", "eve")
LANE = Priority.MEDIUM
ANY = dict.fromkeys(PEOPLE, len(CODES))
WITHIN = st.sampled_from([60, 120, 300])


def declarations(policy: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    apps = {code: {"name": code, "platform": "jpush", "credentials": {}} for code in CODES}
    granted = [{"name": code, "enabled": True} for code in CODES]
    channel = {"key": "shop", "deliveryChannels": granted, "masterSecret": {}, "sensitiveWords": False}
    return {"DeliveryChannel": apps, "Channel": {"shop": channel}, "SendPolicy": {"shop/p": policy}}


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """Two to four steps, with conditions on any of the earlier ones."""
    cuts = sorted(draw(st.sets(st.integers(1, len(CODES) - 1), min_size=1)))
    groups = [CODES[low:high] for low, high in zip([0, *cuts], [*cuts, len(CODES)], strict=True)]
    made: list[dict[str, Any]] = [{"send": list(groups[0])}]
    for n, group in enumerate(groups[1:], 1):
        earlier = [code for before in groups[:n] for code in before]
        word = st.sampled_from(["notDelivered", "notClicked"])
        one = st.tuples(word, st.sampled_from(earlier), WITHIN).map(lambda c: {c[0]: c[1], "within": c[2]})
        when = {draw(st.sampled_from(["all", "any"])): draw(st.lists(one, min_size=1, max_size=3))}
        made.append({"send": list(group), "when": when})
    policy: dict[str, Any] = {"channel": "shop", "steps": made, "waitOutFailures": draw(st.booleans())}
    policy |= draw(st.sampled_from([{}, {}, {"deadline": 200}, {"deadline": 400}]))
    return policy | draw(st.sampled_from([{}, {}, {"stopOn": "delivered"}, {"stopOn": "clicked"}]))


class Sending(RuleBasedStateMachine):
    """One message to three people; the model looks whenever the engine can."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.open = AsyncExitStack()
        self.fates: dict[tuple[str, str], Fate] = {}
        """Of what went out, by person and code."""
        self.reached = dict.fromkeys(PEOPLE, 0)
        self.refused: set[tuple[str, str]] = set()
        self.told: list[tuple[str, Receipt]] = []
        self.took: dict[tuple[str, str], int] = {}
        """When the model sent what to whom, in ms after the send."""
        self.blocked_until = -1

    @initialize(
        policy=policies(),
        where=st.fixed_dictionaries({name: st.sets(st.sampled_from(CODES)) for name in PEOPLE}),
        refused=st.sets(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(CODES)), max_size=3),
    )
    def begins(self, policy: dict[str, Any], where: dict[str, set[str]], refused: set[tuple[str, str]]) -> None:
        self.policy, self.where, self.refused = steps(rules(policy)), where, refused
        self.runner.run(self._begins(policy))
        self.reach_everybody()
        self.works()

    async def _begins(self, policy: Mapping[str, Any]) -> None:
        self.stage: Stage = await self.open.enter_async_context(stage(declarations(policy)))
        self.stage.script.play({(c, f"{p}-{c}"): Scripted("refused") for p, c in self.refused}, {})
        scope = Scope(frozenset({"shop"}), frozenset(CODES))
        bound = {p: tuple((ChannelType.APP, c, [f"{p}-{c}"]) for c in sorted(self.where[p])) for p in PEOPLE}
        await upsert([Upload(p, set=Bindings((), bound[p])) for p in PEOPLE], scope, START)
        channel = (await self.stage.engine.snapshots.newest()).channel("shop")
        assert channel is not None
        content = {"app": {"platform": "all", "notification": {"alert": "x"}}}
        await send(self.stage.engine, channel, SendRequest({"users": {"userIds": PEOPLE}}, content, policy="p"))

    @property
    def now(self) -> int:
        return self.stage.time.now - START

    def works(self) -> None:
        """A worker does all that is due now, and the model too."""
        self.runner.run(drain(self.stage.engine, LANE))
        if self.now >= self.blocked_until:
            self.model_looks()

    def model_looks(self, at_most: Mapping[str, int] = ANY) -> None:
        self.submits()
        while any([self.reached[p] < at_most[p] and self._takes(p) for p in PEOPLE]):  # noqa: C419  # each of them
            self.submits()
        self.submits()

    def reach_everybody(self) -> None:
        for person in PEOPLE:
            self._goes_out(person, 0)

    def _takes(self, person: str) -> bool:
        number = self.reached[person] + 1
        fates = {code: [fate] for (p, code), fate in self.fates.items() if p == person}
        if number >= len(self.policy) or not due(self.policy[number], fates, self.now):
            return False
        self.reached[person] = number
        self._goes_out(person, number)
        return True

    def _goes_out(self, person: str, number: int) -> None:
        for code in self.policy[number].send:
            if code in self.where[person]:
                self.fates[person, code] = Fate(submitted=NEVER)
                self.took[person, code] = self.now

    def submits(self) -> None:
        """When the provider was given it is no matter of the policy: taken over from the rows."""
        for row in self.runner.run(self._rows()):
            key = row["target"], row["delivery_channel"]
            at = row["submitted_at"] if row["submitted_at"] is not None else row["failed_at"]
            if at is not None and key in self.fates and self.fates[key].submitted == NEVER:
                failed = 0 if key in self.refused else NEVER
                self.fates[key] = Fate(at - START, failed=failed, refused=key in self.refused)

    async def _rows(self) -> Sequence[Mapping[str, Any]]:
        return await fetch(connection(), _ROWS)

    @rule(ms=st.sampled_from([1, 1000, 59_999, 60_000, 60_001, 120_000, 300_000]))
    def passes(self, ms: int) -> None:
        self.stage.time.now += ms
        self.works()

    @precondition(lambda self: any(f.submitted < NEVER and not f.refused for f in self.fates.values()))
    @rule(data=st.data(), state=st.sampled_from([State.UNDELIVERED, State.DELIVERED, State.CLICKED]))
    def hears(self, data: st.DataObject, state: State) -> None:
        heard = [key for key, f in self.fates.items() if f.submitted < NEVER and not f.refused]
        person, code = data.draw(st.sampled_from(heard))
        ids = {(r["target"], r["delivery_channel"]): r["provider_id"] for r in self.runner.run(self._rows())}
        self.told.append((code, Receipt(ids[person, code], "", state, self.stage.time.now)))
        self.fates[person, code] = self._after(self.fates[person, code], state)
        self.runner.run(apply(self.stage.engine, *self._last()))
        self.works()

    def _last(self) -> tuple[str, list[Receipt]]:
        code, receipt = self.told[-1]
        return code, [receipt]

    def _after(self, fate: Fate, state: State) -> Fate:
        """A state gives way only to a higher one."""
        ms = self.now - fate.submitted
        known = min(fate.delivered, fate.clicked)
        if state is State.CLICKED:
            return fate._replace(clicked=min(fate.clicked, ms))
        if state is State.DELIVERED:
            return fate if known < NEVER else fate._replace(delivered=ms)
        return fate if known < NEVER else fate._replace(failed=min(fate.failed, ms))

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def hears_again(self, data: st.DataObject) -> None:
        code, receipt = data.draw(st.sampled_from(self.told))
        self.runner.run(apply(self.stage.engine, code, [receipt, receipt]))
        self.works()

    @precondition(lambda self: self.now >= self.blocked_until)
    @rule(ms=st.sampled_from([1000, 60_000, 300_000]))
    def a_worker_is_killed_with_what_it_had_claimed(self, ms: int) -> None:
        self.stage.time.now += ms
        self.runner.run(self._claimed())
        self.blocked_until = self.now + LEASE

    async def _claimed(self) -> None:
        engine, now = self.stage.engine, self.stage.time.now
        await claim(engine, LANE, 8)
        # Whether it was due or not: as if this were the worker that had it in hand.
        await fetch(connection(), "UPDATE message SET lease_until = $1, lease_token = 'dead' RETURNING id", now + LEASE)
        assert not await fetch(connection(), statements.CLAIM_MESSAGES, int(LANE), now, now, "x", 9)

    @precondition(lambda self: self.now >= self.blocked_until)
    @rule(ms=st.sampled_from([1000, 60_000, 300_000]), turns=st.integers(1, 12))
    def a_drain_is_cut_off(self, ms: int, turns: int) -> None:
        """What it had committed by then is done, the rest is done by its successor."""
        self.stage.time.now += ms
        self.runner.run(self._cut(turns))
        committed = {row["target"]: row["step"] for row in self.runner.run(self._steps())}
        self.model_looks(committed)
        assert self.reached == committed
        self.stage.time.now += LEASE
        self.works()

    async def _steps(self) -> Sequence[Mapping[str, Any]]:
        return await fetch(connection(), "SELECT target, step FROM recipient")

    async def _cut(self, turns: int) -> None:
        task = asyncio.create_task(drain(self.stage.engine, LANE))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    @invariant()
    def the_same_went_out_at_the_same_times(self) -> None:
        if not self.took and not hasattr(self, "stage"):
            return
        rows = self.runner.run(self._rows())
        assert len({(r["target"], r["delivery_channel"]) for r in rows}) == len(rows)
        assert {(r["target"], r["delivery_channel"]): r["planned_at"] - START for r in rows} == self.took

    def teardown(self) -> None:
        self.runner.run(self.open.aclose())
        self.runner.close()


_ROWS = """
SELECT r.target, d.delivery_channel, d.provider_id, d.planned_at, d.submitted_at, d.failed_at
FROM delivery d JOIN recipient r ON r.id = d.recipient_id"""

TestSending = Sending.TestCase
TestSending.settings = settings(
    max_examples=100,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # to make a failure shorter takes minutes
)

"""One case, played: people, the send, time; then what became of everybody."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ums.database import connection, fetch
from ums.durations import spelled
from ums.errors import CallerRefused, UmsError
from ums.messaging.policy import Because, Verdict, steps
from ums.messaging.reading.history import Numbers, numbers
from ums.messaging.reading.reasons import Reasoned, reasoned
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.models import Message
from ums.people.users import Bindings, Scope, Upload, upsert
from ums.rehearsal.case import Branch, Case, Happened, Played
from ums.rehearsal.stage import START, Stage
from ums.schemas import schemas
from ums.snapshot import Snapshot, channel_type
from ums.vocabulary import Priority, State

END = 400 * 24 * 3_600_000
"""ms after which a rehearsal ends whatever is left: longer than any policy."""


class CaseRefused(UmsError):
    """The author of the test must act: UMS does not take what it says."""


async def play(stage: Stage, case: Case) -> Played:
    """What the case came to; raises CaseRefused when its people or its send are refused."""
    begun = time.perf_counter()
    await stage.clear()
    stage.script.play(case.fates, {code: START + until for code, until in case.busy.items()})
    message = await _sent(stage, case)
    lane = Priority[case.priority.upper()]
    for code, at in sorted(case.switched_off.items(), key=lambda one: one[1]):
        await stage.goes_on(lane, START + at - 1)
        stage.time.now = max(stage.time.now, START + at)
        stage.declared.switch(case.channel, code, enabled=False)
    await stage.goes_on(lane, START + END)
    return await _told(case, message, stage.time.now, begun)


async def _sent(stage: Stage, case: Case) -> Message:
    snapshot = await stage.engine.snapshots.newest()
    keys = {body["key"] for body in snapshot.all("Channel").values()}
    scope = Scope(frozenset(keys), frozenset(snapshot.all("DeliveryChannel")))
    uploads = [Upload(name, set=Bindings((), tuple(bound))) for name, bound in case.people.items()]
    _, problems = await upsert(uploads, scope, stage.time())
    if problems:
        raise CaseRefused("; ".join(problem.message for problem in problems))
    channel = snapshot.channel(snapshot.all("Channel")[case.channel]["key"])
    if channel is None:
        raise CaseRefused(f"Channel {case.channel} is not declared")
    request = SendRequest(
        {"users": {"userIds": list(case.people)}}, _content(snapshot, case), policy=case.policy,
        priority=Priority[case.priority.upper()],
    )  # fmt: skip
    try:
        return await send(stage.engine, channel, request)
    except CallerRefused as refused:
        raise CaseRefused("; ".join(problem.message for problem in refused.problems)) from refused


def _content(snapshot: Snapshot, case: Case) -> dict[str, Any]:
    """Something to say on every channel type of the policy, which does not care what."""
    policy = snapshot.policy(case.channel, case.policy) or {"steps": []}
    codes = [code for step in policy["steps"] for code in step["send"]]
    types = {channel_type(snapshot.all("DeliveryChannel")[code]).value for code in codes}
    return {kind: schemas()[f"content/{kind}"]["examples"][0] for kind in types}


async def _told(case: Case, message: Message, now: int, begun: float) -> Played:
    policy = steps(message.steps)
    people = await fetch(connection(), _PEOPLE, message.id)
    rows = await fetch(connection(), _DELIVERIES, message.id << 32, (message.id + 1) << 32)
    of = {person["id"]: [row for row in rows if row["recipient_id"] == person["id"]] for person in people}
    why = {
        p["target"]: reasoned(policy, p["step"], of[p["id"]], START, now) for p in people if p["state"] != State.LOST
    }
    timeline = sorted(
        (h for p in people for h in _happened(p, of[p["id"]], why.get(p["target"], []))), key=lambda h: (h.at, h.person)
    )
    counted = (await numbers([message.id]))[message.id]
    failures = (*_steps(case, timeline), *_lost(case, people), *_funnel(case, counted))
    branches = frozenset(b for decisions in why.values() for b in _branches(case, decisions))
    return Played(case, failures, tuple(timeline), branches, time.perf_counter() - begun)


_PEOPLE = "SELECT id, target, state, reason, step FROM recipient WHERE message_id = $1 ORDER BY id"
_DELIVERIES = "SELECT * FROM delivery WHERE id > $1 AND id < $2 ORDER BY id"
_EVENTS = {"planned_at": "goes out", "delivered_at": "delivered", "clicked_at": "clicked"}


def _happened(
    person: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], decisions: Sequence[Reasoned]
) -> Iterator[Happened]:
    name = person["target"]
    why = {decision.step - 1: decision.words for decision in decisions if decision.taken}
    for row in rows:
        code = row["delivery_channel"]
        for column, what in _EVENTS.items():
            if row[column] is not None:
                yield Happened(
                    row[column] - START, name, what, code, why.get(row["step"], "") if what == "goes out" else ""
                )
        if row["submitted_at"] is not None and row["submitted_at"] != row["planned_at"]:
            yield Happened(row["submitted_at"] - START, name, "submitted", code)
        if row["failed_at"] is not None:
            state = State(row["state"])
            what = "undelivered" if state >= State.DELIVERED else state.name.lower()
            yield Happened(row["failed_at"] - START, name, what, code)
    yield from (Happened(d.at - START, name, "no more", "", d.words) for d in decisions if not d.taken)
    if person["state"] == State.LOST:
        yield Happened(0, name, "lost", "", person["reason"])


def _steps(case: Case, timeline: Sequence[Happened]) -> Iterator[str]:
    for person, wanted in case.steps.items():
        got = {h.delivery_channel: h.at for h in timeline if h.person == person and h.what == "goes out"}
        if got != dict(wanted):
            yield f"{person}: expected {listed(wanted)}, got {listed(got)}"


def listed(steps: Mapping[str, int]) -> str:
    return (
        ", ".join(f"{code} at {spelled(at)}" for code, at in sorted(steps.items(), key=lambda one: one[1])) or "nothing"
    )


def _lost(case: Case, people: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    got = {p["target"]: p["reason"] for p in people if p["state"] == State.LOST}
    for person in [*case.lost, *(name for name in case.steps if name in got and case.steps[name])]:
        wanted = case.lost.get(person, "")
        if got.get(person, "") != wanted:
            yield f"{person}: expected {_lost_by(wanted)}, got {_lost_by(got.get(person, ''))}"


def _lost_by(reason: str) -> str:
    return f"lost by {reason}" if reason else "not lost"


def _funnel(case: Case, counted: Numbers) -> Iterator[str]:
    found = {"users": counted.users, **counted.delivery_channels}
    for name, wanted in case.funnel.items():
        got = asdict(found[name]) if name in found else dict.fromkeys(wanted, 0)
        for stage_, number in wanted.items():
            if got[stage_] != number:
                yield f"funnel of {name}: expected {stage_} {number}, got {got[stage_]}"


def _branches(case: Case, decisions: Sequence[Reasoned]) -> Iterator[Branch]:
    name = f"{case.channel}/{case.policy}"
    for decision in decisions:
        ran = "ran" if decision.taken else "ended"
        yield Branch(name, decision.step, -1, ran)
        for n, look in enumerate(decision.judged.looks):
            if look.decision.verdict is Verdict.DUE and decision.judged.because is Because.CONDITIONS:
                yield Branch(name, decision.step, n, "triggered")
            elif look.because is Because.IN_TIME:
                yield Branch(name, decision.step, n, "met")

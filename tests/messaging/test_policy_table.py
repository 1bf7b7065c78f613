"""The whole truth table of a step: every fate of each DeliveryChannel it waits for, pure and through the engine."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import pytest

from tests.messaging.policy_model import NEVER, Fate, triggered
from tests.shop import APP, MINUTE, SECOND, Shop
from ums.database import connection, fetch
from ums.messaging.delivering.receipts import apply
from ums.messaging.policy import Condition, Seen, Step, Verdict, decide
from ums.models import Message
from ums.people.users import Bindings, Upload
from ums.providers.contract import Receipt
from ums.vocabulary import ChannelType, State

D, C = State.DELIVERED, State.CLICKED
WORDS = {D: "notDelivered", C: "notClicked"}
CONDITIONS = {
    "one": (Condition(D, "one", 5 * MINUTE),),
    "two": (Condition(D, "one", 5 * MINUTE), Condition(C, "two", 10 * MINUTE)),
    "three": (
        Condition(D, "one", 5 * MINUTE), Condition(D, "two", 2 * MINUTE), Condition(C, "three", 7 * MINUTE),
    ),
    "both of one": (Condition(D, "one", 5 * MINUTE), Condition(C, "one", 10 * MINUTE)),
}  # fmt: skip
POLICIES = [(name, join, wait) for name in CONDITIONS for join in ("all", "any") for wait in (False, True)]
NAMES = [f"{name}, {join}{', failures waited out' if wait else ''}" for name, join, wait in POLICIES]


def fates_of(condition: Condition, number: int) -> Iterator[tuple[Fate, ...]]:
    """What may become of the addresses on the condition's DeliveryChannel, around its boundary."""
    within = condition.within
    yield ()
    yield (Fate(),)
    yield (Fate(failed=30 * SECOND),)
    yield (Fate(failed=0, refused=True),)
    for at in (within - SECOND, within - 1, within, within + 1, within + SECOND):
        yield (Fate(delivered=at),) if condition.wanted is D else (Fate(delivered=SECOND, clicked=at),)
    if number < 3:
        yield (Fate(delivered=SECOND),)
        yield (Fate(clicked=within),)
        yield (Fate(failed=30 * SECOND, delivered=40 * SECOND),)
        if condition.delivery_channel != "three":
            yield (Fate(failed=30 * SECOND), Fate(delivered=within - 1))
            yield (Fate(failed=0, refused=True), Fate())


Fates = Mapping[str, tuple[Fate, ...]]


def table(name: str) -> list[Fates]:
    conditions = {one.delivery_channel: one for one in CONDITIONS[name]}
    return [
        dict(zip(conditions, row, strict=True))
        for row in product(*(fates_of(one, len(conditions)) for one in conditions.values()))
        if any(row)
    ]


def sendable(name: str) -> list[Fates]:
    """Without those that the provider refuses: it would have the others of their batch sent again, later."""
    return [row for row in table(name) if not any(fate.refused for fates in row.values() for fate in fates)]


def expected(policy: tuple[str, str, bool], fates: Fates, times: Sequence[int]) -> int:
    """The first of the times at which the step goes out."""
    name, join, wait = policy
    joined = all if join == "all" else any
    for now in times:
        if joined(triggered(c, fates[c.delivery_channel], now, wait_out=wait) for c in CONDITIONS[name]):
            return now
    return NEVER


def moments(name: str, rows: Sequence[Fates]) -> list[int]:
    """Every time at which anything happens or could, and a millisecond before."""
    fates = [fate for row in rows for several in row.values() for fate in several]
    times = {
        0,
        *(at for f in fates for at in (f.delivered, f.clicked, f.failed)),
        *(c.within for c in CONDITIONS[name]),
    }
    times |= {f.failed + c.within for f in fates for c in CONDITIONS[name]}
    return sorted({t for at in times if at < NEVER for t in (at - 1, at) if t >= 0})


def seen(code: str, fate: Fate, now: int) -> Seen:
    """The delivery as it stands then: see ums.messaging.ledger."""
    clicked = fate.clicked if fate.clicked <= now else None
    delivered = min(fate.delivered, fate.clicked) if min(fate.delivered, fate.clicked) <= now else None
    failed = fate.failed if fate.failed <= now else None
    failure = State.REFUSED if fate.refused else State.UNDELIVERED
    state = C if clicked is not None else D if delivered is not None else failure if failed is not None else None
    return Seen(code, state or State.SUBMITTED, None if fate.refused else 0, delivered, clicked, failed)


@pytest.mark.parametrize("policy", POLICIES, ids=NAMES)
def test_the_table_pure(policy: tuple[str, str, bool]) -> None:
    name, join, wait = policy
    step = Step(("last",), join, CONDITIONS[name], wait_out_failures=wait)

    times = moments(name, table(name))
    for row in table(name):
        due = NEVER
        for now in times:
            known = [seen(code, fate, now) for code, fates in row.items() for fate in fates]
            decision = decide(step, known, now, 0)
            if decision.verdict is not Verdict.WAIT:
                due = now if decision.verdict is Verdict.DUE else NEVER
                break
        assert due == expected(policy, row, times), row


def person(number: int, row: Fates) -> Upload:
    """Somebody with the addresses of a row."""
    addresses = [
        (ChannelType.APP, code, [address(number, code, n) for n in range(len(fates))])
        for code, fates in row.items()
        if fates
    ]
    return Upload(f"u{number}", set=Bindings((), ((ChannelType.APP, "last", [f"last-{number}"]), *addresses)))


def address(number: int, code: str, n: int) -> str:
    return f"{number}-{code}-{n}"


def spelled(number: int, policy: tuple[str, str, bool]) -> str:
    name, join, wait = policy
    conditions = CONDITIONS[name]
    first = ", ".join(dict.fromkeys(c.delivery_channel for c in conditions))
    listed = "".join(
        f"        - {{{WORDS[c.wanted]}: {c.delivery_channel}, within: {c.within // SECOND}s}}\n" for c in conditions
    )
    return f"""---
apiVersion: ums/v1
kind: SendPolicy
channel: table
name: p{number}
waitOutFailures: {str(wait).lower()}
steps:
  - send: [{first}]
  - send: [last]
    when:
      {join}:
{listed}"""


@pytest.fixture
def more_declared() -> str:
    codes = ("one", "two", "three", "last")
    channels = "".join(
        f"apiVersion: ums/v1\nkind: DeliveryChannel\nname: {code}\ntitle: The {code}\nplatform: jpush\n"
        f"credentials: {{appKey: {code}-key, masterSecret: {{env: APP_SECRET}}}}\n---\n"
        for code in codes
    )
    owner = f"""apiVersion: ums/v1
kind: Channel
name: table
masterSecret: {{env: TABLE_SECRET}}
deliveryChannels: [{", ".join(codes)}]
"""
    return channels + owner + "".join(spelled(n, policy) for n, policy in enumerate(POLICIES))


async def begun(shop: Shop, policy: tuple[str, str, bool]) -> Message:
    """The policy's message to a person for each row of its table."""
    await shop.knows(*(person(n, row) for n, row in enumerate(sendable(policy[0]))))
    message = await shop.sends({"broadcast": True}, "table", policy=f"p{POLICIES.index(policy)}", content={"app": APP})
    await shop.works()
    return message


async def report(shop: Shop, message: Message, rows: Sequence[Fates], after: int) -> None:
    """Every receipt whose time is that many ms after the send."""
    ids = {row["address"]: row["provider_id"] for row in await fetch(connection(), _PROVIDER_IDS, message.id)}
    told: dict[str, list[Receipt]] = {}
    for number, row in enumerate(rows):
        for code, fates in row.items():
            for n, fate in enumerate(fates):
                to = address(number, code, n)
                happened = {State.UNDELIVERED: fate.failed, D: fate.delivered, C: fate.clicked}
                for state, at in happened.items():
                    if at == after:
                        told.setdefault(code, []).append(Receipt(ids[to], to, state, shop.time()))
    for code, receipts in told.items():
        await apply(shop.engine, code, receipts)


_PROVIDER_IDS = """
SELECT d.address, coalesce(d.provider_id, a.provider_id) AS provider_id FROM batch b
JOIN delivery d ON d.id BETWEEN b.first_id AND b.last_id JOIN attempt a ON a.batch_id = b.id WHERE b.message_id = $1"""


async def fired(message: Message) -> dict[str, int]:
    """When the second step went to whom, in ms after the send."""
    rows = await fetch(connection(), _FIRED, message.id)
    assert len({row["target"] for row in rows}) == len(rows)
    return {row["target"]: row["planned_at"] - message.created_at for row in rows}


_FIRED = """
SELECT r.target, d.planned_at FROM recipient r JOIN delivery d ON d.recipient_id = r.id
WHERE r.message_id = $1 AND d.step = 1"""


@pytest.mark.parametrize("policy", POLICIES, ids=NAMES)
async def test_the_table_through_the_engine(shop: Shop, policy: tuple[str, str, bool]) -> None:
    rows, start = sendable(policy[0]), shop.time()
    times = moments(policy[0], rows)
    message = await begun(shop, policy)

    for after in times:
        shop.time.now = start + after
        await report(shop, message, rows, after)
        await shop.works()

    due = {f"u{n}": expected(policy, row, times) for n, row in enumerate(rows)}
    assert await fired(message) == {name: at for name, at in due.items() if at < NEVER}


@pytest.mark.parametrize("policy", POLICIES[4:8], ids=NAMES[4:8])
async def test_a_worker_that_comes_late_decides_the_same(shop: Shop, policy: tuple[str, str, bool]) -> None:
    rows, start = sendable(policy[0]), shop.time()
    times = moments(policy[0], rows)
    message = await begun(shop, policy)

    for after in times:
        shop.time.now = start + after
        await report(shop, message, rows, after)
    await shop.works()

    on_time = {f"u{n}" for n, row in enumerate(rows) if expected(policy, row, times) < NEVER}
    reached_after_all = {
        f"u{n}" for n, row in enumerate(rows)
        if any(fate.failed < NEVER and min(fate.delivered, fate.clicked) < NEVER for f in row.values() for fate in f)
    }  # fmt: skip
    assert set(await fired(message)) - reached_after_all == on_time - reached_after_all

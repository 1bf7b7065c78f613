"""Messages that are sent again and again."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.shop import APP, MINUTE, Shop, person
from ums.database import connection, fetch
from ums.errors import CallerRefused
from ums.messaging.engine import running
from ums.messaging.keeping.forget import forget
from ums.messaging.keeping.retention import expire
from ums.messaging.sending import recurring
from ums.messaging.sending.recur import recur
from ums.messaging.sending.recurring import Wish
from ums.messaging.sending.request import SendRequest
from ums.models import Message, Occurrence, RecurringMessage
from ums.reconcile import Options, reconcile
from ums.reconcile.overrides import switch
from ums.vocabulary import Missed, Priority, RecurringState

HOUR = 60 * MINUTE
DAY = 24 * HOUR
BEGIN = int(datetime(2027, 1, 15, 8, tzinfo=UTC).timestamp() * 1000)  # the shop's clock begins here, a Friday
PRUNE = Options(prune=True, force=True)
REQUEST = SendRequest({"broadcast": True}, {"app": APP})


@pytest.fixture
def more_declared() -> str:
    return """---
apiVersion: ums/v1
kind: Channel
name: berlin
masterSecret: {env: BERLIN_MASTER_SECRET}
deliveryChannels: [app]
timeZone: Europe/Berlin
doNotDisturb: {priorities: [low], periods: [{from: "22:00", to: "07:00"}]}
"""


async def made(
    shop: Shop, cron: str, request: SendRequest = REQUEST, key: str = "shop", **more: Any
) -> RecurringMessage:
    channel = (await shop.engine.snapshots.newest()).channel(key)
    assert channel is not None
    return await recurring.create(shop.engine, channel, Wish(request, cron, **more))


async def came(of: RecurringMessage) -> list[tuple[str, str]]:
    """When each occurrence was due, UTC, and what came of it."""
    rows = await Occurrence.filter(recurring_id=of.id).order_by("at")
    return [(f"{datetime.fromtimestamp(row.at / 1000, UTC):%d %H:%M}", row.outcome) for row in rows]


async def test_each_occurrence_is_an_ordinary_message_that_goes_out(shop: Shop) -> None:
    assert shop.time() == BEGIN
    await shop.knows(person("ann", app=["rid-ann"]))
    daily = await made(shop, "0 9 * * *", replace(REQUEST, priority=Priority.HIGH, send_no="n1"))

    for _ in range(3):
        shop.time.passes(DAY)
        assert await recur(shop.engine) == 1
        await shop.works()

    assert await came(daily) == [("15 09:00", "accepted"), ("16 09:00", "accepted"), ("17 09:00", "accepted")]
    messages = await Message.all()
    assert {(m.state, m.priority, m.send_no, m.channel) for m in messages} == {("done", 1, "n1", "shop")}
    assert shop.sandbox.record("jpush").addresses == ["rid-ann"] * 3
    assert {row.message_id for row in await Occurrence.all()} == {m.id for m in messages}


async def test_nothing_comes_before_its_time_nor_twice(shop: Shop) -> None:
    daily = await made(shop, "0 9 * * *")

    shop.time.passes(HOUR - 1)
    early = await recur(shop.engine)
    shop.time.passes(1)

    assert (early, await recur(shop.engine), await recur(shop.engine)) == (0, 1, 0)
    assert await came(daily) == [("15 09:00", "accepted")]


async def test_two_workers_send_each_of_many_once(shop: Shop) -> None:
    for _ in range(20):
        await made(shop, "0 9 * * *")
    shop.time.passes(HOUR)
    async with running(shop.engine.settings, shop.time, shared=True) as other:
        taken = await asyncio.gather(*(recur(engine) for engine in (shop.engine, other, shop.engine, other)))

    assert sum(taken) == 20
    assert (await Message.all().count(), await Occurrence.all().count()) == (20, 20)


async def test_a_worker_that_dies_on_the_way_leaves_nothing_half_done(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily = await made(shop, "0 9 * * *")
    shop.time.passes(HOUR)
    with monkeypatch.context() as patched:
        patched.setattr(Occurrence, "create", _dies)
        assert await recur(shop.engine) == 0
    assert await Message.all().count() == 0

    assert await recur(shop.engine) == 1
    assert await came(daily) == [("15 09:00", "accepted")]
    assert await Message.all().count() == 1


async def _dies(**_: object) -> None:
    raise ConnectionResetError("killed")


@pytest.mark.parametrize(
    ("missed", "late", "expected"),
    [
        (Missed.LATEST, 3 * DAY, [("18 07:00", "accepted")]),
        (Missed.SKIP, 3 * DAY, [("18 07:00", "skipped")]),
        (Missed.SKIP, 23 * HOUR + MINUTE, [("16 07:00", "accepted")]),
        (Missed.SKIP, 23 * HOUR + MINUTE + 1, [("16 07:00", "skipped")]),
        (Missed.LATEST, 23 * HOUR, [("16 07:00", "accepted")]),
    ],
    ids=str,
)
async def test_of_occurrences_that_were_missed_the_latest_is_sent_or_none(
    shop: Shop, missed: Missed, late: int, expected: list[tuple[str, str]]
) -> None:
    daily = await made(shop, "0 7 * * *", missed=missed)

    shop.time.passes(late)
    await recur(shop.engine)

    assert await came(daily) == expected
    assert await Message.all().count() == sum(outcome == "accepted" for _, outcome in expected)
    after = await RecurringMessage.get(id=daily.id)
    assert after.next_at is not None
    assert shop.time() < after.next_at <= shop.time() + DAY


async def test_it_ends_after_so_many_times(shop: Shop) -> None:
    hourly = await made(shop, "0 * * * *", times=2)
    for _ in range(4):
        shop.time.passes(HOUR)
        await recur(shop.engine)

    assert await came(hourly) == [("15 09:00", "accepted"), ("15 10:00", "accepted")]
    ended = await RecurringMessage.get(id=hourly.id)
    assert (ended.state, ended.next_at, ended.occurred) == (RecurringState.ENDED.value, None, 2)


async def test_it_ends_at_its_date_and_what_was_due_before_comes_even_late(shop: Shop) -> None:
    hourly = await made(shop, "0 * * * *", until=BEGIN + 2 * HOUR)

    shop.time.passes(5 * HOUR)
    await recur(shop.engine)

    assert await came(hourly) == [("15 10:00", "accepted")]
    assert (await RecurringMessage.get(id=hourly.id)).state == RecurringState.ENDED.value


async def test_it_follows_the_clock_of_its_channel(shop: Shop) -> None:
    shop.time.now = int(datetime(2027, 3, 27, 12, tzinfo=UTC).timestamp() * 1000)
    daily = await made(shop, "30 2 * * *", key="berlin")
    for _ in range(3 * 24):
        shop.time.passes(HOUR // 2)
        await recur(shop.engine)
        shop.time.passes(HOUR // 2)
        await recur(shop.engine)

    assert await came(daily) == [("28 01:00", "accepted"), ("29 00:30", "accepted"), ("30 00:30", "accepted")]


async def test_what_cannot_be_sent_by_then_is_refused_visibly_and_the_next_one_comes(shop: Shop) -> None:
    daily = await made(shop, "0 9 * * *", SendRequest({"broadcast": True}, template="shipped", variables={"name": "x"}))
    shop.time.passes(HOUR)
    await declares(shop, "name: shipped", "name: posted")
    await recur(shop.engine)
    await declares(shop, "name: posted", "name: shipped")
    shop.time.passes(DAY)
    await recur(shop.engine)

    assert await came(daily) == [("15 09:00", "refused"), ("16 09:00", "accepted")]
    refused = await Occurrence.get(outcome="refused")
    assert [problem["code"] for problem in refused.problems] == ["unknown_template"]
    assert (await Message.get()).revision == 3


async def declares(shop: Shop, before: str, after: str) -> None:
    file = shop.engine.settings.config / "shop.yaml"
    file.write_text(file.read_text().replace(before, after))
    await reconcile(shop.engine.settings, write=True, options=PRUNE)
    shop.engine.snapshots.look_again()


async def test_each_occurrence_keeps_the_quiet_times(shop: Shop) -> None:
    low = replace(REQUEST, priority=Priority.LOW)
    with pytest.raises(CallerRefused) as refused:
        await made(shop, "0 23 * * *", low, key="berlin")
    evening = await made(shop, "0 20,23 * * *", low, key="berlin")
    for hours in (11, 3):
        shop.time.passes(hours * HOUR)
        await recur(shop.engine)

    assert [(p.code, p.path) for p in refused.value.problems] == [("do_not_disturb", "input.message.sendAt")]
    assert await came(evening) == [("15 19:00", "accepted"), ("15 22:00", "refused")]


async def test_while_it_is_paused_nothing_comes_and_nothing_is_made_up_for(shop: Shop) -> None:
    hourly = await made(shop, "0 * * * *")
    channel = (await shop.engine.snapshots.newest()).channel("shop")
    assert channel is not None
    await recurring.pause("shop", hourly.id)
    shop.time.passes(5 * HOUR + 1)
    paused = await recur(shop.engine)
    await recurring.resume(shop.engine, channel, hourly.id)
    resumed = await recur(shop.engine)
    shop.time.passes(HOUR)

    assert (paused, resumed, await recur(shop.engine)) == (0, 0, 1)
    assert await came(hourly) == [("15 14:00", "accepted")]


async def test_what_is_cancelled_is_over(shop: Shop) -> None:
    hourly = await made(shop, "0 * * * *")
    channel = (await shop.engine.snapshots.newest()).channel("shop")
    assert channel is not None
    await recurring.cancel("shop", hourly.id)
    shop.time.passes(5 * HOUR)

    assert await recur(shop.engine) == 0
    with pytest.raises(CallerRefused, match="is cancelled, expected paused"):
        await recurring.resume(shop.engine, channel, hourly.id)


async def test_the_same_key_makes_one_and_other_input_is_a_problem(shop: Shop) -> None:
    first = await made(shop, "0 * * * *", idempotency_key="k")

    assert (await made(shop, "0 * * * *", idempotency_key="k")).id == first.id
    with pytest.raises(CallerRefused, match="whose input was different"):
        await made(shop, "1 * * * *", idempotency_key="k")


@pytest.mark.parametrize(
    ("cron", "request_", "more", "problems"),
    [
        ("0 9 * *", REQUEST, {}, [("invalid_cron", "input.cron")]),
        ("0 9 31 2 *", REQUEST, {}, [("invalid_cron", "input.cron")]),
        ("0 9 * * *", REQUEST, {"times": 0}, [("invalid", "input.times")]),
        ("0 9 * * *", REQUEST, {"until": BEGIN}, [("never", "input.until")]),
        ("0 9 * * *", replace(REQUEST, send_at=BEGIN), {}, [("not_here", "input.message.sendAt")]),
        ("0 9 * * *", replace(REQUEST, idempotency_key="k"), {}, [("not_here", "input.message.idempotencyKey")]),
        ("0 9 * * *", replace(REQUEST, policy="none"), {}, [("unknown_policy", "input.message.policy")]),
        ("x", replace(REQUEST, policy="none"), {}, [("invalid_cron", "input.cron"),
                                                    ("unknown_policy", "input.message.policy")]),
    ],
    ids=str,
)  # fmt: skip
async def test_what_cannot_be_is_refused_with_every_problem(
    shop: Shop, cron: str, request_: SendRequest, more: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    with pytest.raises(CallerRefused) as refused:
        await made(shop, cron, request_, **more)

    assert [(p.code, p.path) for p in refused.value.problems] == problems
    assert await RecurringMessage.all().count() == 0


async def test_who_is_forgotten_is_in_no_recurring_message_either(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    one = await made(shop, "0 * * * *", replace(REQUEST, audience={"users": {"userIds": ["ann", "bob"]}}))
    two = await made(shop, "0 * * * *", replace(REQUEST, audience={"users": {"userIds": None, "tags": ["vip"]}}))

    await forget(await shop.engine.snapshots.newest(), "ann", shop.time())

    kept = [(await RecurringMessage.get(id=each.id)).request["audience"]["users"] for each in (one, two)]
    assert [users["userIds"] for users in kept] == [["forgotten", "bob"], []]


async def test_what_is_over_is_forgotten_with_the_history(shop: Shop) -> None:
    await made(shop, "0 9 * * *", times=1)
    going = await made(shop, "0 9 * * *")
    shop.time.passes(DAY)
    await recur(shop.engine)
    await switch("shop", "app", False, author="ada", now=shop.time())
    shop.engine.snapshots.look_again()
    shop.time.passes(DAY)
    await recur(shop.engine)
    assert await came(going) == [("15 09:00", "accepted"), ("16 09:00", "refused")]
    await recurring.pause("shop", going.id)

    shop.time.passes(61 * DAY)
    while await expire(shop.engine):
        pass

    assert await fetch(connection(), "SELECT count(*) AS n FROM recurring_occurrence") == [{"n": 0}]
    assert [row.id for row in await RecurringMessage.all()] == [going.id]

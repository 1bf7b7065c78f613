"""Scheduled messages go out once, and on time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest

from tests.shop import APP, Time, open_shop, person
from ums.messaging.delivering.drain import drain, sweep
from ums.messaging.engine import Engine, running
from ums.messaging.sending.recurring import Wish, create
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.messaging.worker import serve
from ums.models import RecurringMessage
from ums.people.users import Scope, upsert
from ums.reconcile import reconcile
from ums.sandbox import Sandbox, sandbox
from ums.settings import Settings
from ums.vocabulary import Priority, SandboxAddress, system_clock

MINUTE = 60_000


@pytest.fixture
async def stand_ins(postgres_settings: Settings) -> AsyncIterator[tuple[Settings, Sandbox]]:
    settings = open_shop(postgres_settings)
    await reconcile(settings, write=True)
    async with sandbox(SandboxAddress.parse(settings.sandbox), "http://127.0.0.1:9") as found:
        yield settings, found


async def scheduled(engine: Engine, at: Sequence[int]) -> None:
    """A message to somebody of its own at each of these times."""
    people = [person(f"u{n}", app=[f"rid-{n}"]) for n in range(len(at))]
    await upsert(people, Scope(frozenset({"shop"}), frozenset({"app"})), engine.clock())
    channel = (await engine.snapshots.newest()).channel("shop")
    assert channel is not None
    for n, when in enumerate(at):
        request = SendRequest(audience={"users": {"userIds": [f"u{n}"]}}, content={"app": APP}, send_at=when)
        await send(engine, channel, request)


async def test_three_workers_fire_1000_messages_that_are_due_at_the_same_time_once_each(
    stand_ins: tuple[Settings, Sandbox],
) -> None:
    settings, providers = stand_ins
    time = Time()
    async with AsyncExitStack() as stack:
        engines = [await stack.enter_async_context(running(settings, time)) for _ in range(3)]
        await scheduled(engines[0], [time() + MINUTE] * 1000)
        await asyncio.gather(*(drain(engine, Priority.MEDIUM) for engine in engines))
        assert providers.record("jpush").addresses == []
        time.passes(MINUTE)

        await asyncio.gather(*(drain(engine, Priority.MEDIUM) for engine in engines for _ in range(2)))

    reached = Counter(providers.record("jpush").addresses)
    assert reached == Counter(f"rid-{n}" for n in range(1000))


async def test_an_idle_worker_fires_within_a_second(stand_ins: tuple[Settings, Sandbox]) -> None:
    settings, providers = stand_ins
    async with running(settings, system_clock) as engine:
        working = asyncio.create_task(serve(engine))
        await asyncio.sleep(1)  # it is idle
        due = system_clock() + 1500
        await scheduled(engine, [due])
        while not providers.record("jpush").addresses:
            await asyncio.sleep(0.01)
            assert system_clock() < due + 1000
        took = system_clock() - due
        engine.stopping.set()
        await working

    assert 0 <= took <= 1000


async def test_an_idle_worker_sends_what_recurs_within_a_second(stand_ins: tuple[Settings, Sandbox]) -> None:
    settings, providers = stand_ins
    async with running(settings, system_clock) as engine:
        await upsert([person("ann", app=["rid-ann"])], Scope(frozenset({"shop"}), frozenset({"app"})), engine.clock())
        channel = (await engine.snapshots.newest()).channel("shop")
        assert channel is not None
        made = await create(engine, channel, Wish(SendRequest({"broadcast": True}, {"app": APP}), "0 0 * * *"))
        working = asyncio.create_task(serve(engine))
        await asyncio.sleep(1)  # it is idle
        due = system_clock() + 1500
        await RecurringMessage.filter(id=made.id).update(next_at=due)
        while not providers.record("jpush").addresses:
            await asyncio.sleep(0.01)
            assert system_clock() < due + 1000
        took = system_clock() - due
        engine.stopping.set()
        await working

    assert 0 <= took <= 1000


async def test_the_sweeper_wakes_a_lane_when_something_is_due_and_not_at_its_next_round(
    stand_ins: tuple[Settings, Sandbox],
) -> None:
    settings, _ = stand_ins
    async with running(settings, system_clock) as engine:
        due = system_clock() + 700
        await scheduled(engine, [due])
        drained = asyncio.get_running_loop().create_future()

        async def answer(lane: Priority) -> None:
            if system_clock() >= due and not drained.done():
                drained.set_result(system_clock())

        consumers = engine.lanes.consumers(answer, {Priority.MEDIUM: 1})
        consumers.start()
        sweeping = asyncio.create_task(sweep(engine, every=30))
        woken = await asyncio.wait_for(drained, 10)
        engine.stopping.set()
        await sweeping
        await consumers.stop()

    assert woken - due < 1000

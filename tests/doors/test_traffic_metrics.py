"""`/metrics`: the traffic."""

from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Api
from tests.api.test_messages import knows_ann_and_bob, sent
from tests.shop import Time
from ums.database import connection, execute
from ums.messaging.delivering.receipts import apply
from ums.messaging.keeping.nights import look
from ums.models import Attempt
from ums.providers.contract import Receipt
from ums.vocabulary import Reason, State


async def scraped(api: Api) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels."""
    async with api.session.get(f"{api.url}/metrics") as response:
        assert response.status == 200
        families = text_string_to_metric_families(await response.text())
        return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


async def test_targets_are_counted_by_channel_delivery_channel_and_reason(api: Api) -> None:
    await knows_ann_and_bob(api)
    await sent(api)
    await sent(api, audience={"users": {"userIds": ["nobody"]}})
    await api.works()
    attempt = await Attempt.get()
    assert attempt.provider_id
    failure = Receipt(attempt.provider_id, "rid-ann", State.UNDELIVERED, api.engine.clock(), Reason.UNREACHABLE)
    await apply(api.engine, "app", [failure, Receipt(attempt.provider_id, "rid-bob", State.DELIVERED, 1)])

    found = await scraped(api)

    assert found["ums_messages_total", "shop"] == 2
    names = ("accepted", "submitted", "delivered")
    assert [found[f"ums_targets_{name}_total", "shop", "app"] for name in names] == [2, 2, 1]
    assert found["ums_targets_failed", "shop", "app", "unreachable"] == 1
    assert found["ums_users_lost", "shop", "unknown_user"] == 1
    assert found["ums_provider_calls_recent", "app", "answered"] == 1
    assert ("ums_provider_call_seconds", "app", "0.99") in found


async def test_lanes_say_how_much_is_due_and_for_how_long(api: Api) -> None:
    assert (await scraped(api))["ums_lane_due_targets", "medium"] == 0
    await execute(
        connection(),
        """INSERT INTO batch (message_id, delivery_channel, priority, first_id, last_id, turn_at, due_at, deadline_at,
        lease_until, lease_token, attempts, request_key) VALUES (1, 'app', 2, 11, 40, 0, $1, $1, 0, '', 0, '')""",
        api.engine.clock() - 90_000,
    )

    found = await scraped(api)

    assert found["ums_lane_due_targets", "medium"] == 30
    assert found["ums_lane_due_batches", "medium"] == 1
    assert found["ums_lane_oldest_due_seconds", "medium"] == 90
    assert found["ums_lane_oldest_due_seconds", "high"] == 0


async def test_the_nightly_check_says_how_many_counters_were_wrong(api: Api) -> None:
    await knows_ann_and_bob(api)
    await sent(api)
    await api.works()
    await execute(connection(), "UPDATE channel_count SET number = 7 WHERE attribution = 0 AND state = -1")
    clock = api.engine.clock
    assert isinstance(clock, Time)
    clock.passes(86_400_000)
    await look(api.engine)

    found = await scraped(api)

    assert (found["ums_counters_wrong", "shop"], found["ums_counters_wrong", "ops"]) == (1, 0)
    assert found["ums_counters_checked_seconds", "shop"] == clock.now / 1000
    ask = "{ statistics { lastCheck { day at wrong } } }"
    told = {"day": "2027-01-15", "at": "2027-01-16T08:00:00+00:00", "wrong": 1}
    assert await api.asks(ask) == {"statistics": {"lastCheck": told}}

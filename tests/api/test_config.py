"""What the API tells a Channel of the configuration, and the switch."""

from typing import Any

from tests.api.conftest import Api
from tests.api.test_sending import CONTENT, SEND
from ums.models import DeliveryChannelStatus, WatchStatus
from ums.reconcile import Note, Options, reconcile

SWITCH = """mutation ($code: String!, $enabled: Boolean!) {
  setDeliveryChannelEnabled(deliveryChannel: $code, enabled: $enabled) { enabled problems { code path message } } }"""
DRIFT = "{ config { drift { kind name path declared live } } }"
STATUS = "{ config { resources { kind name status reason } } }"
HISTORY = """query ($first: Int) { config { history(first: $first) {
  number author commit message summary { create update delete } } } }"""


async def turn(api: Api, code: str, enabled: bool, **caller: str) -> Any:
    return (await api.answers(SWITCH, code=code, enabled=enabled, **caller))["data"]["setDeliveryChannelEnabled"]


async def invalid(api: Api) -> dict[str, str]:
    found = (await api.asks(STATUS))["config"]["resources"]
    assert all((resource["status"] == "INVALID") == bool(resource["reason"]) for resource in found)
    return {resource["name"]: resource["reason"] for resource in found if resource["reason"]}


async def change(api: Api, old: str, new: str, note: Note | None = None, **options: Any) -> None:
    """Apply the shop's file with a change in it."""
    file = api.engine.settings.config / "shop.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    await reconcile(api.engine.settings, write=True, note=note, options=Options(**options))
    api.engine.clock.passes(1000)  # type: ignore[attr-defined]  # the fixture's own clock


async def test_a_switch_takes_effect_at_once_and_shows_as_drift(api: Api) -> None:
    assert await turn(api, "sms", False) == {"enabled": False, "problems": []}

    assert await api.asks(DRIFT) == {
        "config": {
            "drift": [
                {
                    "kind": "Channel",
                    "name": "shop",
                    "path": "deliveryChannels.sms.enabled",
                    "declared": True,
                    "live": False,
                }
            ]
        }
    }
    assert await invalid(api) == {
        "shop/app-then-sms": "sms is switched off in Channel shop",
        "shop/shipped": "Channel shop has no enabled DeliveryChannel for its content: sms",
    }


async def test_a_switched_off_delivery_channel_cannot_be_sent_through(api: Api) -> None:
    await turn(api, "app", False)

    answer = await api.asks(SEND, input={"audience": {"broadcast": True}, "body": CONTENT, "deliveryChannels": ["app"]})

    assert [problem["code"] for problem in answer["sendMessage"]["problems"]] == ["not_granted"]


async def test_switching_back_leaves_no_drift_and_everything_valid(api: Api) -> None:
    await turn(api, "sms", False)

    assert await turn(api, "sms", True) == {"enabled": True, "problems": []}

    assert await api.asks(DRIFT) == {"config": {"drift": []}}
    assert await invalid(api) == {}


async def test_what_the_file_switched_off_can_be_switched_on(api: Api) -> None:
    ops = {"user": "ops", "password": "sandbox-ops-master-secret"}

    assert await turn(api, "mail", True, **ops) == {"enabled": True, "problems": []}

    assert (await api.answers(DRIFT, **ops))["data"]["config"]["drift"] == [
        {"kind": "Channel", "name": "ops", "path": "deliveryChannels.mail.enabled", "declared": False, "live": True}
    ]
    assert await api.asks(DRIFT) == {"config": {"drift": []}}


async def test_only_what_is_granted_can_be_switched(api: Api) -> None:
    ops = {"user": "ops", "password": "sandbox-ops-master-secret"}

    assert await turn(api, "sms", False, **ops) == {
        "enabled": None,
        "problems": [
            {
                "code": "not_granted",
                "path": "deliveryChannel",
                "message": "sms is not granted to Channel ops; known: app, mail",
            }
        ],
    }
    assert (await turn(api, "ap", False))["problems"][0]["message"] == (
        "ap is not granted to Channel shop; did you mean 'app'?"
    )


async def test_a_switch_outlives_an_apply_that_says_nothing_of_it(api: Api) -> None:
    await turn(api, "sms", False)

    await change(api, "title: Shop App", "title: The app")

    assert [drift["live"] for drift in (await api.asks(DRIFT))["config"]["drift"]] == [False]


async def test_an_apply_that_changes_what_was_switched_ends_the_switch(api: Api) -> None:
    await change(api, "[app, sms, mail]", "[app, {name: sms, enabled: false}, mail]")
    await turn(api, "sms", True)

    await change(api, "{name: sms, enabled: false}", "{name: sms, enabled: true}")

    assert await api.asks(DRIFT) == {"config": {"drift": []}}
    assert await invalid(api) == {}


async def test_an_apply_that_adopts_ends_every_switch(api: Api) -> None:
    await turn(api, "sms", False)

    await change(api, "Shop SMS", "Shop SMS", adopt=True)

    assert await api.asks(DRIFT) == {"config": {"drift": []}}
    assert await invalid(api) == {}


async def test_the_history_tells_a_channel_what_concerns_it(api: Api) -> None:
    await change(api, "title: Shop SMS", "title: Texts", Note("ada", "c0ffee", "a better name"))
    await change(api, "deliveryChannels: [app, {name: mail", "title: Ops\ndeliveryChannels: [app, {name: mail")

    found = (await api.asks(HISTORY))["config"]["history"]

    assert found == [
        {
            "number": 2,
            "author": "ada",
            "commit": "c0ffee",
            "message": "a better name",
            "summary": {"create": 0, "update": 1, "delete": 0},
        },
        {"number": 1, "author": "", "commit": "", "message": "", "summary": {"create": 6, "update": 0, "delete": 0}},
    ]
    assert (await api.asks(HISTORY, first=1))["config"]["history"] == found[:1]


async def test_a_deleted_object_is_told_as_one(api: Api) -> None:
    file = api.engine.settings.config / "shop.yaml"
    kept = [part for part in file.read_text().split("---\n") if "kind: SendPolicy" not in part]
    file.write_text("---\n".join(kept))
    await reconcile(api.engine.settings, write=True, options=Options(prune=True))

    found = (await api.asks(HISTORY))["config"]["history"]

    assert [revision["summary"] for revision in found] == [
        {"create": 0, "update": 0, "delete": 1},
        {"create": 6, "update": 0, "delete": 0},
    ]


async def test_the_watch_tells_how_its_last_round_ended(api: Api) -> None:
    query = "{ config { status { status revision commit checkedAt } } }"
    assert await api.asks(query) == {"config": {"status": None}}

    await WatchStatus.create(
        id=1, status="Synced", revision=1, commit="c0ffee", message="", checked_at=1_700_000_000_000
    )

    assert await api.asks(query) == {
        "config": {
            "status": {
                "status": "Synced",
                "revision": 1,
                "commit": "c0ffee",
                "checkedAt": "2023-11-14T22:13:20+00:00",
            }
        }
    }


async def test_a_failed_message_says_why(api: Api) -> None:
    sent = await api.asks(
        SEND, input={"audience": {"broadcast": True}, "body": CONTENT, "sendAt": "2027-01-15T08:01:00Z"}
    )
    await turn(api, "app", False)
    api.engine.clock.passes(60_000)  # type: ignore[attr-defined]  # the fixture's own clock

    await api.works()

    found = await api.asks(
        "query ($id: ID!) { message(id: $id) { state failure } }", id=sent["sendMessage"]["message"]["id"]
    )
    assert found["message"] == {"state": "FAILED", "failure": "app is switched off in Channel shop"}


async def test_a_delivery_channel_that_keeps_failing_says_so_with_the_reason(api: Api) -> None:
    now = api.engine.clock()
    await DeliveryChannelStatus.create(
        delivery_channel="sms", closed_until=now + 5000, failures=7, since=now, code="50002", words="auth failed"
    )
    await DeliveryChannelStatus.create(delivery_channel="mail", closed_until=now + 5000)
    await DeliveryChannelStatus.create(delivery_channel="corp", closed_until=now + 5000, failures=9)

    found = (await api.asks(STANDINGS))["config"]["deliveryChannels"]

    assert [(one["deliveryChannel"], one["standing"], one["failures"], one["code"]) for one in found] == [
        ("app", "WORKING", 0, ""),
        ("mail", "PAUSED", 0, ""),
        ("sms", "FAILING", 7, "50002"),
    ]
    assert (found[0]["closedUntil"], found[2]["words"]) == (None, "auth failed")


STANDINGS = "{ config { deliveryChannels { deliveryChannel standing closedUntil failures since code words } } }"

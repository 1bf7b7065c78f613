"""Messages that wait for their time: listed, changed, called off; and messages sent again, or deleted."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.test_messages import RECALL, knows_ann_and_bob, sent
from tests.api.test_sending import CONTENT, SEND
from ums.database import connection, fetch
from ums.messaging.keeping.retention import expire
from ums.models import Message
from ums.reconcile import reconcile

CHANGED = "message { id state template policy sendNo sendAt content } problems { code path }"
UPDATE = f"""mutation ($id: ID!, $input: ChangeMessageInput!) {{
  updateScheduledMessage(id: $id, input: $input) {{ {CHANGED} }} }}"""
FORWARD = f"""mutation ($id: ID!, $input: ForwardMessageInput!) {{
  forwardMessage(id: $id, input: $input) {{ {CHANGED} }} }}"""
CANCEL = f"mutation ($id: ID!) {{ cancelScheduledMessage(id: $id) {{ {CHANGED} }} }}"
DELETE = "mutation ($id: ID!) { deleteMessage(id: $id) { deleted problems { code } } }"
LIST = "query ($filter: MessageFilter) { messages(filter: $filter) { edges { node { id } } } }"
OTHER: dict[str, Any] = {"content": {"app": {"platform": "all", "notification": {"alert": "other"}}}}
HOUR = 3_600_000


def later(api: Api, ms: int = HOUR) -> str:
    return datetime.fromtimestamp((api.engine.clock() + ms) / 1000, UTC).isoformat()


def passes(api: Api, ms: int = HOUR) -> None:
    api.engine.clock.passes(ms)  # type: ignore[attr-defined]  # the fixture's own clock


async def listed(api: Api, **narrow: Any) -> list[str]:
    return [edge["node"]["id"] for edge in (await api.asks(LIST, filter=narrow))["messages"]["edges"]]


def code(payload: dict[str, Any]) -> str:
    (answer,) = payload.values()
    return str(answer["problems"][0]["code"])


def alerts(api: Api) -> list[str]:
    return [said["push"]["notification"]["alert"] for said in api.sandbox.record("jpush").accepted]


async def test_messages_are_found_by_what_they_are(api: Api) -> None:
    now = await sent(api, sendNo="a", owner="ada")
    scheduled = await sent(api, sendAt=later(api))
    template = {"template": {"name": "shipped", "variables": {"name": "Ann"}}}
    made = await sent(api, body=template, audience={"users": {"userIds": ["ann"]}}, policy="app-then-sms")
    mail = {"content": {"email": {"subject": "s", "text": "t"}}}
    direct = await sent(api, body=mail, audience={"addresses": [{"type": "EMAIL", "addresses": ["a@b.org"]}]})

    assert await listed(api) == [direct, made, scheduled, now]
    assert await listed(api, scheduled=True) == [scheduled]
    assert await listed(api, scheduled=False) == [direct, made, now]
    assert await listed(api, sendFrom=later(api, 1)) == [scheduled]
    assert await listed(api, sendBefore=later(api, 1)) == [direct, made, now]
    assert await listed(api, fromTemplate=True) == [made]
    assert await listed(api, fromTemplate=False, type="APP") == [scheduled, now]
    assert await listed(api, type="EMAIL") == [direct, made]
    assert await listed(api, audience="USERS") == [made]
    assert await listed(api, audience="ADDRESSES") == [direct]
    assert await listed(api, audience="BROADCAST", state="WAITING") == [scheduled, now]
    assert await listed(api, deliveryChannel="sms") == [made]
    assert await listed(api, policy="app-then-sms", template="shipped") == [made]
    assert await listed(api, sendNo="a", owner="ada") == [now]


async def test_messages_are_found_by_what_they_say_and_not_by_what_its_fields_are_called(api: Api) -> None:
    async def says(alert: str) -> str:
        return await sent(api, body={"content": {"app": {"platform": "all", "notification": {"alert": alert}}}})

    quoted, percent, chinese = await says('The "Summer" sale'), await says("5% off_now"), await says("双十一大促")
    mail = await sent(api, body={"content": {"email": {"subject": "Summer", "text": "<p>Only today</p>"}}})

    assert await listed(api, text="summer") == [mail, quoted]
    assert await listed(api, text='"SUMMER"') == [quoted]
    assert await listed(api, text="only TODAY") == [mail]
    assert await listed(api, text="5% off_") == [percent]
    assert await listed(api, text="十一") == [chinese]
    assert await listed(api, text="summer", type="APP") == [quoted]
    for nothing in ("notification", "o%f", "5__off"):
        assert await listed(api, text=nothing) == []


async def test_a_scheduled_message_says_what_it_was_changed_to_when_it_was_changed_to(api: Api) -> None:
    await knows_ann_and_bob(api)
    message = await sent(api, sendAt=later(api), sendNo="7")

    changed = {"body": OTHER, "sendAt": later(api, 2 * HOUR)}
    payload = (await api.asks(UPDATE, id=message, input=changed))["updateScheduledMessage"]
    passes(api)
    await api.works()
    early = alerts(api)
    passes(api)
    await api.works()

    assert (payload["problems"], payload["message"]["id"], payload["message"]["sendNo"]) == ([], message, "7")
    assert payload["message"]["content"] == OTHER["content"]
    assert (early, alerts(api)) == ([], ["other"])


async def test_what_is_left_out_of_a_change_stays(api: Api) -> None:
    template = {"template": {"name": "shipped", "variables": {"name": "Ann"}}}
    message = await sent(api, body=template, policy="app-then-sms", sendAt=later(api))

    payload = (await api.asks(UPDATE, id=message, input={"sendNo": "8"}))["updateScheduledMessage"]

    found = payload["message"]
    assert (found["template"], found["policy"], found["sendNo"]) == ("shipped", "app-then-sms", "8")
    assert set(found["content"]) == {"app", "sms", "email"}


async def test_a_change_is_held_against_every_check_of_a_send(api: Api) -> None:
    message = await sent(api, sendAt=later(api))

    payload = await api.asks(UPDATE, id=message, input={"policy": "none-such"})

    assert payload["updateScheduledMessage"]["problems"] == [{"code": "unknown_policy", "path": "input.policy"}]


async def test_the_same_key_stands_for_the_changed_message(api: Api) -> None:
    given = {"audience": {"broadcast": True}, "body": CONTENT, "sendAt": later(api), "idempotencyKey": "k"}
    first = (await api.asks(SEND, input=given))["sendMessage"]["message"]["id"]
    await api.asks(UPDATE, id=first, input={"sendNo": "9"})

    again = (await api.asks(SEND, input=given))["sendMessage"]["message"]

    assert (again["id"], again["sendNo"]) == (first, "9")


async def test_a_cancelled_message_is_never_sent(api: Api) -> None:
    await knows_ann_and_bob(api)
    message = await sent(api, sendAt=later(api))

    payload = (await api.asks(CANCEL, id=message))["cancelScheduledMessage"]
    passes(api)
    await api.works()

    assert (payload["message"]["state"], alerts(api)) == ("CANCELLED", [])
    assert await listed(api, state="CANCELLED") == [message]
    assert code(await api.asks(CANCEL, id=message)) == "already_cancelled"
    assert code(await api.asks(RECALL, id=message)) == "never_sent"


async def test_whose_time_has_come_can_be_changed_no_more(api: Api) -> None:
    at_once, scheduled = await sent(api), await sent(api, sendAt=later(api))
    passes(api)

    found = [code(await api.asks(query, id=m, input={})) for query in (UPDATE, CANCEL) for m in (at_once, scheduled)]

    assert found == ["not_scheduled", "too_late"] * 2


async def test_a_message_is_forwarded_to_others_and_at_another_time(api: Api) -> None:
    await knows_ann_and_bob(api)
    body = {"template": {"name": "shipped", "variables": {"name": "Ann"}}}
    first = await sent(api, body=body, audience={"users": {"userIds": ["ann"]}})
    await api.works()

    changes = {"audience": {"users": {"userIds": ["bob"]}}, "sendAt": later(api), "idempotencyKey": "f"}
    payloads = [(await api.asks(FORWARD, id=first, input=changes))["forwardMessage"] for _ in range(2)]
    passes(api)
    await api.works()

    assert payloads[0] == payloads[1]
    assert payloads[0]["message"]["id"] != first
    assert payloads[0]["message"]["template"] == "shipped"
    assert api.sandbox.record("jpush").addresses == ["rid-ann", "rid-bob"]
    assert len(set(alerts(api))) == 1


async def test_who_is_filtered_out_stays_so_in_a_change_and_in_a_forward(api: Api) -> None:
    await declares_lists(api)
    first = await sent(api, blacklist="angry", sendAt=later(api))
    await api.asks(UPDATE, id=first, input={"sendNo": "8"})

    copy = (await api.asks(FORWARD, id=first, input={}))["forwardMessage"]["message"]["id"]
    white = (await api.asks(FORWARD, id=first, input={"whitelist": "pilot"}))["forwardMessage"]["message"]["id"]
    everybody = (await api.asks(FORWARD, id=first, input={"blacklist": None}))["forwardMessage"]["message"]["id"]

    kept = {str(row.id): row.audience for row in await Message.all()}
    assert kept[first] == kept[copy] == {"broadcast": True, "blacklist": "angry"}
    assert kept[white] == {"broadcast": True, "whitelist": "pilot"}
    assert kept[everybody] == {"broadcast": True}
    assert await listed(api, audience="BROADCAST") == [everybody, white, copy, first]


LISTS = """
---
apiVersion: ums/v1
kind: Blacklist
channel: shop
name: angry
membership: api
---
apiVersion: ums/v1
kind: Whitelist
channel: shop
name: pilot
membership: api
"""


async def declares_lists(api: Api) -> None:
    file = api.engine.settings.config / "shop.yaml"
    file.write_text(file.read_text() + LISTS)
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()


async def test_direct_addresses_are_forwarded_too(api: Api) -> None:
    first = await sent(api, audience={"addresses": [{"type": "APP", "addresses": ["rid-1"]}]})
    await api.works()

    await api.asks(FORWARD, id=first, input={})
    await api.works()

    assert api.sandbox.record("jpush").addresses == ["rid-1", "rid-1"]


@pytest.mark.parametrize("query", [UPDATE, CANCEL, FORWARD, DELETE, RECALL])
async def test_what_is_anothers_is_as_if_it_were_not_there(api: Api, query: str) -> None:
    message = await sent(api, sendAt=later(api))

    payload = await api.asks(query, user="ops", password="sandbox-ops-master-secret", id=message, input={})

    assert code(payload) == "unknown_message"


async def test_a_deleted_message_is_in_no_list_and_its_rows_go(api: Api) -> None:
    await knows_ann_and_bob(api)
    kept, message = await sent(api), await sent(api, idempotencyKey="k")
    assert code(await api.asks(DELETE, id=message)) == "not_over"
    await api.works()

    payload = (await api.asks(DELETE, id=message))["deleteMessage"]

    assert payload == {"deleted": True, "problems": []}
    assert await listed(api) == [kept]
    assert await api.asks("query ($id: ID!) { message(id: $id) { id } }", id=message) == {"message": None}
    assert code(await api.asks(DELETE, id=message)) == "unknown_message"
    while await expire(api.engine):
        pass
    for table in ("delivery", "recipient", "batch", "message_count", "message"):
        (left,) = await fetch(connection(), f"SELECT count(*) AS number FROM {table}")  # noqa: S608  # from above
        assert left["number"] == {"delivery": 2, "recipient": 2, "message_count": 4}.get(table, 1), table
    assert await sent(api, idempotencyKey="k") not in {kept, message}

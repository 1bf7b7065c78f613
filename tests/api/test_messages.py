"""Messages read back."""

from tests.api.conftest import Api
from tests.api.test_sending import CONTENT, SEND
from ums.messaging.after.take_back import take_back
from ums.messaging.delivering.receipts import apply
from ums.models import Attempt
from ums.providers.contract import Receipt, Via
from ums.reconcile import reconcile
from ums.vocabulary import AppPlatform, AppSender, State

UPSERT = "mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { written } }"


async def sent(api: Api, **given: object) -> str:
    payload = await api.asks(SEND, input={"audience": {"broadcast": True}, "body": CONTENT, **given})
    message: str = payload["sendMessage"]["message"]["id"]
    return message


async def knows_ann_and_bob(api: Api) -> None:
    people = [
        {"userId": name, "set": {"addresses": [{"type": "APP", "bind": "app", "values": [f"rid-{name}"]}]}}
        for name in ("ann", "bob")
    ]
    await api.asks(UPSERT, users=people)


async def test_a_message_tells_its_funnels_and_losses(api: Api) -> None:
    await knows_ann_and_bob(api)
    await api.asks(UPSERT, users=[{"userId": "eve"}])
    message = await sent(api)
    await api.works()

    found = await api.asks(
        """query ($id: ID!) { message(id: $id) {
          state users { planned effective sent delivered clicked deliveryRate clickRate }
          deliveryChannels { deliveryChannel funnel { sent } } losses { deliveryChannel stage reason number } } }""",
        id=message,
    )

    assert found["message"] == {
        "state": "DONE",
        "users": {
            "planned": 3, "effective": 2, "sent": 2, "delivered": 0, "clicked": 0,
            "deliveryRate": 0.0, "clickRate": None,
        },
        "deliveryChannels": [{"deliveryChannel": "app", "funnel": {"sent": 2}}],
        "losses": [{"deliveryChannel": None, "stage": "planned to effective", "reason": "no_address", "number": 1}],
    }  # fmt: skip


async def test_a_list_has_the_numbers_and_rates_of_each_message(api: Api) -> None:
    await knows_ann_and_bob(api)
    await api.asks(UPSERT, users=[{"userId": "eve"}])
    await sent(api)
    await api.works()
    (attempt,) = await Attempt.all()
    told = [("rid-ann", State.DELIVERED), ("rid-ann", State.CLICKED), ("rid-bob", State.UNDELIVERED)]
    receipts = [Receipt(str(attempt.provider_id), address, state, api.engine.clock()) for address, state in told]
    await apply(api.engine, "app", receipts)
    waiting = await sent(api, audience={"users": {"userIds": ["eve"]}}, sendAt="2027-01-16T08:00:00Z")

    found = await api.asks(
        """{ messages { edges { node { id state createdAt sendAt content
          users { effective sent deliveryRate clickRate } } } } }"""
    )

    later, first = (edge["node"] for edge in found["messages"]["edges"])
    assert (first["state"], first["content"]) == ("DONE", CONTENT["content"])
    assert first["users"] == {"effective": 2, "sent": 2, "deliveryRate": 0.5, "clickRate": 1.0}
    assert (later["id"], later["state"], later["sendAt"]) == (waiting, "WAITING", "2027-01-16T08:00:00+00:00")
    assert later["users"] == {"effective": 0, "sent": 0, "deliveryRate": None, "clickRate": None}


async def test_messages_are_paged_the_newest_first(api: Api) -> None:
    ids = [await sent(api, sendNo=str(n)) for n in range(5)]
    query = """query ($after: String) { messages(first: 2, after: $after) {
      edges { node { id } } pageInfo { hasNextPage endCursor } } }"""

    found, after = [], None
    for _ in range(3):
        page = (await api.asks(query, after=after))["messages"]
        found += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]

    assert found == ids[::-1]
    assert page["pageInfo"]["hasNextPage"] is False


async def test_messages_are_filtered(api: Api) -> None:
    await sent(api, sendNo="1")
    urgent = await sent(api, sendNo="2", priority="HIGH")

    found = await api.asks("{ messages(filter: {priority: HIGH}) { edges { node { id sendNo } } } }")

    assert found == {"messages": {"edges": [{"node": {"id": urgent, "sendNo": "2"}}]}}


async def test_the_deliveries_of_a_message_are_paged(api: Api) -> None:
    await knows_ann_and_bob(api)
    message = await sent(api)
    await api.works()
    query = """query ($id: ID!, $after: String) { message(id: $id) { deliveries(first: 1, after: $after) {
      edges { node { address state } } pageInfo { hasNextPage endCursor } } } }"""

    first = (await api.asks(query, id=message))["message"]["deliveries"]
    second = (await api.asks(query, id=message, after=first["pageInfo"]["endCursor"]))["message"]["deliveries"]

    assert [page["edges"][0]["node"] for page in (first, second)] == [
        {"address": "rid-ann", "state": "SUBMITTED"},
        {"address": "rid-bob", "state": "SUBMITTED"},
    ]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


async def test_a_lifecycle_tells_operators_what_happened_and_engineers_what_was_called(api: Api) -> None:
    await knows_ann_and_bob(api)
    api.sandbox.play("jpush", api.sandbox.stages["jpush"].script.__class__(busy=1))
    message = await sent(api)
    await api.works()
    api.engine.clock.passes(60_000)  # type: ignore[attr-defined]  # the fixture's own clock
    await api.works()

    (life,) = (
        await api.asks(
            """query ($id: ID!) { lifecycle(messageId: $id, target: "ann") {
              target state progress { what deliveryChannel address }
              log { number targets verdict worker revision requests } } }""",
            id=message,
        )
    )["lifecycle"]

    worker = api.engine.worker
    wire = [line.rpartition(": ")[2].partition(",")[0] for entry in life["log"] for line in entry.pop("requests")]
    assert wire == ["HTTP 200", "HTTP 429", "HTTP 200"]
    assert life == {
        "target": "ann",
        "state": "SUBMITTED",
        "progress": [
            {"what": "accepted", "deliveryChannel": "", "address": ""},
            {"what": "planned", "deliveryChannel": "app", "address": "rid-ann"},
            {"what": "submitted", "deliveryChannel": "app", "address": "rid-ann"},
        ],
        "log": [
            {"number": 1, "targets": 2, "verdict": "busy", "worker": worker, "revision": 1},
            {"number": 2, "targets": 2, "verdict": "answered", "worker": worker, "revision": 1},
        ],
    }


async def test_a_lifecycle_tells_which_device_it_was_and_who_brought_it_there(api: Api) -> None:
    await knows_ann_and_bob(api)
    message = await sent(api)
    await api.works()
    (attempt,) = await Attempt.all()
    via = Via(AppPlatform.ANDROID, AppSender.XIAOMI)
    told = Receipt(str(attempt.provider_id), "rid-ann", State.DELIVERED, api.engine.clock(), via=via)
    await apply(api.engine, "app", [told])

    found = await api.asks(
        """query ($id: ID!) {
          message(id: $id) { deliveries { edges { node { address appPlatform appSender } } } }
          lifecycle(messageId: $id, target: "ann") { progress { what appPlatform appSender } } }""",
        id=message,
    )

    xiaomi, unknown = {"appPlatform": "ANDROID", "appSender": "XIAOMI"}, {"appPlatform": None, "appSender": None}
    assert [edge["node"] for edge in found["message"]["deliveries"]["edges"]] == [
        {"address": "rid-ann", **xiaomi},
        {"address": "rid-bob", **unknown},
    ]
    assert found["lifecycle"][0]["progress"] == [
        *({"what": what, **unknown} for what in ("accepted", "planned", "submitted")),
        {"what": "delivered", **xiaomi},
    ]


async def test_a_lifecycle_tells_why_the_policy_did_what_it_did(api: Api) -> None:
    await knows_ann_and_bob(api)
    body = {"template": {"name": "shipped", "variables": {"name": "you"}}}
    message = await sent(api, body=body, policy="app-then-sms")
    await api.works()
    query = """query ($id: ID!) { lifecycle(messageId: $id, target: "ann") {
      nextCheckAt why { step verdict until because declaredAt { text file line revision commit } } } }"""

    (life,) = (await api.asks(query, id=message))["lifecycle"]

    reason = "step 2 (sms) waits: app may still be delivered within 5m"
    shop = (api.engine.settings.config / "shop.yaml").read_text().splitlines()
    line = 1 + shop.index("    when: {all: [{notDelivered: app, within: 5m}]}")
    place = {"text": f"config/shop.yaml:{line}", "file": "config/shop.yaml", "line": line, "revision": 1, "commit": ""}
    assert life["why"] == [
        {"step": 2, "verdict": "WAIT", "until": life["nextCheckAt"], "because": reason, "declaredAt": place}
    ]


async def test_a_lifecycle_is_found_by_address_too(api: Api) -> None:
    await knows_ann_and_bob(api)
    message = await sent(api)

    await api.works()
    query = 'query ($id: ID!) { lifecycle(messageId: $id, target: "rid-bob") { target } }'

    assert await api.asks(query, id=message) == {"lifecycle": [{"target": "bob"}]}


async def test_a_cursor_that_is_none_and_a_page_too_large_are_refused(api: Api) -> None:
    for arguments, words in (('after: "x"', "is not a cursor"), ("first: 1001", "expected 1 to 1000")):
        answer = await api.answers(f"{{ messages({arguments}) {{ edges {{ cursor }} }} }}")
        assert words in answer["errors"][0]["message"]


RECALL = """mutation ($id: ID!) { recallMessage(id: $id) { message { state } problems { code path message } } }"""


async def test_a_message_is_recalled_and_tells_what_came_of_it(api: Api) -> None:
    await knows_ann_and_bob(api)
    message = await sent(api)
    await api.works()

    payload = (await api.asks(RECALL, id=message))["recallMessage"]
    await take_back(api.engine)

    assert payload == {"message": {"state": "RECALLED"}, "problems": []}
    found = await api.asks(
        """query ($id: ID!) { message(id: $id) {
          recall { deliveryChannels { deliveryChannel outcome stopped takenBack arrived left } }
          deliveries { edges { node { state recall } } } }
          lifecycle(messageId: $id, target: "ann") { state progress { what } } }""",
        id=message,
    )
    app = {"deliveryChannel": "app", "outcome": "RECALLED", "stopped": 0, "takenBack": 2, "arrived": 0, "left": 0}
    assert found["message"]["recall"] == {"deliveryChannels": [app]}
    assert found["message"]["deliveries"]["edges"] == [{"node": {"state": "TAKEN_BACK", "recall": "RECALLED"}}] * 2
    told = [event["what"] for event in found["lifecycle"][0]["progress"]]
    assert sorted(told) == ["accepted", "message recalled", "planned", "submitted", "taken back"]


async def test_what_cannot_be_recalled_comes_back_as_a_problem(api: Api) -> None:
    for nobodys in ("4711", "no number", "99999999999999999999"):
        payload = (await api.asks(RECALL, id=nobodys))["recallMessage"]
        assert (payload["message"], payload["problems"][0]["code"]) == (None, "unknown_message")


async def test_a_message_that_was_deferred_says_from_when(api: Api) -> None:
    declared = api.engine.settings.config / "shop.yaml"
    rule = "timeZone: UTC\ndoNotDisturb: {mode: defer, periods: [{from: '08:00', to: '09:00'}]}"
    declared.write_text(declared.read_text().replace("[app, sms, mail]", f"[app, sms, mail]\n{rule}"))
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()

    payload = await api.asks(
        "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { sendAt deferredFrom } } }",
        input={
            "audience": {"users": {"userIds": ["ann"]}},
            "body": {"content": {"app": {"platform": "all", "notification": {"alert": "hello"}}}},
        },
    )

    at = {"sendAt": "2027-01-15T09:00:00+00:00", "deferredFrom": "2027-01-15T08:00:00+00:00"}
    assert payload["sendMessage"]["message"] == at

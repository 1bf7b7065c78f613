"""Reviews through the API: who sees what on the desk, decides, and what goes out then."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.test_messages import knows_ann_and_bob
from tests.api.test_scheduled import HOUR, alerts, later, passes
from tests.api.test_sending import CONTENT, SEND, TEMPLATE
from tests.members.declared import MEMBERS

RULES = """
---
apiVersion: ums/v1
kind: Member
name: mei
email: mei@shop.example
roles: [{role: auditor, channels: [shop]}]
---
apiVersion: ums/v1
kind: AuditRule
channel: shop
name: contents
on: message
messageKinds: [content]
targetKinds: [broadcast, tags, addresses]
levels: [[chen, mei], [root]]
"""

FIELDS = "ticket { id state version level turn mayDecide } problems { code path message }"
APPROVE = f"""mutation ($ticket: ID!, $seen: Int!, $comment: String = "") {{
  approve(ticket: $ticket, seen: $seen, comment: $comment) {{ {FIELDS} }} }}"""
REJECT = f"""mutation ($ticket: ID!, $seen: Int!, $comment: String!) {{
  reject(ticket: $ticket, seen: $seen, comment: $comment) {{ {FIELDS} }} }}"""
RESUBMIT = f"""mutation ($ticket: ID!, $input: ChangeMessageInput!) {{
  resubmit(ticket: $ticket, input: $input) {{ {FIELDS} }} }}"""
DESK = """query ($view: AuditView!, $filter: AuditTicketFilter, $first: Int = 20, $after: String) {
  auditTickets(view: $view, filter: $filter, first: $first, after: $after) {
    edges { node { id } } pageInfo { hasNextPage endCursor } } }"""
TICKET = """query ($id: ID, $message: ID) { auditTicket(id: $id, message: $message) {
  id channel state version level levels rules submitter owner
  history { login what level comment }
  message { id state sendAt content audience audienceSize deliveryChannels } template { name } } }"""
BROADCAST: dict[str, Any] = {"audience": {"broadcast": True}, "body": CONTENT}


@pytest.fixture
def more_declared() -> str:
    return MEMBERS + RULES


async def asks(api: Api, login: str, query: str, /, channel: str = "shop", **variables: Any) -> Any:
    """The data of an answer to a Member."""
    answer = await api.member_answers(query, await api.token(login), channel, **variables)
    assert "errors" not in answer, answer
    (data,) = answer["data"].values()
    return data


async def submitted(api: Api, **given: Any) -> str:
    """The id of a send of the Channel's own system."""
    payload = (await api.asks(SEND, input={**BROADCAST, "owner": "lin", **given}))["sendMessage"]
    assert payload["problems"] == []
    assert payload["message"]["state"] == "AUDITING"
    return str(payload["message"]["id"])


async def ticket_of(api: Api, message: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api.asks(TICKET, message=message))["auditTicket"]
    return found


async def decides(api: Api, login: str, message: str, query: str = APPROVE, **said: Any) -> Any:
    ticket = await ticket_of(api, message)
    return await asks(api, login, query, ticket=ticket["id"], seen=ticket["version"], **said)


async def desk(api: Api, login: str, view: str, **narrow: Any) -> list[str]:
    found = await asks(api, login, DESK, view=view, filter=narrow)
    return [edge["node"]["id"] for edge in found["edges"]]


def code(payload: dict[str, Any]) -> str:
    return str(payload["problems"][0]["code"])


async def test_two_levels_approve_and_then_it_goes_out(api: Api) -> None:
    await knows_ann_and_bob(api)
    message = await submitted(api)
    await api.works()

    first = await decides(api, "mei", message, comment="fine")
    await api.works()
    between = alerts(api)
    second = await decides(api, "root", message)
    await api.works()

    assert (between, len(api.sandbox.record("jpush").addresses)) == ([], 2)
    assert (first["ticket"]["level"], first["ticket"]["turn"]) == (1, ["root"])
    assert (second["ticket"]["state"], second["ticket"]["turn"]) == ("APPROVED", [])
    ticket = await ticket_of(api, message)
    assert [(e["login"], e["what"], e["level"], e["comment"]) for e in ticket["history"]] == [
        ("", "SUBMITTED", 1, ""), ("mei", "APPROVED", 1, "fine"), ("root", "APPROVED", 2, ""),
    ]  # fmt: skip


async def test_a_ticket_shows_what_it_is_about(api: Api) -> None:
    await knows_ann_and_bob(api)
    direct = {"addresses": [{"type": "APP", "addresses": ["rid-1", "rid-2", "rid-3"]}]}
    everybody, addresses = await submitted(api), await submitted(api, audience=direct, sendAt=later(api))

    shown = [await ticket_of(api, message) for message in (everybody, addresses)]

    assert shown[0]["message"] == {
        "id": everybody, "state": "AUDITING", "sendAt": None, "content": CONTENT["content"],
        "audience": {"broadcast": True}, "audienceSize": 2, "deliveryChannels": ["app"],
    }  # fmt: skip
    assert shown[1]["message"]["audience"] == {"addresses": [{"deliveryChannel": "app", "number": 3}]}
    assert (shown[1]["message"]["audienceSize"], shown[1]["message"]["sendAt"] is not None) == (3, True)
    assert (shown[0]["levels"], shown[0]["rules"]) == ([["chen", "mei"], ["root"]], ["contents"])
    assert (shown[0]["owner"], shown[0]["submitter"], shown[0]["template"]) == ("lin", "", None)


async def test_the_lists_of_a_member_follow_what_happens(api: Api) -> None:
    first, second = await submitted(api), await submitted(api)
    one, two = [(await ticket_of(api, message))["id"] for message in (first, second)]
    assert await desk(api, "chen", "TO_REVIEW") == await desk(api, "mei", "TO_REVIEW") == [two, one]
    assert await desk(api, "root", "TO_REVIEW") == []

    await decides(api, "chen", first)
    await decides(api, "mei", second, REJECT, comment="too loud")

    assert [await desk(api, login, "TO_REVIEW") for login in ("chen", "mei", "root")] == [[], [], [one]]
    assert [await desk(api, login, "REVIEWED") for login in ("chen", "mei", "root")] == [[one], [two], []]
    assert await desk(api, "lin", "MINE") == [two, one]
    assert await desk(api, "lin", "MINE", state="REJECTED") == [two]
    assert await desk(api, "lin", "MINE", messages=False) == []


async def test_a_list_has_pages(api: Api) -> None:
    messages = [await submitted(api) for _ in range(5)]
    ids = [(await ticket_of(api, message))["id"] for message in reversed(messages)]

    first = await asks(api, "chen", DESK, view="TO_REVIEW", first=3)
    rest = await asks(api, "chen", DESK, view="TO_REVIEW", first=3, after=first["pageInfo"]["endCursor"])

    assert [edge["node"]["id"] for edge in (*first["edges"], *rest["edges"])] == ids
    assert [page["pageInfo"]["hasNextPage"] for page in (first, rest)] == [True, False]


async def test_a_members_send_is_his_own_and_others_decide(api: Api) -> None:
    payload = await asks(api, "root", SEND, input=BROADCAST)
    assert code(payload) == "nobody_reviews"

    message = (await asks(api, "lin", SEND, input={**BROADCAST, "owner": "chen"}))["message"]["id"]
    own = await decides(api, "chen", message)
    passed = await decides(api, "mei", message)

    assert (code(own), passed["problems"]) == ("own_ticket", [])
    assert await desk(api, "lin", "MINE") == await desk(api, "chen", "MINE") != []
    assert await desk(api, "chen", "TO_REVIEW") == []


async def test_a_rejected_send_is_changed_and_submitted_again(api: Api) -> None:
    await knows_ann_and_bob(api)
    message = await submitted(api)
    await decides(api, "chen", message, REJECT, comment="say it nicely")
    ticket = await ticket_of(api, message)

    other = {"content": {"app": {"platform": "all", "notification": {"alert": "nicely"}}}}
    again = await asks(api, "lin", RESUBMIT, ticket=ticket["id"], input={"body": other})
    for login in ("mei", "root"):
        await decides(api, login, message)
    await api.works()

    assert (ticket["state"], ticket["message"]["state"]) == ("REJECTED", "REJECTED")
    assert (again["ticket"]["state"], again["ticket"]["level"], again["problems"]) == ("WAITING", 0, [])
    assert alerts(api) == ["nicely"]
    comments = [(e["what"], e["comment"]) for e in (await ticket_of(api, message))["history"]]
    assert comments[1:3] == [("REJECTED", "say it nicely"), ("RESUBMITTED", "")]


async def test_the_channels_own_system_submits_again_too(api: Api) -> None:
    message = await submitted(api)
    await decides(api, "chen", message, REJECT, comment="no")
    ticket = await ticket_of(api, message)

    payload = (await api.asks(RESUBMIT, ticket=ticket["id"], input={"sendNo": "8"}))["resubmit"]

    assert (payload["ticket"]["id"], payload["ticket"]["state"]) == (ticket["id"], "WAITING")


async def test_a_system_names_the_owner_of_what_is_audited(api: Api) -> None:
    missing = (await api.asks(SEND, input=BROADCAST))["sendMessage"]["problems"]
    wrong = (await api.asks(SEND, input={**BROADCAST, "owner": "lim"}))["sendMessage"]["problems"]

    rule = "AuditRule contents of Channel shop has this send reviewed, "
    assert [(p["code"], p["path"]) for p in (*missing, *wrong)] == [
        ("owner_required", "input.owner"), ("unknown_owner", "input.owner"),
    ]  # fmt: skip
    assert missing[0]["message"] == f"{rule}so it must name its owner: the login of a Member"
    assert wrong[0]["message"] == f"{rule}and there is no Member 'lim'; did you mean 'lin'?"


async def test_what_the_rule_does_not_name_is_not_audited(api: Api) -> None:
    payload = (await api.asks(SEND, input={"audience": {"broadcast": True}, "body": TEMPLATE}))["sendMessage"]

    assert (payload["message"]["state"], payload["problems"]) == ("WAITING", [])
    assert (await api.asks(TICKET, message=payload["message"]["id"]))["auditTicket"] is None


async def test_not_approved_by_its_time_it_fails_and_the_results_say_so(api: Api) -> None:
    await knows_ann_and_bob(api)
    message = await submitted(api, sendAt=later(api))
    await decides(api, "chen", message)
    passes(api, HOUR)
    await api.works()

    query = """{ messages(filter: {scheduled: true, state: FAILED}) { edges { node { id failure users { planned } } } }
                 statistics { today { soFar { requests } } } }"""
    found = await api.asks(query)

    failure = "it was not approved by its time: ticket 1 waited for level 2 of 2"
    assert found["messages"]["edges"] == [{"node": {"id": message, "failure": failure, "users": {"planned": 0}}}]
    assert found["statistics"]["today"]["soFar"]["requests"] == 1
    assert (await decides(api, "root", message))["problems"][0]["code"] == "already_decided"
    assert alerts(api) == []


@pytest.mark.parametrize(("login", "expected"), [("lin", "FORBIDDEN"), ("vera", "FORBIDDEN")])
async def test_who_has_no_right_to_review_does_not(api: Api, login: str, expected: str) -> None:
    message = await submitted(api)
    ticket = await ticket_of(api, message)

    answer = await api.member_answers(APPROVE, await api.token(login), "shop", ticket=ticket["id"], seen=1)

    assert answer["errors"][0]["extensions"]["code"] == expected


async def test_another_channel_knows_nothing_of_a_ticket(api: Api) -> None:
    message = await submitted(api)
    ticket = (await ticket_of(api, message))["id"]
    ops = {"user": "ops", "password": "sandbox-ops-master-secret"}

    seen = await api.asks(TICKET, **ops, id=ticket)
    again = await api.asks(RESUBMIT, **ops, ticket=ticket, input={})
    decided = await asks(api, "root", APPROVE, "ops", ticket=ticket, seen=1)

    assert seen == {"auditTicket": None}
    assert (code(again["resubmit"]), code(decided)) == ("unknown_ticket", "unknown_ticket")
    answer = await api.answers(DESK, view="MINE")
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_monitoring_knows_how_many_wait(api: Api) -> None:
    first, _ = await submitted(api), await submitted(api)
    await decides(api, "chen", first, REJECT, comment="no")

    async with api.session.get(f"{api.url}/metrics") as response:
        lines = (await response.text()).splitlines()

    assert 'ums_audit_tickets_waiting{channel="shop",on="message"} 1.0' in lines

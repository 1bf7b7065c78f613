"""Templates under an AuditRule: what was approved before stays in use until the new version is approved."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.test_audit import APPROVE, DESK, REJECT, asks
from tests.api.test_messages import knows_ann_and_bob
from tests.api.test_scheduled import alerts, code
from tests.api.test_sending import SEND
from tests.members.declared import MEMBERS
from ums.errors import CallerRefused
from ums.messaging.after.audited import Decision, approve
from ums.models import AuditTicket, HeldVersion
from ums.reconcile import Note, Options, Plan, drifted, reconcile

RULES = """
---
apiVersion: ums/v1
kind: AuditRule
channel: shop
name: templates
on: template
templates: [general]
levels: [[chen, root]]
"""

HELLO = """
---
apiVersion: ums/v1
kind: Template
channel: shop
name: hello
title: {title}
content:
  app: {{platform: all, notification: {{alert: "{alert}"}}}}
"""

USE: dict[str, Any] = {"audience": {"users": {"userIds": ["ann"]}}, "body": {"template": {"name": "hello"}}}
TICKET = """query ($id: ID) { auditTicket(id: $id) {
  state submitter turn message { id } history { login what comment }
  template { kind name revision before after changes { path before after } } } }"""
STATUS = """{ config { resources(kind: "Template") { name status reason body held { ticket rejected inUse } } } }"""
PREVIEW = """{ previewTemplate(name: "hello") { content problems { code message } } }"""


@pytest.fixture
def more_declared() -> str:
    return MEMBERS  # the rule comes with the first template that is declared under it


async def declares(api: Api, alert: str, author: str = "ada", title: str = "Hello", rules: str = RULES) -> Plan:
    """An apply of these files."""
    file = api.engine.settings.config / "more.yaml"
    file.write_text(MEMBERS + rules + (HELLO.format(alert=alert, title=title) if alert else ""))
    plan = await reconcile(
        api.engine.settings, write=True, options=Options(prune=True, force=True), note=Note(author, "", "a word")
    )
    api.engine.snapshots.look_again()
    return plan


async def ticket_id() -> str:
    """Of the newest."""
    return str((await AuditTicket.all().order_by("-id").first()).id)  # type: ignore[union-attr]


async def says(api: Api) -> str:
    """What a send of the template says now; or else the code of the problem."""
    payload = (await api.asks(SEND, input=USE))["sendMessage"]
    if payload["problems"]:
        return str(payload["problems"][0]["code"])
    await api.works()
    return alerts(api)[-1]


async def decides(api: Api, login: str, query: str = APPROVE, comment: str = "") -> Any:
    return await asks(api, login, query, ticket=await ticket_id(), seen=1, comment=comment)


async def held(api: Api) -> dict[str, Any]:
    """How the template stands."""
    found = (await api.asks(STATUS))["config"]["resources"]
    return next(one for one in found if one["name"] == "shop/hello")


async def test_a_first_version_is_of_no_use_before_it_is_approved(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares(api, "hello")

    before = await says(api)
    shown = await held(api)
    preview = (await api.asks(PREVIEW))["previewTemplate"]["problems"]
    await decides(api, "chen")

    assert before == "template_not_approved"
    message = "Template hello cannot be used yet: it waits for approval, ticket 1"
    assert preview == [{"code": "template_not_approved", "message": message}]
    assert (shown["status"], shown["reason"]) == ("INVALID", "it waits for approval, ticket 1")
    assert shown["held"] == {"ticket": "1", "rejected": False, "inUse": None}
    assert await says(api) == "hello"
    assert (await held(api))["held"] is None


async def test_the_approved_version_stays_in_use_until_the_new_one_is_approved(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares(api, "hello")
    await decides(api, "chen")
    await declares(api, "hello, dear")

    before = await says(api)
    shown = await held(api)
    payload = await decides(api, "root")

    assert (before, payload["problems"], await says(api)) == ("hello", [], "hello, dear")
    assert (shown["status"], shown["body"]["content"]["app"]["notification"]["alert"]) == ("VALID", "hello, dear")
    assert shown["held"]["inUse"]["content"]["app"]["notification"]["alert"] == "hello"


async def test_a_ticket_shows_both_versions_and_what_is_different(api: Api) -> None:
    await declares(api, "hello")
    await decides(api, "chen")
    await declares(api, "hello, dear", author="Lin <lin@shop.example>")

    ticket = (await api.asks(TICKET, id=await ticket_id()))["auditTicket"]

    template = ticket["template"]
    assert (template["kind"], template["name"], template["revision"]) == ("Template", "shop/hello", 3)
    path = "content.app.notification.alert"
    assert template["changes"] == [{"path": path, "before": '"hello"', "after": '"hello, dear"'}]
    assert template["before"]["title"] == template["after"]["title"] == "Hello"
    assert (ticket["submitter"], ticket["message"], ticket["turn"]) == ("lin", None, ["chen", "root"])
    words = "revision 3 by Lin <lin@shop.example>: a word"
    assert ticket["history"] == [{"login": "lin", "what": "SUBMITTED", "comment": words}]


async def test_the_author_of_the_revision_does_not_approve_it(api: Api) -> None:
    await declares(api, "hello", author="chen")

    own = await decides(api, "chen")
    other = await decides(api, "root")

    assert (own["problems"][0]["code"], other["problems"]) == ("own_ticket", [])
    mine = await asks(api, "chen", DESK, view="MINE")
    assert len(mine["edges"]) == 1


async def test_what_is_rejected_stays_so_until_it_is_declared_otherwise(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares(api, "hello")
    await decides(api, "chen")
    await declares(api, "BUY NOW")
    await decides(api, "chen", REJECT, "do not shout")

    rejected = await held(api)
    again = await declares(api, "BUY NOW", title="Shop")
    untouched = await AuditTicket.all().count()
    said = await says(api)
    await declares(api, "buy now")
    await decides(api, "chen")

    assert (rejected["held"]["rejected"], said, untouched) == (True, "hello", 2)
    assert [str(one) for one in again.changes] == ["~ Template/shop/hello"]
    assert await says(api) == "buy now"


async def test_a_version_that_is_taken_back_leaves_the_desks(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares(api, "hello")
    await decides(api, "chen")
    await declares(api, "hello, dear")
    await declares(api, "hello")

    assert (await AuditTicket.all().order_by("-id").first()).state == "withdrawn"  # type: ignore[union-attr]
    assert (await asks(api, "chen", DESK, view="TO_REVIEW"))["edges"] == []
    assert (await says(api), await HeldVersion.all().count()) == ("hello", 0)


async def test_a_later_version_takes_the_place_of_the_one_that_waits(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares(api, "one")
    await declares(api, "two")

    late = await asks(api, "chen", APPROVE, ticket="1", seen=1)
    await decides(api, "chen")

    assert (code({"": late}), await says(api)) == ("already_decided", "two")


async def test_what_goes_takes_its_ticket_along(api: Api) -> None:
    await declares(api, "hello")
    await declares(api, "")

    assert [ticket.state for ticket in await AuditTicket.all()] == ["withdrawn"]
    assert (await says(api), await HeldVersion.all().count()) == ("unknown_template", 0)


async def test_labels_and_titles_need_no_review(api: Api) -> None:
    await declares(api, "hello")
    await decides(api, "chen")
    await declares(api, "hello", title="Greeting")

    assert (await held(api))["held"] is None
    assert await AuditTicket.all().count() == 1


async def test_what_was_there_before_the_rule_stays_in_use(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares(api, "hello", rules="")
    await declares(api, "hello")
    first = await says(api)
    await declares(api, "hello, dear")

    assert (first, await says(api)) == ("hello", "hello")


async def test_a_plan_says_what_will_wait_and_what_waits_and_that_is_no_drift(api: Api) -> None:
    first = await declares(api, "hello")
    second = await reconcile(api.engine.settings, write=False)

    assert "      waits for approval by AuditRule templates" in str(first).splitlines()
    assert str(second).splitlines() == [
        "Declared, and not approved:",
        "    ? Template/shop/hello: waits for approval, ticket 1; nothing is in use",
        "Nothing to change: revision 2 is what the files say.",
    ]
    assert second.is_empty
    assert (await drifted(api.engine.settings)).drift == ()


async def test_a_template_that_is_renamed_while_it_waits_takes_its_ticket_along(api: Api) -> None:
    await declares(api, "hello")
    file = api.engine.settings.config / "more.yaml"
    file.write_text(file.read_text().replace("name: hello", "name: hi\nmoved: {from: hello}"))
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()

    ticket = (await api.asks(TICKET, id="1"))["auditTicket"]
    payload = await decides(api, "chen")

    assert (ticket["template"]["name"], ticket["state"], payload["problems"]) == ("shop/hi", "WAITING", [])
    assert await HeldVersion.all().count() == 0


async def test_an_approval_and_the_next_apply_at_once_leave_one_version_in_use_and_one_that_waits(api: Api) -> None:
    await declares(api, "one")
    await decides(api, "chen")
    await declares(api, "two")
    old = await ticket_id()
    seen = Decision("shop", int(old), 1, "chen")

    approved, _ = await asyncio.gather(approve(api.engine, seen), declares(api, "three"), return_exceptions=True)
    shown = await held(api)

    went = (await AuditTicket.get(id=int(old))).state
    in_use = shown["held"]["inUse"]["content"]["app"]["notification"]["alert"]
    assert (went, in_use) == (("withdrawn", "one") if isinstance(approved, CallerRefused) else ("approved", "two"))
    assert shown["held"]["ticket"] != old

"""Sends that an AuditRule caught: nothing happens before the last level, and then what would have happened."""

import asyncio
import re

import pytest

from tests.messaging.after.audits import AUDITED, BROADCAST, HOUR, channel, code_of, decides, state, story, written
from tests.messaging.after.audits import more_declared as more_declared
from tests.shop import Shop, person
from ums.audit.lists import PAGE
from ums.database import connection, execute, fetch, is_sqlite
from ums.errors import CallerRefused
from ums.messaging.after.audited import Decision, approve, reject
from ums.messaging.engine import running
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.models import AuditDesk, AuditTicket, Message
from ums.reconcile import Options, reconcile
from ums.vocabulary import MessageState


async def test_nothing_is_worked_out_before_the_last_level_and_everything_after(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]), person("bob", app=["rid-bob"]))
    message = await shop.sends(BROADCAST, owner="ann")
    await shop.works()
    await decides(shop, message, "lin")
    await shop.works()
    assert (await state(message), await written("recipient"), await written("batch")) == (MessageState.AUDITING, 0, 0)
    shop.time.passes(HOUR)

    await decides(shop, message, "root")
    await shop.works()

    assert sorted(shop.sandbox.record("jpush").addresses) == ["rid-ann", "rid-bob"]
    assert await story(message) == [("", "submitted", 1), ("lin", "approved", 1), ("root", "approved", 2)]
    sent = await Message.get(id=message.id)
    assert (sent.state, sent.send_at, sent.approved_at) == ("done", shop.time(), shop.time())


async def test_what_no_rule_catches_goes_out_as_ever(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))

    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()

    assert (await state(message), await AuditTicket.all().count()) == (MessageState.DONE, 0)


@pytest.mark.parametrize(
    ("owner", "code"), [("", "owner_required"), ("anne", "unknown_owner"), ("ann", ""), ("root", "nobody_reviews")]
)
async def test_an_audited_send_of_a_system_names_a_member_who_answers_for_it(shop: Shop, owner: str, code: str) -> None:
    try:
        await shop.sends(BROADCAST, owner=owner)
        found = ""
    except CallerRefused as refused:
        found = refused.problems[0].code

    assert (found, await Message.all().count()) == (code, int(not code))


async def test_whoever_sends_or_owns_it_may_not_approve_it(shop: Shop) -> None:
    audience = SendRequest(BROADCAST, {"app": {"platform": "all", "notification": {"alert": "hello"}}}, owner="chen")
    message = await send(shop.engine, await channel(shop), audience, by="ann")
    ticket = await AuditTicket.get(message_id=message.id)

    own = await code_of(approve(shop.engine, Decision("shop", ticket.id, 1, "chen")))
    sender = await code_of(approve(shop.engine, Decision("shop", ticket.id, 1, "ann")))
    later = await code_of(approve(shop.engine, Decision("shop", ticket.id, 1, "root")))

    assert (own, sender, later) == ("own_ticket", "own_ticket", "not_your_turn")
    desks = {(desk.login, desk.view) for desk in await AuditDesk.all()}
    assert desks == {("lin", 0), ("ann", 2), ("chen", 2)}


async def test_a_rejection_says_why(shop: Shop) -> None:
    message = await shop.sends(BROADCAST, owner="ann")
    ticket = await AuditTicket.get(message_id=message.id)

    assert await code_of(reject(shop.engine, Decision("shop", ticket.id, 1, "lin", " "))) == "comment_required"


async def test_a_member_who_is_declared_no_more_decides_no_more(shop: Shop) -> None:
    message = await shop.sends(BROADCAST, owner="ann")
    more = shop.engine.settings.config / "more.yaml"
    more.write_text(AUDITED.replace("name: chen", "name: cho").replace("[[lin, chen]", "[[lin, cho]"))
    await reconcile(shop.engine.settings, write=True, options=Options(prune=True))
    shop.engine.snapshots.look_again()
    ticket = await AuditTicket.get(message_id=message.id)

    assert await code_of(approve(shop.engine, Decision("shop", ticket.id, 1, "chen"))) == "not_a_reviewer"
    assert await code_of(approve(shop.engine, Decision("shop", ticket.id, 1, "cho"))) == "not_your_turn"


async def test_the_same_key_stands_for_the_same_send_and_its_one_ticket(shop: Shop) -> None:
    first = await shop.sends(BROADCAST, owner="ann", idempotency_key="k")
    second = await shop.sends(BROADCAST, owner="ann", idempotency_key="k")

    assert (first.id, await AuditTicket.all().count()) == (second.id, 1)


async def test_many_audited_sends_at_once_have_a_ticket_each(shop: Shop) -> None:
    messages = await asyncio.gather(*(shop.sends(BROADCAST, owner="ann") for _ in range(30)))

    found = {ticket.message_id for ticket in await AuditTicket.all()}
    assert found == {message.id for message in messages}
    assert await AuditDesk.filter(login="lin", view=0).count() == 30


async def test_two_who_approve_at_once_pass_one_level(shop: Shop) -> None:
    message = await shop.sends(BROADCAST, owner="ann")
    ticket = await AuditTicket.get(message_id=message.id)
    async with running(shop.engine.settings, shop.time) as other:
        found = await asyncio.gather(
            approve(shop.engine, Decision("shop", ticket.id, 1, "lin")),
            approve(other, Decision("shop", ticket.id, 1, "chen")),
            approve(shop.engine, Decision("shop", ticket.id, 1, "lin")),
            return_exceptions=True,
        )

    refused = [each.problems[0].code for each in found if isinstance(each, CallerRefused)]
    assert refused == ["ticket_changed"] * 2
    assert (await AuditTicket.get(id=ticket.id)).level == 1
    assert len(await story(message)) == 2


async def test_a_list_of_tickets_is_read_by_an_index(shop: Shop) -> None:
    await shop.sends(BROADCAST, owner="ann")
    await execute(connection(), MANY_TICKETS, 20_000)
    await execute(connection(), MANY_DESKS, 20_000)
    await connection().execute_script("ANALYZE")

    plan = str(await fetch(connection(), EXPLAIN[is_sqlite(connection())] + PAGE, "lin", 0, 10_000, "[[\"shop\"]]", "",
                           "", 0, 2**62, 21))  # fmt: skip

    assert "audit_desk" in plan
    assert not re.search(r"Seq Scan on audit_(desk|ticket)|SCAN [dt]\b", plan), plan


EXPLAIN = {True: "EXPLAIN QUERY PLAN ", False: "EXPLAIN "}


_NUMBERS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < CAST($1 AS int))"""


MANY_TICKETS = f"""
INSERT INTO audit_ticket (channel, kind, name, revision, rules, levels, state, created_at)
{_NUMBERS} SELECT 'shop', 'Template', 'shop/t', 1, '[]', '[]', 'approved', 1 FROM n"""  # noqa: S608  # from above


MANY_DESKS = f"""
INSERT INTO audit_desk (login, view, ticket_id) {_NUMBERS} SELECT 'lin', 1, i + 1 FROM n"""  # noqa: S608  # from above

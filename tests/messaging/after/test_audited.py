"""Sends that an AuditRule caught: nothing happens before the last level, and then what would have happened."""

import asyncio
import re

import pytest

from tests.shop import MINUTE, SECOND, Shop, person
from ums.audit.lists import PAGE
from ums.database import connection, execute, fetch, is_sqlite
from ums.errors import CallerRefused
from ums.messaging.after.audited import Decision, Resubmission, approve, reject, resubmit
from ums.messaging.after.recall import recall
from ums.messaging.after.scheduled import cancel, delete, update
from ums.messaging.engine import running
from ums.messaging.keeping.retention import DAY, expire
from ums.messaging.sending.draft import SendRequest
from ums.messaging.sending.send import send
from ums.models import AuditDesk, AuditEvent, AuditTicket, Message
from ums.reconcile import Options, reconcile
from ums.reconcile.overrides import switch
from ums.snapshot import Body
from ums.vocabulary import MessageState

BROADCAST = {"broadcast": True}
HOUR = 60 * MINUTE


@pytest.fixture
def more_declared() -> str:
    return AUDITED


AUDITED = """
apiVersion: ums/v1
kind: Member
name: ann
email: ann@shop.example
roles: [{role: operator}]
---
apiVersion: ums/v1
kind: Member
name: lin
email: lin@shop.example
roles: [{role: auditor, channels: [shop]}]
---
apiVersion: ums/v1
kind: Member
name: chen
email: chen@shop.example
roles: [{role: auditor}]
---
apiVersion: ums/v1
kind: Member
name: root
email: root@shop.example
roles: [{role: admin}]
---
apiVersion: ums/v1
kind: AuditRule
channel: shop
name: broadcasts
on: message
targetKinds: [broadcast]
levels: [[lin, chen], [root]]
"""


async def decides(shop: Shop, message: Message, *logins: str) -> AuditTicket:
    """Each of them approves, in turn."""
    ticket = await AuditTicket.get(message_id=message.id)
    for login in logins:
        ticket = await approve(shop.engine, Decision("shop", ticket.id, ticket.version, login))
    return ticket


async def state(message: Message) -> MessageState:
    return MessageState((await Message.get(id=message.id)).state)


async def story(message: Message) -> list[tuple[str, str, int]]:
    ticket = await AuditTicket.get(message_id=message.id)
    events = await AuditEvent.filter(ticket_id=ticket.id).order_by("id")
    return [(event.login, event.what, event.level) for event in events]


async def code_of(doing: object) -> str:
    with pytest.raises(CallerRefused) as refused:
        await doing  # type: ignore[misc]
    return refused.value.problems[0].code


async def channel(shop: Shop) -> Body:
    found = (await shop.engine.snapshots.newest()).channel("shop")
    assert found is not None
    return found


async def written(table: str) -> int:
    return int((await fetch(connection(), f"SELECT count(*) AS n FROM {table}"))[0]["n"])  # noqa: S608  # from below


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


async def test_a_rejected_send_is_changed_and_submitted_again_and_goes_out_changed(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends(BROADCAST, owner="ann")
    ticket = await decides(shop, message, "lin")
    await reject(shop.engine, Decision("shop", ticket.id, ticket.version, "root", "too loud"))
    await shop.works()
    assert await state(message) is MessageState.REJECTED

    quiet = {"content": {"app": {"platform": "all", "notification": {"alert": "psst"}}}}
    await resubmit(shop.engine, await channel(shop), Resubmission(ticket.id, quiet, "ann"))
    assert (await AuditTicket.get(id=ticket.id)).level == 0
    await decides(shop, message, "chen", "root")
    await shop.works()

    assert [said["push"]["notification"]["alert"] for said in shop.sandbox.record("jpush").accepted] == ["psst"]
    assert await story(message) == [
        ("", "submitted", 1), ("lin", "approved", 1), ("root", "rejected", 2), ("ann", "resubmitted", 1),
        ("chen", "approved", 1), ("root", "approved", 2),
    ]  # fmt: skip


async def test_only_what_was_rejected_and_only_ones_own_is_submitted_again(shop: Shop) -> None:
    message = await shop.sends(BROADCAST, owner="ann")
    ticket, own = await AuditTicket.get(message_id=message.id), await channel(shop)

    early = await code_of(resubmit(shop.engine, own, Resubmission(ticket.id, {})))
    await reject(shop.engine, Decision("shop", ticket.id, 1, "lin", "no"))
    stranger = await code_of(resubmit(shop.engine, own, Resubmission(ticket.id, {}, "chen")))
    ops = {**own, "name": "ops"}
    elsewhere = await code_of(resubmit(shop.engine, ops, Resubmission(ticket.id, {})))

    assert (early, stranger, elsewhere) == ("not_rejected", "unknown_ticket", "unknown_ticket")


async def test_a_rejection_says_why(shop: Shop) -> None:
    message = await shop.sends(BROADCAST, owner="ann")
    ticket = await AuditTicket.get(message_id=message.id)

    assert await code_of(reject(shop.engine, Decision("shop", ticket.id, 1, "lin", " "))) == "comment_required"


async def test_who_saw_another_version_decides_nothing(shop: Shop) -> None:
    message = await shop.sends(BROADCAST, owner="ann", send_at=shop.time() + HOUR)
    ticket = await AuditTicket.get(message_id=message.id)
    await update(shop.engine, await channel(shop), message.id, {"send_no": "8"})

    assert await code_of(approve(shop.engine, Decision("shop", ticket.id, 1, "lin"))) == "ticket_changed"
    assert (await decides(shop, message, "lin")).level == 1


async def test_a_scheduled_send_that_is_approved_before_its_time_goes_out_at_its_time(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends(BROADCAST, owner="ann", send_at=shop.time() + HOUR)
    await decides(shop, message, "lin", "root")
    await shop.works()
    early = shop.sandbox.record("jpush").addresses
    shop.time.passes(HOUR)

    await shop.works()

    assert (early, shop.sandbox.record("jpush").addresses) == ([], ["rid-ann"])


async def test_a_scheduled_send_that_is_not_approved_in_time_fails_and_says_so(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends(BROADCAST, owner="ann", send_at=shop.time() + HOUR)
    ticket = await decides(shop, message, "lin")
    shop.time.passes(HOUR)
    late = await code_of(approve(shop.engine, Decision("shop", ticket.id, ticket.version, "root")))

    await shop.works()

    failed = await Message.get(id=message.id)
    words = f"it was not approved by its time: ticket {ticket.id} waited for level 2 of 2"
    assert (late, failed.state, failed.failure) == ("too_late", "failed", words)
    assert (await story(message))[-1] == ("", "expired", 2)
    assert shop.sandbox.record("jpush").addresses == []
    assert await AuditDesk.filter(view=0).count() == 0


async def test_a_member_who_is_declared_no_more_decides_no_more(shop: Shop) -> None:
    message = await shop.sends(BROADCAST, owner="ann")
    more = shop.engine.settings.config / "more.yaml"
    more.write_text(AUDITED.replace("name: chen", "name: cho").replace("[[lin, chen]", "[[lin, cho]"))
    await reconcile(shop.engine.settings, write=True, options=Options(prune=True))
    shop.engine.snapshots.look_again()
    ticket = await AuditTicket.get(message_id=message.id)

    assert await code_of(approve(shop.engine, Decision("shop", ticket.id, 1, "chen"))) == "not_a_reviewer"
    assert await code_of(approve(shop.engine, Decision("shop", ticket.id, 1, "cho"))) == "not_your_turn"


async def test_what_is_called_off_leaves_the_desks(shop: Shop) -> None:
    recalled, cancelled = [await shop.sends(BROADCAST, owner="ann") for _ in range(2)]
    shop.time.passes(30 * HOUR)

    await recall(shop.engine, "shop", recalled.id)
    await cancel(shop.engine, await channel(shop), cancelled.id)
    await shop.works()

    assert [await state(m) for m in (recalled, cancelled)] == [MessageState.RECALLED, MessageState.CANCELLED]
    assert {ticket.state for ticket in await AuditTicket.all()} == {"withdrawn"}
    assert await AuditDesk.filter(view=0).count() == 0


async def test_what_waits_for_a_review_is_not_deleted_and_what_was_rejected_goes_with_its_ticket(shop: Shop) -> None:
    message = await shop.sends(BROADCAST, owner="ann")
    ticket = await AuditTicket.get(message_id=message.id)
    early = await code_of(delete(shop.engine, await channel(shop), message.id))
    await reject(shop.engine, Decision("shop", ticket.id, 1, "lin", "no"))

    await delete(shop.engine, await channel(shop), message.id)
    while await expire(shop.engine):
        pass

    assert early == "not_over"
    assert [await written(t) for t in ("message", "audit_ticket", "audit_desk", "audit_event")] == [0, 0, 0, 0]


async def test_what_waits_for_a_review_outlives_the_history_of_its_channel(shop: Shop) -> None:
    await shop.sends(BROADCAST, owner="ann")
    shop.time.passes(8 * DAY)
    await expire(shop.engine)
    kept = await Message.all().count()
    shop.time.passes(60 * DAY)

    while await expire(shop.engine):
        pass

    assert (kept, await Message.all().count(), await AuditTicket.all().count()) == (1, 0, 0)


async def test_the_same_key_stands_for_the_same_send_and_its_one_ticket(shop: Shop) -> None:
    first = await shop.sends(BROADCAST, owner="ann", idempotency_key="k")
    second = await shop.sends(BROADCAST, owner="ann", idempotency_key="k")

    assert (first.id, await AuditTicket.all().count()) == (second.id, 1)


async def test_a_change_that_no_rule_catches_any_more_lets_it_go(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]), person("bob", app=["rid-bob"]))
    message = await shop.sends(BROADCAST, owner="ann")

    await update(shop.engine, await channel(shop), message.id, {"audience": {"users": {"userIds": ["ann"]}}})
    await shop.works()

    assert shop.sandbox.record("jpush").addresses == ["rid-ann"]
    assert (await AuditTicket.get(message_id=message.id)).state == "withdrawn"


async def test_a_change_of_what_was_approved_is_reviewed_anew(shop: Shop) -> None:
    message = await shop.sends(BROADCAST, owner="ann", send_at=shop.time() + HOUR)
    await decides(shop, message, "lin", "root")

    await update(shop.engine, await channel(shop), message.id, {"send_no": "8"})

    ticket = await AuditTicket.get(message_id=message.id)
    assert (await state(message), ticket.state, ticket.level) == (MessageState.AUDITING, "waiting", 0)


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


async def test_an_approval_and_its_time_that_come_at_once_send_it_or_fail_it(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    messages = [await shop.sends(BROADCAST, owner="ann", send_at=shop.time() + SECOND) for _ in range(10)]
    for message in messages:
        await decides(shop, message, "lin")
    tickets = await AuditTicket.all()

    async def late() -> None:
        shop.time.passes(SECOND)
        await shop.works()

    await asyncio.gather(
        late(),
        *(approve(shop.engine, Decision("shop", ticket.id, ticket.version, "root")) for ticket in tickets),
        return_exceptions=True,
    )
    await shop.works()

    ended = {(m.state, (await AuditTicket.get(message_id=m.id)).state) for m in await Message.all()}
    assert ended <= {("done", "approved"), ("failed", "expired")}
    sent = await Message.filter(state="done").count()
    assert len(shop.sandbox.record("jpush").addresses) == sent


QUIET = """
title: Shop
timeZone: UTC
doNotDisturb: {mode: %s, periods: [{from: '08:00', to: '09:00'}]}"""
"""The shop's clock begins at 08:00."""


async def keeps_quiet(shop: Shop, mode: str) -> None:
    file = shop.engine.settings.config / "shop.yaml"
    grants = "deliveryChannels: [app, sms, mail]"
    file.write_text(file.read_text().replace(grants, grants + QUIET % mode))
    await reconcile(shop.engine.settings, write=True)
    shop.engine.snapshots.look_again()


async def test_what_is_approved_in_a_quiet_time_goes_out_at_its_end(shop: Shop) -> None:
    await keeps_quiet(shop, "defer")
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends(BROADCAST, owner="ann")
    approved_at = shop.time()

    await decides(shop, message, "lin", "root")
    await shop.works()
    early = shop.sandbox.record("jpush").addresses
    shop.time.passes(HOUR)
    await shop.works()

    sent = await Message.get(id=message.id)
    assert (early, shop.sandbox.record("jpush").addresses) == ([], ["rid-ann"])
    assert (sent.send_at, sent.deferred_from) == (approved_at + HOUR, approved_at)


async def test_where_a_quiet_time_refuses_the_last_approval_is_refused_and_given_later(shop: Shop) -> None:
    await keeps_quiet(shop, "reject")
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends(BROADCAST, owner="ann")
    ticket = await decides(shop, message, "lin")

    refused = await code_of(approve(shop.engine, Decision("shop", ticket.id, ticket.version, "root")))
    untouched = await AuditTicket.get(id=ticket.id)
    shop.time.passes(HOUR)
    await decides(shop, message, "root")
    await shop.works()

    assert (refused, untouched.level, untouched.version) == ("do_not_disturb", 1, ticket.version)
    assert shop.sandbox.record("jpush").addresses == ["rid-ann"]


async def test_what_was_switched_off_meanwhile_fails_an_approved_send(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends(BROADCAST, owner="ann")
    await switch("shop", "app", enabled=False, author="root", now=shop.time())
    shop.engine.snapshots.look_again()
    shop.time.passes(MINUTE)

    await decides(shop, message, "lin", "root")
    await shop.works()

    failed = await Message.get(id=message.id)
    assert (failed.state, failed.failure) == ("failed", "app is switched off in Channel shop")


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

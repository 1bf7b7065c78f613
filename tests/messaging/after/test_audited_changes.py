"""Audited sends that are changed, called off, deleted or forgotten before they are decided."""

from tests.messaging.after.audits import BROADCAST, HOUR, channel, code_of, decides, state, story, written
from tests.messaging.after.audits import more_declared as more_declared
from tests.shop import Shop, person
from ums.messaging.after.audited import Decision, Resubmission, approve, reject, resubmit
from ums.messaging.after.recall import recall
from ums.messaging.after.scheduled import cancel, delete, update
from ums.messaging.keeping.retention import DAY, expire
from ums.models import AuditDesk, AuditTicket, Message
from ums.vocabulary import MessageState


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


async def test_who_saw_another_version_decides_nothing(shop: Shop) -> None:
    message = await shop.sends(BROADCAST, owner="ann", send_at=shop.time() + HOUR)
    ticket = await AuditTicket.get(message_id=message.id)
    await update(shop.engine, await channel(shop), message.id, {"send_no": "8"})

    assert await code_of(approve(shop.engine, Decision("shop", ticket.id, 1, "lin"))) == "ticket_changed"
    assert (await decides(shop, message, "lin")).level == 1


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

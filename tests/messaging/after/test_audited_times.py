"""Audited sends and the clock: their own time, the quiet times of their Channel, what is switched off meanwhile."""

import asyncio

from tests.messaging.after.audits import BROADCAST, HOUR, code_of, decides, story
from tests.messaging.after.audits import more_declared as more_declared
from tests.shop import MINUTE, SECOND, Shop, person
from ums.messaging.after.audited import Decision, approve
from ums.models import AuditDesk, AuditTicket, Message
from ums.reconcile import reconcile
from ums.reconcile.overrides import switch


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

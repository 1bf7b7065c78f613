"""A shop whose broadcasts two levels of Members must let pass, for tests, and what becomes of one."""

import pytest

from tests.shop import MINUTE, Shop
from ums.database import connection, fetch
from ums.errors import CallerRefused
from ums.messaging.after.audited import Decision, approve
from ums.models import AuditEvent, AuditTicket, Message
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

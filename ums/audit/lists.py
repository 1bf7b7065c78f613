"""The lists of a Member, by indexes: what waits for him, what he decided about, what is his own."""

from collections.abc import Collection
from dataclasses import dataclass

from ums.audit.tickets import TicketState, View
from ums.database import Rows, connection, fetch, rows
from ums.models import AuditEvent, AuditTicket


@dataclass(frozen=True)
class Sought:
    """What a list is narrowed to; what is not given does not narrow."""

    channels: Collection[str]
    """By name; always given: those in which the Member has a role."""
    state: TicketState | None = None
    on_messages: bool | None = None
    """On sends, or on templates."""
    created_from: int | None = None
    created_before: int | None = None


async def page(login: str, view: View, sought: Sought, *, first: int, before_id: int | None) -> list[AuditTicket]:
    """The newest tickets below `before_id` in a list of a Member, one more than `first` if there are more."""
    found = await fetch(
        connection(), PAGE, login, int(view), before_id or 2**31 - 1, rows([name] for name in sought.channels),
        sought.state.value if sought.state else "", {None: "", True: "message", False: "template"}[sought.on_messages],
        sought.created_from or 0, sought.created_before or 2**62, first + 1,
    )  # fmt: skip
    tickets = {ticket.id: ticket for ticket in await AuditTicket.filter(id__in=[row["id"] for row in found])}
    return [tickets[row["id"]] for row in found if row["id"] in tickets]


async def one(ticket_id: int, channel: str) -> AuditTicket | None:
    """The ticket, if it is of that Channel."""
    return await AuditTicket.get_or_none(id=ticket_id, channel=channel)


async def of_message(message_id: int, channel: str) -> AuditTicket | None:
    return await AuditTicket.get_or_none(message_id=message_id, channel=channel)


async def history(ticket_id: int) -> list[AuditEvent]:
    """All that was done with a ticket, the oldest first."""
    return await AuditEvent.filter(ticket_id=ticket_id).order_by("id")


async def waiting(channel: str, most: int) -> list[AuditTicket]:
    """The tickets of a Channel, by name, that wait longest; without a name, of all."""
    found = AuditTicket.filter(state=TicketState.WAITING.value)
    return await (found.filter(channel=channel) if channel else found).order_by("id").limit(most)


async def open_numbers() -> Rows:
    """How many tickets wait: channel, kind (empty: sends), number."""
    return await fetch(connection(), _OPEN)


PAGE = """
SELECT t.id FROM audit_desk d JOIN audit_ticket t ON t.id = d.ticket_id
WHERE d.login = $1 AND d.view = $2 AND d.ticket_id < $3
AND t.channel IN (SELECT name FROM ROWS($4: name text) AS mine)
AND ($5 = '' OR t.state = $5)
AND ($6 = '' OR ($6 = 'message') = (t.message_id IS NOT NULL))
AND t.created_at >= $7 AND t.created_at < $8
ORDER BY d.ticket_id DESC LIMIT $9"""

_OPEN = """
SELECT channel, kind, count(*) AS number FROM audit_ticket WHERE state = 'waiting' GROUP BY channel, kind
ORDER BY channel, kind"""

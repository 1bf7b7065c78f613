"""Click links: put into what goes out, and followed when somebody clicks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ums.database import connection, fetch, rows, transaction
from ums.messaging.delivering.click_urls import replaced, urls
from ums.messaging.delivering.links import LinkInvalid, former_keys, make, read, signing_key
from ums.messaging.delivering.receipts import COUNTED
from ums.messaging.engine import Engine
from ums.messaging.ledger import Entry, record
from ums.models import Message
from ums.providers.contract import Target
from ums.snapshot import Body, channel_type
from ums.tracing import Act
from ums.vocabulary import ChannelType, State

Personal = Callable[[Target], Mapping[str, Any]]


def wanted(declared: Body, *, personal: bool) -> bool:
    """Whether links are replaced on a DeliveryChannel: unless said otherwise, where each target has its own text."""
    return bool(declared.get("clickLinks", personal))


def personal(engine: Engine, kind: ChannelType, content: Mapping[str, Any]) -> Personal | None:
    """Gives each target the content with links of its own; None when there is no link. Raises SecretMissing."""
    if not urls(kind, content):
        return None
    key, door = signing_key(engine.settings), f"{engine.settings.public_url}/c/"

    def content_of(target: Target) -> Mapping[str, Any]:
        return replaced(kind, content, lambda n: door + make(key, target.id, n))

    return content_of


async def follow(engine: Engine, token: str, *, counted: bool) -> str:
    """Where the link leads; with `counted` the delivery is clicked. Raises LinkInvalid."""
    delivery_id, n = read(signing_key(engine.settings), token, former_keys(engine.settings))
    message = await Message.get_or_none(id=delivery_id >> 32)
    found = await fetch(connection(), _DELIVERY, delivery_id)
    if message is None or not found:
        raise LinkInvalid("the message that this link stood in is not kept any more")
    snapshot = await engine.snapshots.at(message.revision)
    kind = channel_type(snapshot.all("DeliveryChannel")[found[0]["delivery_channel"]])
    places = urls(kind, message.content.get(kind.value, {}))
    if n >= len(places):
        raise LinkInvalid("the message that this link stood in has no such link")
    if counted:
        await engine.together(_clicked, delivery_id)
    return places[n]


_DELIVERY = "SELECT delivery_channel FROM delivery WHERE id = $1"


async def _clicked(engine: Engine, delivery_ids: Sequence[int]) -> Sequence[None]:
    """Of those whose click still counts."""
    now = engine.clock()
    async with transaction() as tx:
        fresh = await fetch(tx, _FRESH, rows([n] for n in sorted(set(delivery_ids))), now - COUNTED)
        await record(tx, [Entry(row["id"], State.CLICKED, now) for row in fresh], now)
    if engine.tracing.on:
        engine.tracing.tell(*(Act("click", row["id"] >> 32, now, engine.clock()) for row in fresh))
    return [None] * len(delivery_ids)


_FRESH = """
SELECT d.id FROM ROWS($1: id bigint) AS listed JOIN delivery d ON d.id = listed.id
WHERE coalesce(d.submitted_at, d.planned_at) >= $2"""

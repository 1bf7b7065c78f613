"""A mail's way out: a link that puts its reader onto the Blacklist that its send named.

https://www.rfc-editor.org/rfc/rfc8058. The link is good for as long as the list is declared: it needs no row of the
message, which may be gone long before somebody has had enough. Whom it is for stands in it, encrypted.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken

from ums.database import connection, fetch, fetch_tuples, transaction
from ums.messaging.delivering.links import LinkInvalid, former_keys, signing_key
from ums.messaging.engine import Engine, Said
from ums.people import lists
from ums.snapshot import Body, Snapshot


async def links(engine: Engine, snapshot: Snapshot, said: Said, first_id: int, last_id: int) -> Mapping[int, str]:
    """The link of each of these deliveries, by id: none for direct addresses, which are on no list.

    Empty unless the Blacklist of the send says `unsubscribe`. Raises SecretMissing.
    """
    identity = f"{said.channel}/{said.blacklist}"
    if not said.blacklist or not snapshot.all("Blacklist").get(identity, {}).get("unsubscribe"):
        return {}
    key = ("Blacklist", identity)
    number = (await lists.numbers(connection(), [key])).get(key)
    if number is None:
        return {}
    maker, door = sealing(signing_key(engine.settings)), f"{engine.settings.public_url}/u/"
    people = await fetch_tuples(connection(), _PEOPLE, first_id, last_id)
    return {delivery: door + maker.encrypt(f"{number}:{user}".encode()).decode() for delivery, user in people}


@dataclass(frozen=True)
class Leaving:
    """Somebody who followed such a link."""

    user_id: str
    list_number: int
    channel: Body


async def read(engine: Engine, token: str) -> Leaving:
    """Whom the link is for; raises LinkInvalid when it was not made here, or leads to a list that is no more."""
    number, _, user_id = _opened(engine, token).partition(":")
    found = await fetch(connection(), _LIST, int(number))
    snapshot = await engine.snapshots.newest()
    identity = found[0]["name"] if found else ""
    body = snapshot.all("Blacklist").get(identity, {})
    if body.get("membership") != "api":
        raise LinkInvalid("this link has come to its end; please tell who wrote to you that you have had enough")
    return Leaving(user_id, int(number), snapshot.all("Channel")[body["channel"]])


async def unsubscribe(engine: Engine, token: str) -> Leaving:
    """He is on the list from now on, and stays there however often he asks; raises LinkInvalid."""
    leaving = await read(engine, token)
    async with transaction() as tx:
        await lists.add(tx, leaving.list_number, [leaving.user_id])
    return leaving


def _opened(engine: Engine, token: str) -> str:
    for key in (signing_key(engine.settings), *former_keys(engine.settings)):
        try:
            return sealing(key).decrypt(token).decode()
        except InvalidToken:
            continue
    raise LinkInvalid("this link was not made here, or not all of it has come along")


def sealing(key: bytes) -> Fernet:
    """What makes tokens of `<list number>:<userId>` under a signing key, and reads them."""
    return Fernet(urlsafe_b64encode(hashlib.sha256(b"unsubscribe\0" + key).digest()))


_PEOPLE = """
SELECT TUPLES(d.id, r.target) FROM delivery d JOIN recipient r ON r.id = d.recipient_id
WHERE d.id BETWEEN $1 AND $2 AND r.user_id IS NOT NULL"""

_LIST = "SELECT name FROM people_list WHERE id = $1 AND kind = 'Blacklist'"

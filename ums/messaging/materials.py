"""Materials: files that a Channel uploads and names in its sends. They live in the database for some hours.

Only the Channel that uploaded one may use it, and nobody can download it.
https://docs.jiguang.cn/jums/server/rest_api_jums_material
"""

import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ums.database import connection, execute, fetch, rows, transaction
from ums.documents import Path, json_path
from ums.errors import CallerRefused, Problem
from ums.messaging.engine import Engine
from ums.models import Message
from ums.providers import providers
from ums.settings import Settings

HOUR = 3_600_000
PART = 256 * 1024
"""Bytes in one row."""
MOST_NAME = 255
UNNAMED = "attachment"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,58}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,58}", re.ASCII)
ANY_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Upload:
    """A file that a Channel brings."""

    channel: str
    name: str
    content_type: str
    size: int
    hours: int
    """For how long it is kept."""


async def keep(engine: Engine, upload: Upload, content: AsyncIterator[bytes]) -> str:
    """The URL by which a send names it, once all of it is stored."""
    now, key = engine.clock(), secrets.token_urlsafe(16)
    given = (upload.channel, key, named(upload.name), typed(upload.content_type), upload.size, now)
    [row] = await fetch(connection(), _BEGIN, *given, now + upload.hours * HOUR)
    number = 0
    async for part in content:
        await execute(connection(), _ADD_PART, row["id"], number, part)
        number += 1
    await execute(connection(), _COMPLETE, row["id"])
    return f"{_door(engine.settings)}{key}"


def named(name: str) -> str:
    """The last part of a path, without anything that could end a line."""
    last = _CONTROL.sub("", re.split(r"[/\\]", name)[-1]).strip()
    if len(last) > MOST_NAME:
        stem, dot, ending = last.rpartition(".")
        last = f"{stem[: MOST_NAME - len(ending) - 1]}{dot}{ending}" if dot and len(ending) < 20 else last[:MOST_NAME]
    return last or UNNAMED


def typed(content_type: str) -> str:
    """`type/subtype` alone. What is no such thing, or would have parts of its own in a mail, is any file."""
    found = content_type.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(found) or found.startswith(("multipart/", "message/")):
        return ANY_TYPE
    return found


def files(content: Mapping[str, Any]) -> Mapping[Path, str]:
    """The URLs of the files in `{channel type: content}`, by their places."""
    return {
        (kind, *file.at): file.url
        for kind, body in content.items()
        for provider in providers().values()
        if provider.type.value == kind
        for file in provider.named(body)
    }


def key_of(settings: Settings, url: str) -> str:
    """Of the URL of a material; empty for any other URL."""
    return url.removeprefix(_door(settings)) if url.startswith(_door(settings)) else ""


def _door(settings: Settings) -> str:
    return f"{settings.public_url}/v1/material/"


async def check(engine: Engine, message: Message, path: str) -> None:
    """Raises CallerRefused when it names a material that its Channel has not, or not for long enough.

    `path` is where its content stands in the input.
    """
    keys = {at: key for at, url in files(message.content).items() if (key := key_of(engine.settings, url))}
    if not keys:
        return
    found = await fetch(connection(), _EXPIRIES, message.channel, rows([key] for key in keys.values()))
    expiries = {row["key"]: row["expires_at"] for row in found}
    if problems := list(_problems(keys, expiries, message, path)):
        raise CallerRefused(problems)


def _problems(keys: Mapping[Path, str], expiries: Mapping[str, int], message: Message, path: str) -> Iterator[Problem]:
    for at, key in keys.items():
        until, place = expiries.get(key), path + json_path(at).removeprefix("$")
        if until is None:
            words = f"Channel {message.channel} has no such material, or has it no more; upload the file again"
            yield Problem(path=place, code="unknown_material", message=words)
        elif until <= message.send_at:
            words = "the material will be gone when the message is sent; upload it with a longer time_to_live"
            yield Problem(path=place, code="material_expires", message=words)


@dataclass(frozen=True)
class Material:
    name: str
    content_type: str
    content: bytes


async def load(engine: Engine, channel: str, key: str) -> Material | None:
    """What a Channel uploaded; None when it did not, or when the time is over."""
    found = await fetch(connection(), _FIND, channel, key, engine.clock())
    if not found:
        return None
    parts = await fetch(connection(), _PARTS, found[0]["id"])
    content = b"".join(bytes(part["content"]) for part in parts)
    return Material(found[0]["name"], found[0]["content_type"], content) if len(content) == found[0]["size"] else None


async def forget(now: int, most: int) -> int:
    """Remove some of what is over; how many rows that was. Those of half an upload go when its time is over, too."""
    async with transaction() as tx:
        over = rows([row["id"]] for row in await fetch(tx, _OVER, now, max(1, most // 1000)))
        return await execute(tx, _FORGET_PARTS, over) + await execute(tx, _FORGET, over)


_BEGIN = """
INSERT INTO material (channel, key, name, content_type, size, whole, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, false, $6, $7) RETURNING id"""

_ADD_PART = "INSERT INTO material_part (material_id, number, content) VALUES ($1, $2, $3)"

_COMPLETE = "UPDATE material SET whole = true WHERE id = $1"

_EXPIRIES = """
SELECT m.key, m.expires_at FROM ROWS($2: key text) AS given JOIN material m ON m.key = given.key
WHERE m.channel = $1 AND m.whole"""

_FIND = (
    "SELECT id, name, content_type, size FROM material WHERE key = $2 AND channel = $1 AND whole AND expires_at > $3"
)

_PARTS = "SELECT content FROM material_part WHERE material_id = $1 ORDER BY number"

_OVER = "SELECT id FROM material WHERE expires_at <= $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED"

_FORGET_PARTS = "DELETE FROM material_part WHERE material_id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"

_FORGET = "DELETE FROM material WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"

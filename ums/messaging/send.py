"""Accepting a message: checked, stored and, when it is small, expanded in one transaction; milliseconds."""

import hashlib

import orjson
from tortoise.exceptions import IntegrityError

from ums.database import transaction
from ums.errors import CallerRefused, Problem
from ums.messaging.draft import Draft, SendRequest
from ums.messaging.engine import Engine
from ums.messaging.expand import expand
from ums.models import Message
from ums.snapshot import Body


async def send(engine: Engine, channel: Body, request: SendRequest) -> Message:
    """The accepted message; raises CallerRefused with every problem that was found."""
    fingerprint = _fingerprint(request)
    if known := await _known(channel, request, fingerprint):
        return known
    snapshot, now = await engine.snapshots.newest(), engine.clock()
    message = Draft(snapshot, channel, request).message(now)
    message.input_hash = fingerprint
    try:
        async with transaction() as tx:
            await message.save(using_db=tx)
            if _is_small(message) and message.send_at <= now:
                await expand(tx, message, snapshot, now)
    except IntegrityError:
        if known := await _known(channel, request, fingerprint):
            return known  # somebody was faster with the same idempotency key
        raise
    await engine.lanes.wake(request.priority)
    return message


def _is_small(message: Message) -> bool:
    """Whether the audience is given by name, hence at most a thousand a kind: no need to wait for a worker."""
    users = message.audience.get("users")
    return not users["tags"] if users else "addresses" in message.audience


def _fingerprint(request: SendRequest) -> str:
    """SHA-256 of what was asked for, hex."""
    return hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS, default=dict)).hexdigest()


async def _known(channel: Body, request: SendRequest, fingerprint: str) -> Message | None:
    """The message that this idempotency key already made; raises CallerRefused when it asked for something else."""
    key = request.idempotency_key
    known = await Message.get_or_none(channel=channel["name"], idempotency_key=key) if key else None
    if known and known.input_hash != fingerprint:
        message = f"{key!r} already stands for message {known.id}, whose input was different; use a new key"
        raise CallerRefused([Problem(path="input.idempotencyKey", code="idempotency_mismatch", message=message)])
    return known

"""Telling developers: the outbox is emptied, address by address, in the order in which things happened to each target.

Nothing is posted to an address before it has sent back an `echostr`. Up to a hundred go in one call. What could not be
told waits, and with it all that happened to the same target since; others go on. A killed worker's call is made again:
a receiver may be told the same thing twice.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from ums.database import Rows, connection, execute, fetch, rows, transaction
from ums.errors import SecretMissing
from ums.messaging.calling.addresses import validated
from ums.messaging.calling.callback_door import Door, Identity, opened_door
from ums.messaging.engine import Engine, log_failure
from ums.platforms import PLATFORMS
from ums.snapshot import Body, Snapshot
from ums.vocabulary import AppPlatform, AppSender, ChannelType, Told

log = structlog.get_logger()

MOST = 100
"""Callbacks in one call."""

TURN = 60_000
"""ms that a worker has for a call; after that another worker makes it."""

RETRIES = (50, 50, 50)
"""Seconds before each further call."""

LADDER = (300, 900, 1800, 3600)
"""Seconds before each call after those, the last for ever after, for as long as the Channel's `retryHours` say."""

HOUR = 3_600_000

SENDERS = {
    ChannelType.APP: 1, ChannelType.WECHAT_OA: 2, ChannelType.WECHAT_MP: 3, ChannelType.EMAIL: 4, ChannelType.SMS: 5,
    ChannelType.DINGTALK: 6, ChannelType.ALIPAY_LIFE: 7, ChannelType.WECOM: 10,
}  # fmt: skip
"""The module that a callback comes from; 0: UMS itself."""

APP_PLATFORMS = {
    AppPlatform.ANDROID: 0, AppPlatform.IOS: 1, AppPlatform.WEB: 2, AppPlatform.QUICKAPP: 3, AppPlatform.HMOS: 4,
}  # fmt: skip
APP_SENDERS = {
    AppSender.JPUSH: 0, AppSender.HUAWEI: 1, AppSender.OPPO: 2, AppSender.VIVO: 3, AppSender.XIAOMI: 4,
    AppSender.MEIZU: 5, AppSender.FCM: 6, AppSender.APNS: 8,
}  # fmt: skip
"""Others have no number in the reference product: they are left out."""


@dataclass(frozen=True)
class Address:
    id: int
    channel: str
    url: str


async def keep_calling(engine: Engine, every: float = 0.5) -> None:
    """Tell what is to be told for as long as the process lives; a slow receiver holds up its own news only."""
    calling: dict[int, asyncio.Task[None]] = {}
    async with opened_door(engine.settings) as door:
        while not engine.stopping.is_set():
            try:
                for address in await _due(engine):
                    if address.id not in calling or calling[address.id].done():
                        calling[address.id] = asyncio.create_task(_serve(engine, door, address))
            except Exception as error:  # noqa: BLE001  # whatever it is, the next round tries again
                log_failure("callbacks_failed", error, then="tried again")
            with suppress(TimeoutError):
                await asyncio.wait_for(engine.stopping.wait(), every)
        await asyncio.gather(*calling.values())


async def call(engine: Engine, door: Door) -> None:
    """Tell all that is to be told now."""
    await asyncio.gather(*(_serve(engine, door, address) for address in await _due(engine)))


async def _due(engine: Engine) -> list[Address]:
    return [Address(**row) for row in await fetch(connection(), _DUE, engine.clock(), MOST)]


async def _serve(engine: Engine, door: Door, address: Address) -> None:
    """Call one address until nothing is due there."""
    try:
        while not engine.stopping.is_set() and (claimed := await _claim(engine, address)):
            await _tell(engine, door, address, claimed)
    except Exception as error:  # noqa: BLE001  # whatever it is, their turn comes again
        log_failure("callbacks_failed", error, channel=address.channel, then="tried again in a minute")


async def _claim(engine: Engine, address: Address) -> Rows:
    """The next callbacks for an address, for this worker alone; one worker at a time looks, so their order is kept."""
    now = engine.clock()
    async with transaction() as tx:
        if not await fetch(tx, _HOLD, address.id):
            return []
        if not await fetch(tx, f"{_DUE} AND a.id = $3", now, MOST, address.id):
            return []
        ids = [row["id"] for row in await fetch(tx, _NEXT, address.id, now, MOST)]
        await execute(tx, _CLAIM, rows([n] for n in ids), now + TURN)
        return await fetch(tx, _TOLD, rows([n] for n in ids))


async def _tell(engine: Engine, door: Door, address: Address, claimed: Rows) -> None:
    snapshot = await engine.snapshots.newest()
    channel = snapshot.all("Channel").get(address.channel)
    if reason := _unwanted(channel, address.url):
        await _give_up(claimed, reason, engine.clock())
        return
    try:
        failure = await _post(engine, door, address, claimed, snapshot)
    except SecretMissing as missing:
        failure = str(missing)
    if not failure:
        await execute(connection(), _FORGET, rows([row["id"]] for row in claimed))
        return
    await _again(claimed, failure, engine.clock(), _hours(channel))


async def _post(engine: Engine, door: Door, address: Address, claimed: Rows, snapshot: Snapshot) -> str:
    """Empty, or why it was not told."""
    channel = snapshot.all("Channel")[address.channel]
    secret = snapshot.secret(engine.settings, "Channel", address.channel, "masterSecret")
    identity = Identity(channel["key"], secret)
    if claimed[0]["validated_at"] is None:
        if failure := await door.echo(address.url, identity):
            return f"not validated: {failure}"
        await validated(channel, address.url, engine.clock())
    body = orjson.dumps([item(row, channel["key"], snapshot) for row in claimed])
    return await door.post(address.url, body, {**identity.basic, **identity.signed(body, engine.clock())})


def _unwanted(channel: Body | None, url: str) -> str:
    """Why an address is not to be called any more; empty when it is."""
    declared = (channel or {}).get("callbacks") or {"addresses": [], "enabled": False}
    if url not in {one["url"] for one in declared["addresses"]}:
        return "the Channel does not declare this address any more"
    return "" if declared["enabled"] else "the Channel's callbacks are switched off"


def _hours(channel: Body | None) -> int:
    hours: int = ((channel or {}).get("callbacks") or {}).get("retryHours", 0)
    return hours


async def _again(claimed: Rows, failure: str, now: int, hours: int) -> None:
    """Later, each after as long as its attempts say; or never."""
    waits = [(row["id"], wait) for row in claimed if (wait := wait_ms(row["attempts"], now - row["at"], hours))]
    await execute(connection(), _LATER, rows((n, now + wait) for n, wait in waits), failure[:300])
    later = {n for n, _ in waits}
    if given_up := [row for row in claimed if row["id"] not in later]:
        await _give_up(given_up, failure, now)


def wait_ms(attempts: int, age: int, hours: int) -> int:
    """ms until the next call after so many, of what happened so many ms ago; 0 when there is none."""
    if attempts <= len(RETRIES):
        return RETRIES[attempts - 1] * 1000
    if age >= hours * HOUR:
        return 0
    return LADDER[min(attempts - len(RETRIES), len(LADDER)) - 1] * 1000


async def _give_up(claimed: Rows, failure: str, now: int) -> None:
    await execute(connection(), _GIVE_UP, rows([row["id"]] for row in claimed), failure[:300], now)
    log.warning("callbacks_given_up", number=len(claimed), failure=failure, then="replayCallbacks sends them again")


def item(row: Mapping[str, Any], key: str, snapshot: Snapshot) -> dict[str, Any]:
    """As the reference product has it; `error.reason` is ours."""
    declared = snapshot.delivery_channel(row["delivery_channel"] or "")
    kind = PLATFORMS[declared["platform"]].type if declared else None
    direct = row["user_id"] is None and not row["unknown"]
    whole: dict[str, Any] = {
        "type": row["type"],
        "channelkey": key,
        "msgid": str(row["message_id"]),
        "userid": "" if direct else row["target"],
        "sender_id": row["address"] or (row["target"] if direct else ""),
        "sender": SENDERS[kind] if kind else 0,
        "sent_time": row["at"] // 1000,
    }
    if kind is ChannelType.WECOM and declared:
        whole["wechatwk_sender"] = int(declared["platform"] == "wecom-linked")
    if kind is ChannelType.APP:
        whole |= _way(row["app_platform"], row["app_sender"])
    if row["type"] in {Told.INVALID, Told.REFUSED, Told.UNDELIVERED, Told.RECALL_FAILED}:
        whole["error"] = _error(row)
    if row["params"] is not None:
        whole["params"] = orjson.loads(row["params"]) if isinstance(row["params"], str) else row["params"]
    return whole


def _way(platform: str | None, sender: str | None) -> dict[str, int]:
    """The device and who brought it there, once a receipt told them."""
    found = {
        "app_platform": APP_PLATFORMS[AppPlatform(platform)] if platform else None,
        "app_sender": APP_SENDERS.get(AppSender(sender)) if sender else None,
    }
    return {name: number for name, number in found.items() if number is not None}


def _error(row: Mapping[str, Any]) -> dict[str, Any]:
    """`code` is a number, 0 where the provider has none; its words say what else it said."""
    code, words = row["code"], row["words"]
    number = int(code) if code.removeprefix("-").isdecimal() else 0
    said = words if number or not code else f"{code}: {words}".removesuffix(": ")
    return {"code": number, "message": said or row["reason"], "reason": row["reason"]}


_DUE = """
SELECT a.id, a.channel, a.url FROM callback_address a WHERE (
    EXISTS (SELECT 1 FROM callback c WHERE c.address_id = a.id AND c.due_at IS NOT NULL AND c.due_at <= $1)
    OR (SELECT count(*) FROM (SELECT 1 FROM callback c WHERE c.address_id = a.id AND c.due_at IS NOT NULL
                              AND c.attempts = 0 LIMIT $2) AS fresh) >= $2)"""

_HOLD = "SELECT id FROM callback_address WHERE id = $1 FOR UPDATE SKIP LOCKED"

# What happened to a target waits while anything earlier of the same target is under way or is to be tried again.
_FREE = """NOT EXISTS (
    SELECT 1 FROM callback earlier WHERE earlier.recipient_id = c.recipient_id AND earlier.id < c.id
    AND earlier.address_id = c.address_id AND earlier.due_at IS NOT NULL AND earlier.attempts > 0
    AND earlier.due_at > $2)"""

_NEXT = f"""
SELECT id FROM (
    SELECT id FROM (SELECT c.id FROM callback c WHERE c.address_id = $1 AND c.due_at IS NOT NULL AND c.attempts = 0
                    AND {_FREE} ORDER BY c.id LIMIT $3) AS fresh
    UNION SELECT id FROM (SELECT c.id FROM callback c WHERE c.address_id = $1 AND c.due_at IS NOT NULL
                          AND c.attempts > 0 AND c.due_at <= $2 AND {_FREE} ORDER BY c.id LIMIT $3) AS again
) AS ready ORDER BY id LIMIT $3"""

_CLAIM = """
UPDATE callback SET due_at = $2, attempts = attempts + 1 WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"""

_TOLD = """
SELECT c.id, c.type, c.message_id, c.at, c.reason, c.code, c.words, c.attempts, r.target, r.user_id, d.address,
       d.delivery_channel, d.app_platform, d.app_sender, m.callback_params AS params,
       r.reason = 'unknown_user' AS unknown, a.validated_at
FROM ROWS($1: id bigint) AS listed JOIN callback c ON c.id = listed.id
JOIN callback_address a ON a.id = c.address_id JOIN message m ON m.id = c.message_id
JOIN recipient r ON r.id = c.recipient_id LEFT JOIN delivery d ON d.id = c.delivery_id ORDER BY c.id"""

_FORGET = "DELETE FROM callback WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"

_LATER = """
UPDATE callback SET due_at = given.due_at, failure = $2
FROM ROWS($1: id bigint, due_at bigint) AS given WHERE callback.id = given.id"""

_GIVE_UP = """
UPDATE callback SET due_at = NULL, dead_at = $3, failure = $2
WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"""

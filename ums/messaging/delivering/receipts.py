"""What providers tell us later: verified, matched to deliveries, handed to the ledger."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, execute_many, fetch, fetch_tuples, rows, transaction
from ums.errors import ProviderRefused, Unauthorized
from ums.messaging import ledger
from ums.messaging.counts import Tally
from ums.messaging.delivering import replies
from ums.messaging.engine import Engine
from ums.messaging.ledger import Entry, record
from ums.provider_objects import rows as provider_objects
from ums.providers import providers
from ums.providers.contract import Provider, Receipt, Report, Via
from ums.providers.keeper import Reviewed
from ums.snapshot import Snapshot, channel_type
from ums.tracing import Act
from ums.vocabulary import AppPlatform, AppSender, ChannelType, Proof, Reason, State

log = structlog.get_logger()

COUNTED = 7 * 24 * 3_600_000
"""ms after its submit for which a receipt still counts; a later one changes nothing any more."""

KEPT = 3_600_000
"""ms that a receipt waits for the answer of the submit it speaks of; after that it belongs to nobody here."""


async def greet(engine: Engine, kind: ChannelType, code: str, report: Report) -> str | None:
    """What to answer when a provider checks the door; None when this is no such check.

    Raises Unauthorized when it is one, and no DeliveryChannel of that type knows who asks.
    """
    strangers = 0
    for provider in await _candidates(engine, kind, code):
        try:
            if (echo := provider.greet(report)) is not None:
                return echo
        except Unauthorized:
            strangers += 1
    if strangers:
        raise Unauthorized(f"no DeliveryChannel of type {kind.value} has the credentials that this check bears")
    return None


async def receive(engine: Engine, kind: ChannelType, code: str, report: Report) -> tuple[int, str]:
    """Take in what a provider posted: how many receipts it held, and what the provider wants to read in return.

    `code` names the DeliveryChannel; empty: the one of that type whose credentials the report bears. Raises
    Unauthorized when there is none.
    """
    return await take(engine, await _candidates(engine, kind, code), report)


async def take(engine: Engine, candidates: Sequence[Provider], report: Report) -> tuple[int, str]:
    """See `receive`: from the first of these that knows the report for its own."""
    for provider in candidates:
        try:
            told = provider.receipts(report)
            decided = () if told else provider.reviews(report)
            answered = () if told or decided else provider.replies(report)
        except Unauthorized:
            continue
        await apply(engine, provider.account.code, told)
        await _review(engine, provider.account.code, decided)
        await replies.keep(engine, provider.account.code, answered)
        return len(told), provider.thanks
    raise Unauthorized("no DeliveryChannel of this door has the credentials that this report bears")


async def _review(engine: Engine, code: str, decided: Sequence[Reviewed]) -> None:
    """Write down what the provider's reviewers decided; what of it nobody here knows, a worker asks about."""
    if decided:
        async with transaction() as tx:
            await provider_objects.reviewed(tx, code, decided, engine.clock())
        engine.snapshots.look_again()


async def apply(engine: Engine, code: str, told: Sequence[Receipt]) -> None:
    """Move the deliveries that the receipts of one DeliveryChannel speak of; keep those that come too early.

    It returns after the commit: what a provider was thanked for is never lost.
    """
    if told:
        await engine.together(_apply, (code, told))


async def _apply(engine: Engine, posted: Sequence[tuple[str, Sequence[Receipt]]]) -> Sequence[None]:
    """What several posts brought, in one transaction."""
    now, newest = engine.clock(), await engine.snapshots.newest()
    by_code: defaultdict[str, list[Receipt]] = defaultdict(list)
    for code, told in posted:
        by_code[code] += told
    async with transaction() as tx:
        entries: list[Entry] = []
        for code, told in by_code.items():
            matched, unknown = await _match(tx, Source.of(newest, code), told)
            entries += matched
            await _keep(tx, code, unknown, now)
        await record(tx, entries, now)
    if engine.tracing.on:
        heard = Counter(entry.id >> 32 for entry in entries)
        engine.tracing.tell(*(Act("receipt", n, now, engine.clock(), {"receipts": k}) for n, k in heard.items()))
    return [None] * len(posted)


class Source(NamedTuple):
    """A DeliveryChannel whose receipts these are."""

    code: str
    overrules: bool
    """`delivered` only means there that a server took it: whoever says later that it came back knows better."""

    @classmethod
    def of(cls, newest: Snapshot, code: str) -> "Source":
        declared = newest.delivery_channel(code)
        platform = providers().get(declared["platform"]) if declared else None
        return cls(code, platform is not None and platform.detects.get(State.DELIVERED) is Proof.ACCEPTED)


async def match_waiting(
    tx: BaseDBAsyncClient, source: Source, provider_ids: Sequence[str], now: int, tally: Tally
) -> None:
    """Apply receipts that came before the answer in which the provider named these ids; the caller counts `tally`."""
    waiting = await fetch(tx, _WAITING, source.code, rows([n] for n in provider_ids)) if provider_ids else []
    if not waiting:
        return
    told = [
        Receipt(
            row["provider_id"], row["address"], State(row["state"]), row["at"],
            Reason(row["reason"]) if row["reason"] else None, row["code"], row["words"],
            _via(row["app_platform"], row["app_sender"]),
        )
        for row in waiting
    ]  # fmt: skip
    matched, unknown = await _match(tx, source, told)
    await record(tx, matched, now, tally)
    left = set(unknown)
    found = [[row["id"]] for row, receipt in zip(waiting, told, strict=True) if receipt not in left]
    await execute(tx, _FORGET, rows(found))


def _via(platform: str | None, sender: str | None) -> Via | None:
    found = Via(AppPlatform(platform) if platform else None, AppSender(sender) if sender else None)
    return found if any(found) else None


async def _candidates(engine: Engine, kind: ChannelType, code: str) -> list[Provider]:
    """The DeliveryChannels that a report at this door may come from."""
    snapshot = await engine.snapshots.newest()
    found = []
    for name, declared in snapshot.all("DeliveryChannel").items():
        if channel_type(declared) is kind and code in {"", name} and providers()[declared["platform"]].posts:
            try:
                found.append(await engine.connections.get(snapshot, name))
            except ProviderRefused as refused:
                log.warning("receipt_door_closed", delivery_channel=name, code=refused.code, words=refused.message)
    return found


async def _match(tx: BaseDBAsyncClient, source: Source, told: Sequence[Receipt]) -> tuple[list[Entry], list[Receipt]]:
    """What the receipts say of deliveries that are known, and the receipts of those that are not."""
    given = rows((n, receipt.provider_id, receipt.address) for n, receipt in enumerate(told))
    found = await fetch_tuples(tx, _MATCH_BY_TARGET, given, source.code)
    if len(found) < len(told):
        found = [*found, *await fetch_tuples(tx, _MATCH_BY_BATCH, given, source.code)]
    entries = [
        Entry(
            delivery,
            (r := told[n]).state,
            r.at,
            r.reason,
            r.code,
            r.words,
            overrules=source.overrules and r.state is State.UNDELIVERED,
            via=r.via,
        )
        for n, delivery, submitted_at in found
        if submitted_at is None or told[n].at <= submitted_at + COUNTED
    ]
    if late := [delivery for n, delivery, at in found if at is not None and told[n].at > at + COUNTED]:
        log.info(
            "receipts_not_counted",
            delivery_channel=source.code,
            number=len(late),
            first_delivery=late[0],
            because=_LATE,
        )
    known = {n for n, _, _ in found}
    return entries, [receipt for n, receipt in enumerate(told) if n not in known] if len(known) < len(told) else []


_LATE = f"more than {COUNTED // 86_400_000} days after the submit"


async def _keep(tx: BaseDBAsyncClient, code: str, early: Sequence[Receipt], now: int) -> None:
    kept = [
        (
            code, ledger.provider_id(r.provider_id), r.address, int(r.state), r.reason.value if r.reason else "",
            ledger.code(r.code), ledger.words(r.words), r.at, now, *ledger.way(r.via),
        )
        for r in early
    ]  # fmt: skip
    if kept:
        await execute_many(tx, _KEEP, kept)
        log.info("receipts_unmatched", delivery_channel=code, number=len(kept), first=kept[0][1], then=_THEN)


_THEN = f"they wait {KEPT // 60_000} minutes for the answer of their submit"


_KEEP = """
INSERT INTO waiting_receipt (delivery_channel, provider_id, address, state, reason, code, words, at, received_at,
                             app_platform, app_sender)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""

_WAITING = """
SELECT w.* FROM waiting_receipt w JOIN ROWS($2: provider_id text) AS given ON given.provider_id = w.provider_id
WHERE w.delivery_channel = $1 ORDER BY w.id"""

_FORGET = """
DELETE FROM waiting_receipt WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"""

# A provider's id names one target, or a whole batch in which the address names the target.
_MATCH_BY_TARGET = """
SELECT TUPLES(given.n, d.id, d.submitted_at)
FROM ROWS($1: n int, provider_id text, address text) AS given JOIN delivery d ON d.provider_id = given.provider_id
WHERE d.provider_id IS NOT NULL AND d.delivery_channel = $2 AND (given.address = '' OR d.address = given.address)"""

_MATCH_BY_BATCH = """
SELECT TUPLES(given.n, d.id, d.submitted_at) FROM ROWS($1: n int, provider_id text, address text) AS given
JOIN attempt a ON a.provider_id = given.provider_id AND a.delivery_channel = $2 AND a.provider_id IS NOT NULL
JOIN batch b ON b.id = a.batch_id
JOIN delivery d ON d.address = given.address AND d.id BETWEEN b.first_id AND b.last_id"""

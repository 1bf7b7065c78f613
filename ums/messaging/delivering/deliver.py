"""One batch, under a lease: load what is still planned and hand it to the provider."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

import orjson
import structlog

from ums.database import connection, execute, fetch, fetch_tuples, rows
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused, SecretMissing, UmsError
from ums.messaging import statements
from ums.messaging.delivering import clicks, opens, unsubscribing
from ums.messaging.delivering.attachments import NotAttached, attachments
from ums.messaging.engine import LEASE, Engine, Said
from ums.providers.contract import Answer, Attachment, Common, Provider, Submission, Target
from ums.providers.exchange import overheard
from ums.snapshot import channel_type
from ums.vocabulary import ChannelType, Reason, State

log = structlog.get_logger()


@dataclass(frozen=True)
class Lease:
    """A claimed batch."""

    id: int
    message_id: int
    delivery_channel: str
    priority: int
    first_id: int
    last_id: int
    deadline_at: int
    attempts: int
    request_key: str
    token: str
    until: int
    """ms; somebody else may have it then."""


class Verdict(Enum):
    """How an exchange with a provider ended."""

    ANSWERED = "answered"
    BUSY = "busy"
    """Nothing was accepted; or, under an idempotency key, nobody knows: a repeat is harmless."""
    REFUSED = "refused"
    """The account is at fault: the operator must act."""
    UNKNOWN = "unknown"
    """It may have been accepted, and a repeat could reach people twice."""
    LATE = "late"
    """No attempt: its deadline has come."""


@dataclass(frozen=True)
class Exchange:
    """What became of a claimed batch; `targets` is what of it was still planned."""

    lease: Lease
    targets: Sequence[Target]
    started_at: int
    verdict: Verdict
    code: str = ""
    words: str = ""
    answer: Answer | None = None
    retry_after: float | None = None
    """Seconds, as the provider asked."""
    ended_at: int = 0
    """When the call was over; what comes after is ours."""
    revision: int = 0
    """The configuration that the DeliveryChannel was used by."""
    requests: Sequence[str] = ()
    """What went over the wire, without what is secret or personal, a line each; empty where it is no HTTP."""


async def deliver(engine: Engine, lease: Lease) -> Exchange:
    """Submit what of the batch is still planned; `conclude` writes down what came of it."""
    found = await fetch_tuples(connection(), statements.PLANNED, lease.first_id, lease.last_id)
    targets = sorted(Target(*row) for row in found)
    started = engine.clock()
    if not targets or started >= lease.deadline_at:
        return Exchange(lease, targets, started, Verdict.LATE)
    async with _kept(engine, lease) as hold:
        requests: list[str] = []
        overheard.set(requests)
        exchange = await _submit(engine, hold, targets, started)
        revision = (await engine.snapshots.newest()).revision
        return replace(exchange, ended_at=engine.clock(), revision=revision, requests=requests)


class Prepared(NamedTuple):
    """What a message says on one DeliveryChannel, as it was accepted; `personal` when each target has its own links."""

    content: Mapping[str, Any]
    created_at: int
    personal: clicks.Personal | None
    files: Sequence[Attachment] = ()

    def submission(self, provider: Provider, key: str, targets: Sequence[Target]) -> Submission:
        if self.personal and not provider.personal and len(targets) == 1:
            return Submission(key, self.personal(targets[0]), targets, self.created_at, files=self.files)
        return Submission(key, self.content, targets, self.created_at, self.personal, self.files)


class TemplateGone(UmsError):
    """The operator must act: the provider has not the template that the message is made of, as it said before."""

    code, later = "template_gone", False

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(words)


async def _submit(engine: Engine, hold: "_Hold", targets: Sequence[Target], started: int) -> Exchange:
    """One call to the provider, told apart by who must act when it fails."""
    lease = hold.lease
    key = lease.request_key
    try:
        provider, prepared = await _connect(engine, lease)
        if not key and (key := await provider.request_key()):
            await engine.together(_keep_keys, (lease.id, lease.token, key))
        if not await hold.sure():
            return Exchange(lease, [], started, Verdict.LATE)  # it took too long, and somebody else has the batch
        answer = await provider.send(prepared.submission(provider, key, targets))
    except ProviderBusy as busy:
        return Exchange(lease, targets, started, Verdict.BUSY, busy.code, busy.message, retry_after=busy.retry_after)
    except ProviderRefused as refused:
        return Exchange(lease, targets, started, Verdict.REFUSED, refused.code, refused.message)
    except (NotAttached, TemplateGone) as missing:
        state, reason = (State.PLANNED, None) if missing.later else (State.REFUSED, Reason.CONTENT)
        answer = Answer(others=Common(state, reason, missing.code, missing.words))
        return Exchange(lease, targets, started, Verdict.ANSWERED, missing.code, missing.words, answer)
    except OutcomeUnknown as unknown:
        verdict = Verdict.BUSY if key else Verdict.UNKNOWN
        return Exchange(lease, targets, started, verdict, unknown.code, unknown.message)
    return Exchange(lease, targets, started, Verdict.ANSWERED, answer.code, answer.words, answer)


async def _keep_keys(_: Engine, keys: Sequence[tuple[int, str, str]]) -> Sequence[None]:
    """Idempotency keys by batch, written down before the first attempt: whoever repeats it uses the same."""
    await execute(connection(), statements.KEEP_KEYS, rows(keys))
    return [None] * len(keys)


async def _connect(engine: Engine, lease: Lease) -> tuple[Provider, Prepared]:
    """The provider as declared now, and the content as accepted then."""
    snapshot = await engine.snapshots.newest()
    provider = await engine.connections.get(snapshot, lease.delivery_channel)
    declared = snapshot.all("DeliveryChannel")[lease.delivery_channel]
    kind = channel_type(declared)
    said = await engine.together(_read, lease.message_id)
    content = said.content[kind.value]
    if gone := snapshot.names(said.channel).gone({kind.value: content}, lease.delivery_channel):
        raise TemplateGone(gone)
    urls = [file.url for file in provider.named(content)]
    files = await attachments(engine, lease.message_id, said.channel, urls) if urls else ()
    linked = clicks.wanted(declared, personal=provider.personal)
    try:
        own = clicks.personal(engine, kind, content) if linked else None
        if kind is ChannelType.EMAIL and declared.get("openDot"):
            own = opens.with_dot(engine, content, own)
        if kind is ChannelType.EMAIL and provider.personal:
            leaving = await unsubscribing.links(engine, snapshot, said, lease.first_id, lease.last_id)
            own = _with_way_out(content, own, leaving) if leaving else own
    except SecretMissing as missing:
        raise ProviderRefused("secret_missing", f"links cannot be signed: {missing}") from missing
    return provider, Prepared(content, said.created_at, own, files)


def _with_way_out(
    content: Mapping[str, Any], own: clicks.Personal | None, leaving: Mapping[int, str]
) -> clicks.Personal:
    """The content of each target with `unsubscribe`, its link."""

    def content_of(target: Target) -> Mapping[str, Any]:
        said = own(target) if own else content
        return {**said, "unsubscribe": leaving[target.id]} if target.id in leaving else said

    return content_of


async def _read(engine: Engine, message_ids: Sequence[int]) -> Sequence[Said]:
    """What the messages say, which never changes once they go out."""
    wanted = set(message_ids)
    if missing := wanted - engine.said.keys():
        for row in await fetch(connection(), statements.SAID, rows([n] for n in sorted(missing))):
            content, blacklist = orjson.loads(row["content"]), row["blacklist"] or ""
            engine.said[row["id"]] = Said(content, row["created_at"], row["channel"], blacklist)
    found = [engine.said[n] for n in message_ids]
    for n in list(engine.said.keys() - wanted)[: max(0, len(engine.said) - _REMEMBERED)]:
        del engine.said[n]
    return found


_REMEMBERED = 64


class _Hold:
    """A lease, for as long as this process can be sure that it has it."""

    def __init__(self, engine: Engine, lease: Lease) -> None:
        self.lease = lease
        self._engine = engine
        self._until = lease.until

    async def sure(self) -> bool:
        """Whether nobody else can have the batch; a process that stood still for a while must ask."""
        return self._engine.clock() < self._until - LEASE // 3 or await self.renew()

    async def renew(self) -> bool:
        until = self._engine.clock() + LEASE
        renewed = await execute(connection(), statements.RENEW, self.lease.id, self.lease.token, until)
        self._until = until if renewed else 0
        return bool(renewed)

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 3000)
            try:
                await self.renew()
            except Exception as error:  # noqa: BLE001  # whatever it is, the next time may be better
                log.warning("lease_not_renewed", batch=self.lease.id, error=str(error), then="tried again")


@asynccontextmanager
async def _kept(engine: Engine, lease: Lease) -> AsyncIterator[_Hold]:
    """The lease, renewed for as long as the call takes."""
    hold = _Hold(engine, lease)
    renewing = asyncio.create_task(hold.keep())
    try:
        yield hold
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])

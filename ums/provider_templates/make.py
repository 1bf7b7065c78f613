"""What the documents of JSMS templates and signatures cause: made, edited and deleted there, after the commit.

JSMS gives no list of what it keeps and no key against a second call, so before it is asked to make something that is
written down; whoever finds such a note and no answer makes nothing twice, and says who can tell what happened.
"""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson

from ums.database import connection, fetch, transaction
from ums.errors import OutcomeUnknown, UmsError
from ums.models import Making, Resource
from ums.provider_objects import rows as provider_objects
from ums.provider_templates.accounts import account, identity
from ums.providers import providers
from ums.providers.contract import Provider
from ums.providers.keeper import Kept, ObjectId
from ums.reconcile.change import Change
from ums.reconcile.effects import EFFECTS, Caused, EffectStuck, EffectWaits
from ums.settings import Settings
from ums.vocabulary import Clock, Review

Body = Mapping[str, Any]

LEASE = 240_000
"""ms; longer than the calls of one effect can take together."""
SAID = ("text", "type", "ttl", "remark")
"""What of a document the provider is told."""


class BusyMaking(UmsError):
    """Nobody must act: another process is at it."""


async def bring_about(kind: str, settings: Settings, clock: Clock, name: str, body: Body | None) -> None:
    """Make the provider have what the document `name` says, or nothing when `body` is None.

    Raises EffectStuck where only a person can go on, anything else of UmsError to be tried again.
    """
    before = await Making.get_or_none(kind=kind, name=name)
    if before:
        await _claim(kind, name, before.delivery_channel, clock())
        try:
            await _let_go(settings, clock, before, body)
        except UmsError as error:
            await _note(kind, name, problem=str(error))
            raise
    if body and "text" not in body:
        await _look(kind, settings, clock, body)
    elif body:
        await _have_made(kind, settings, clock, name, body)


async def _have_made(kind: str, settings: Settings, clock: Clock, name: str, body: Body) -> None:
    if not await Making.exists(kind=kind, name=name):
        await _claim(kind, name, body["deliveryChannel"], clock())
    try:
        async with account(settings, clock, body["deliveryChannel"]) as provider:
            await _make(provider, await Making.get(kind=kind, name=name), body, clock)
    except UmsError as error:
        await _note(kind, name, problem=str(error))
        raise
    await _note(kind, name, problem="")


def same_words(body: Body, found: Kept) -> bool:
    """Whether the provider has what the document says; of a signature JSMS tells no more than its text."""
    told = SAID if found.object.kind == "ProviderTemplate" else ("text",)
    return all((body.get(word) or None) == (found.said.get(word) or None) for word in told)


def digest(body: Body) -> str:
    """Of what the provider is told."""
    return hashlib.sha256(orjson.dumps([body["deliveryChannel"], *(body.get(word) for word in SAID)])).hexdigest()


def _is_other(making: Making, body: Body | None) -> bool:
    """Whether what was made is not what the document is about any more."""
    if body is None or body["deliveryChannel"] != making.delivery_channel:
        return True
    given = str(body.get("id", ""))
    return bool(making.provider_id and given and given != making.provider_id)


async def _let_go(settings: Settings, clock: Clock, making: Making, body: Body | None) -> None:
    """What was made goes where it is not wanted any more; what a document only names by its id from now on stays."""
    if _is_other(making, body):
        code, gone = making.delivery_channel, ObjectId(making.kind, making.provider_id)
        if making.provider_id and not await _is_shared(making):
            if not await Resource.exists(kind="DeliveryChannel", name=code):
                await making.delete()
                raise EffectStuck(f"{code} is not declared any more, and its account still has {gone.kind} {gone.id}")
            async with account(settings, clock, code) as provider:
                await provider.discard(gone)
        async with transaction() as tx:
            await provider_objects.forget(tx, code, gone)
            await Making.filter(id=making.id).using_db(tx).delete()
    elif body and "text" not in body:
        await making.delete()


async def _is_shared(making: Making) -> bool:
    """Whether another document names the same one by its id."""
    found = await fetch(connection(), _NAMING, making.kind, making.name, making.delivery_channel)
    return any(str(orjson.loads(row["body"]).get("id", "")) == making.provider_id for row in found)


async def _look(kind: str, settings: Settings, clock: Clock, body: Body) -> None:
    """What is known by its id alone is not UMS's to change; how it stands is asked, where the provider tells."""
    code, named = body["deliveryChannel"], ObjectId(kind, str(body["id"]))
    connected = await Resource.get_or_none(kind="DeliveryChannel", name=code)
    if connected and kind not in providers()[connected.body["platform"]].keeps:
        async with transaction() as tx:
            await provider_objects.forget(tx, code, named)  # a send had been refused before the document changed
        return
    async with account(settings, clock, code) as provider:
        found = [one for one in await provider.kept([named]) if one.object == named]
        await _write(provider, named, found, clock)


async def _make(provider: Provider, making: Making, body: Body, clock: Clock) -> None:
    given = making.provider_id or str(body.get("id", ""))
    named = ObjectId(making.kind, given)
    found = next((one for one in await provider.kept([named]) if one.object == named), None) if given else None
    if given and making.provider_id != given:
        await _note(making.kind, making.name, provider_id=given)
    if found is None and "id" in body:
        await _write(provider, named, [], clock)
        raise EffectStuck(f"{body['deliveryChannel']} has none with the id {given}: remove the id to have one made")
    if found is None:
        await _create(provider, making, body, clock)
    elif same_words(body, found):
        await _write(provider, named, [found], clock)
    else:
        await _write(provider, named, [found], clock)
        await _edit(provider, found, body, clock)


async def _create(provider: Provider, making: Making, body: Body, clock: Clock) -> None:
    asked = digest(body)
    if making.asked == asked:
        raise EffectStuck(_DOUBT.format(body["deliveryChannel"], f"{making.kind} {making.name}"))
    if making.provider_id:  # it was deleted there
        async with transaction() as tx:
            await provider_objects.forget(tx, making.delivery_channel, ObjectId(making.kind, making.provider_id))
    await _note(making.kind, making.name, asked=asked, provider_id="")
    try:
        made = await provider.make(making.kind, body)
    except OutcomeUnknown as unknown:
        doubt = _DOUBT.format(body["deliveryChannel"], f"{making.kind} {making.name}")
        raise EffectStuck(f"{doubt} ({unknown})") from unknown
    except UmsError:
        await _note(making.kind, making.name, asked="")
        raise
    await _note(making.kind, making.name, asked="", provider_id=made)
    await _write(provider, *_fresh(making.kind, made, body), clock)


_DOUBT = (
    "{0} was asked to make it, and its answer did not arrive, so it may be there: look for it in the provider's "
    "console. If it is there, write its id into the document; it is also found by itself when the provider tells of "
    "its review. If it is not, ask once more: ums provider-templates again {1}"
)


async def _edit(provider: Provider, found: Kept, body: Body, clock: Clock) -> None:
    if found.review is Review.REJECTED:
        await provider.edit(found.object, body)
        await _write(provider, *_fresh(*found.object, body), clock)
    elif found.review is Review.IN_REVIEW:
        raise EffectWaits(f"{found.object.id} is in review with other words, and only what was rejected can be edited")
    else:
        raise EffectStuck(
            f"{found.object.id} is approved with other words, and only what was rejected can be edited; declare "
            "another one under a new name, and name that in the Templates once it is approved"
        )


def _fresh(kind: str, made: str, body: Body) -> tuple[ObjectId, list[Kept]]:
    """As it is when its review begins."""
    said = {word: body[word] for word in SAID if word in body}
    named = ObjectId(kind, made)
    return named, [Kept(named, said, text=body["text"], review=Review.IN_REVIEW)]


async def _write(provider: Provider, named: ObjectId, found: list[Kept], clock: Clock) -> None:
    code, account_name = provider.account.code, identity(provider)
    async with transaction() as tx:
        if found:
            await provider_objects.found(tx, code, account_name, found, clock())
        else:
            await provider_objects.refused(tx, code, named, provider_objects.GONE, clock())


async def _claim(kind: str, name: str, code: str, now: int) -> None:
    if not await fetch(connection(), _CLAIM, kind, name, code, now + LEASE, now):
        raise BusyMaking(f"{kind} {name}: another process is at it")


async def _note(kind: str, name: str, **values: str) -> None:
    """Write it down; with `problem`, whatever that is, this process is done."""
    changed: dict[str, Any] = {**values, **({"busy_until": 0} if "problem" in values else {})}
    async with transaction() as tx:
        row = await Making.filter(kind=kind, name=name).using_db(tx).first()
        if row:
            await row.update_from_dict({**changed, "changes": row.changes + 1}).save(using_db=tx)


_CLAIM = """
INSERT INTO making AS m (kind, name, delivery_channel, provider_id, asked, busy_until, problem, changes)
VALUES ($1, $2, $3, '', '', $4, '', 1)
ON CONFLICT (kind, name) DO UPDATE SET busy_until = excluded.busy_until, changes = m.changes + 1
WHERE m.busy_until <= $5 RETURNING id"""

_NAMING = """
SELECT body FROM resource WHERE kind = $1 AND name <> $2 AND body ->> 'deliveryChannel' = $3"""


def _looks_other(change: Change) -> bool:
    """Whether an apply changes more than what the document says of itself."""
    if change.before is None or change.after is None:
        return True
    seen = (*SAID, "id", "deliveryChannel", "keywords")
    return any(change.before.get(word) != change.after.get(word) for word in seen)


EFFECTS.update(
    {
        what: Caused(what, kind, partial(bring_about, kind), _looks_other)
        for what, kind in (("template at the provider", "ProviderTemplate"), ("signature at the provider", "Signature"))
    }
)

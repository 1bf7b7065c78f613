"""What an account has at its provider, against what is known of it: pulled, never guessed, and nothing is deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ums.database import transaction
from ums.errors import CallerRefused, Problem
from ums.models import Making, Resource
from ums.provider_objects import rows as provider_objects
from ums.provider_templates.accounts import account, identity
from ums.provider_templates.make import digest, same_words
from ums.providers.contract import Provider
from ums.providers.keeper import Kept, ObjectId
from ums.reconcile.change import Change
from ums.reconcile.effects import EFFECTS, Caused
from ums.reconcile.kinds import Body
from ums.settings import Settings
from ums.vocabulary import Clock

KINDS = ("ProviderTemplate", "Signature")


@dataclass(frozen=True)
class Synced:
    """What a sync has found."""

    there: int
    new: int
    """Of those that are there: nobody here knew them."""
    gone: int
    """Known here, and not there."""


async def sync(provider: Provider, clock: Clock) -> Synced:
    """Ask the provider for all that it keeps for the account, and write that down.

    Raises CallerRefused where a provider tells nothing, ProviderBusy, ProviderRefused or OutcomeUnknown.
    """
    code = provider.account.code
    if not provider.keeps:
        words = (
            f"{provider.platform} tells nobody which templates an account has"
            f"{_ONLY_BY_SENDING if provider.platform == 'alipaylife' else ''}"
        )
        raise CallerRefused([Problem(path="deliveryChannel", code="not_synced", message=words)])
    known = await _known(code)
    told = await provider.kept(sorted(known))
    there = {one.object for one in told}
    await write(provider, told, sorted(known - there), clock)
    return Synced(len(there), len(there - known), len(known - there))


_ONLY_BY_SENDING = "; one becomes invalid when it refuses a message for that reason"


async def write(provider: Provider, told: Sequence[Kept], gone: Sequence[ObjectId], clock: Clock) -> None:
    """These are at the provider, those are not; what one was asked to make and did not answer may be among them."""
    code, account_name = provider.account.code, identity(provider)
    async with transaction() as tx:
        await provider_objects.found(tx, code, account_name, told, clock())
        await provider_objects.missing(tx, code, account_name, gone, clock())
    await _adopt(code, told, clock())


async def _known(code: str) -> set[ObjectId]:
    """Of this DeliveryChannel: what was there before, what documents name and what UMS made."""
    now = await provider_objects.read()
    objects = {ObjectId(kind, given) for kind, at, given in now.objects if at == code}
    made = {ObjectId(kind, m.provider_id) for (kind, _), m in now.made.items() if m.delivery_channel == code}
    named = {
        ObjectId(row.kind, str(row.body["id"]))
        for row in await Resource.filter(kind__in=KINDS)
        if row.body["deliveryChannel"] == code and "id" in row.body
    }
    return {one for one in objects | made | named if one.id}


async def _adopt(code: str, told: Sequence[Kept], now: int) -> None:
    """Whose making was in doubt has what says the same and belongs to nobody else."""
    doubtful = await Making.filter(delivery_channel=code, provider_id="").exclude(asked="")
    if not doubtful:
        return
    taken = {ObjectId(row.kind, row.provider_id) for row in await Making.filter(delivery_channel=code)}
    bodies: Mapping[tuple[str, str], dict[str, Any]] = {
        (row.kind, row.name): row.body for row in await Resource.filter(kind__in=KINDS)
    }
    taken |= {ObjectId(kind, str(body["id"])) for (kind, _), body in bodies.items() if "id" in body}
    for making in doubtful:
        body = bodies.get((making.kind, making.name))
        if making.busy_until > now or body is None or digest(body) != making.asked:
            continue
        for one in told:
            if one.object.kind == making.kind and one.object not in taken and same_words(body, one):
                taken.add(one.object)
                values = {"provider_id": one.object.id, "asked": "", "problem": "", "changes": making.changes + 1}
                await Making.filter(id=making.id, provider_id="").update(**values)
                break


async def _account_changed(settings: Settings, clock: Clock, name: str, body: Body | None) -> None:
    """Another account has other templates: those that it has not are not usable any more."""
    if body is None:
        return
    async with account(settings, clock, name) as provider:
        if provider.keeps and await _known(name):
            await sync(provider, clock)


def _is_other_account(change: Change) -> bool:
    before, after = change.before, change.after
    return bool(before and after and before["credentials"] != after["credentials"])


EFFECTS["templates of the account"] = Caused(
    "templates of the account", "DeliveryChannel", _account_changed, _is_other_account
)

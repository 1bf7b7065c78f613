"""One template or signature that the provider has and no document declares: made known, and forgotten."""

from ums.database import transaction
from ums.errors import CallerRefused, Problem
from ums.provider_objects import rows as provider_objects
from ums.provider_templates.listing import document
from ums.provider_templates.sync import write
from ums.providers.contract import Provider
from ums.providers.keeper import ObjectId
from ums.snapshot import Snapshot
from ums.vocabulary import Clock, ObjectState


async def import_object(provider: Provider, channel: str, wanted: ObjectId, clock: Clock) -> str:
    """The YAML to commit; content may name the id at once, and the document's name once that is applied.

    Raises CallerRefused when there is none, ProviderBusy, ProviderRefused or OutcomeUnknown.
    """
    code = provider.account.code
    if wanted.kind not in provider.keeps:
        words = f"{provider.platform} tells nobody of its {wanted.kind}s; write the document with the id by hand"
        raise CallerRefused([Problem(path="deliveryChannel", code="not_synced", message=words)])
    found = [one for one in await provider.kept([wanted]) if one.object == wanted]
    if not found:
        words = f"the account of {code} has no {wanted.kind} {wanted.id!r}"
        raise CallerRefused([Problem(path="providerId", code="unknown_provider_template", message=words)])
    await write(provider, found, [], clock)
    return document(channel, code, found[0])


async def forget(snapshot: Snapshot, code: str, gone: ObjectId) -> None:
    """Nothing is known of it any more: for what is gone at the provider, or what Alipay refused and has by now.

    Raises CallerRefused for what is unknown, and for what documents of any Channel declare and the provider has.
    """
    known = snapshot.kept.objects.get((gone.kind, code, gone.id))
    if known is None:
        words = f"nothing is known of a {gone.kind} {gone.id!r} of {code}"
        raise CallerRefused([Problem(path="providerId", code="unknown_provider_template", message=words)])
    if known.state is ObjectState.NORMAL and (name := _declares(snapshot, code, gone)):
        words = f"{gone.kind} {name} declares it and {code} has it; take the document away first"
        raise CallerRefused([Problem(path="providerId", code="declared", message=words)])
    async with transaction() as tx:
        await provider_objects.forget(tx, code, gone)


def _declares(snapshot: Snapshot, code: str, gone: ObjectId) -> str:
    for identity, body in snapshot.all(gone.kind).items():
        if body["deliveryChannel"] == code and snapshot.kept.provider_id(gone.kind, identity, body) == gone.id:
            return identity
    return ""

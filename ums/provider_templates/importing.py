"""One template or signature that the provider has and no document declares: known from now on, and its document."""

from ums.errors import CallerRefused, Problem
from ums.provider_templates.listing import document
from ums.provider_templates.sync import write
from ums.providers.contract import Provider
from ums.providers.keeper import ObjectId
from ums.vocabulary import Clock


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
        raise CallerRefused([Problem(path="id", code="unknown_provider_template", message=words)])
    await write(provider, found, [], clock)
    return document(channel, code, found[0])

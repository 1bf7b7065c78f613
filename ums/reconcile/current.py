"""What is live now."""

from ums.errors import SecretMissing
from ums.models import Resource, Revision, StoredSecret
from ums.reconcile.plan import Live
from ums.settings import Settings, unseal


async def current() -> Live:
    """Every object in the open database, as of its latest revision."""
    # The revision first: what is applied in between is then too new, and applying such a plan is refused.
    number = await latest()
    rows = await Resource.all()
    return Live(
        revision=number,
        bodies={(row.kind, row.name): row.body for row in rows},
        hashes={(row.kind, row.name): row.hash for row in rows},
    )


async def latest() -> int:
    """The number of the latest revision; 0 before the first."""
    newest = await Revision.all().order_by("-number").first()
    return newest.number if newest else 0


async def generated_secret(settings: Settings, kind: str, name: str, path: str) -> str:
    """A secret that UMS made, for the operator; raises SecretMissing where there is none."""
    stored = await StoredSecret.get_or_none(kind=kind, name=name, path=path)
    if stored is None:
        message = f"{kind}/{name} has no generated {path}; UMS keeps no secret that comes from elsewhere"
        raise SecretMissing(message)
    return unseal(settings, stored.ciphertext)

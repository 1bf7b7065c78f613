"""Secrets that UMS made itself, made anew or encrypted anew. Each is a new row, which every process notices.

What WeChat gave out because an account's administrator scanned a code is encrypted anew too: it may have no equal.
"""

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, is_sqlite, transaction
from ums.errors import SecretMissing
from ums.models import ProviderToken, StoredSecret
from ums.reconcile.ready import ready
from ums.settings import Settings, make_secret, seal, unseal


async def rotate(settings: Settings) -> int:
    """Encrypt all with the installation's secret key, whichever known key they have now; how many there are."""
    async with ready(settings), transaction() as tx:
        await _lock(tx)
        stored = await StoredSecret.all().using_db(tx)
        again = [(row, seal(settings, unseal(settings, row.ciphertext))) for row in stored]
        for row, ciphertext in again:
            await _replace(tx, row, ciphertext)
        for token in await ProviderToken.exclude(ciphertext="").using_db(tx):
            await execute(tx, _TOKEN, token.id, token.ciphertext, _again(settings, token.ciphertext))
    return len(again)


def _again(settings: Settings, ciphertext: str) -> str:
    try:
        return seal(settings, unseal(settings, ciphertext))
    except SecretMissing:
        return ciphertext  # no key opens it any more, so a token is fetched anew


async def renew(settings: Settings, kind: str, name: str, path: str) -> None:
    """Make another secret in place of the one that UMS made; raises SecretMissing where there is none."""
    ciphertext = seal(settings, make_secret())
    async with ready(settings), transaction() as tx:
        await _lock(tx)
        row = await StoredSecret.get_or_none(kind=kind, name=name, path=path, using_db=tx)
        if row is None:
            message = f"{kind}/{name} has no generated {path}; renew a secret where it comes from"
            raise SecretMissing(message)
        await _replace(tx, row, ciphertext)


async def _replace(tx: BaseDBAsyncClient, row: StoredSecret, ciphertext: str) -> None:
    await row.delete(using_db=tx)
    await StoredSecret.create(using_db=tx, kind=row.kind, name=row.name, path=row.path, ciphertext=ciphertext)


async def _lock(tx: BaseDBAsyncClient) -> None:
    """No apply makes or drops one meanwhile. SQLite has one writer anyway."""
    if not is_sqlite(tx):
        await execute(tx, "LOCK TABLE stored_secret IN SHARE ROW EXCLUSIVE MODE")


# A worker may have fetched another one meanwhile: that one is encrypted with the new key already.
_TOKEN = "UPDATE provider_token SET ciphertext = $3 WHERE id = $1 AND ciphertext = $2"  # noqa: S105

"""Which accounts are authorized by their administrators, for operators."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from ums.messaging.authorize import platforms
from ums.messaging.engine import Engine
from ums.models import Authorization
from ums.providers.wechat.component import ACCOUNT_TOKEN


class Authorized(Enum):
    YES = "yes"
    NOT_YET = "not_yet"
    """No administrator has scanned a code yet."""
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class AccountStatus:
    delivery_channel: str
    authorized: Authorized
    account: str
    """The AppID."""
    title: str
    """As WeChat shows the account to people; empty when that is not known."""
    permissions: list[int]
    """WeChat's permission sets, as far as they are known."""
    since: int | None
    """When it became so, ms."""


async def authorizations(engine: Engine, codes: Collection[str]) -> list[AccountStatus]:
    """Of these DeliveryChannels those that need one, in the order of the file."""
    rows = {(row.platform_id, row.account_id): row for row in await Authorization.all()}
    found = []
    for provider in await platforms(engine):
        component = provider.component
        if component and provider.account.code in codes:
            usable = bool((await component.account_tokens.known(ACCOUNT_TOKEN)).refresh)
            row = rows.get((component.app_id, component.account_id))
            found.append(_status(provider.account.code, component.account_id, row, usable=usable))
    return found


def _status(code: str, account: str, row: Authorization | None, *, usable: bool) -> AccountStatus:
    if row is None:
        return AccountStatus(code, Authorized.YES if usable else Authorized.NOT_YET, account, "", [], None)
    permissions = [int(number) for number in row.permissions.split(",") if number]
    state, since = (Authorized.YES, row.since) if usable else (Authorized.WITHDRAWN, row.ended_at)
    return AccountStatus(code, state, account, row.title, permissions, since)

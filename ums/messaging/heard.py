"""What WeChat posts about an account that authorized our third-party platform."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused, Unauthorized
from ums.messaging.authorize import platforms
from ums.messaging.delivering.receipts import take
from ums.messaging.engine import Engine
from ums.providers.contract import Report
from ums.providers.wechat.component import Component
from ums.providers.wechat.release_check import ACCOUNTS, auth_code, echo

log = structlog.get_logger()


@dataclass(frozen=True)
class Reply:
    body: bytes
    then: Callable[[], Awaitable[None]] | None = None
    """To be done once the answer has left."""


async def heard(engine: Engine, account_id: str, report: Report) -> Reply:
    """Take receipts in; what WeChat wants to read in return.

    Of an account that is declared no more nothing is of interest, and WeChat is thanked all the same. Raises
    Unauthorized when it comes from no platform of ours, CallerRefused when it cannot be read.
    """
    own = await platforms(engine, account_id)
    if account_id in ACCOUNTS and (reply := await _checked(engine, report)):
        return reply
    if own:
        _, thanks = await take(engine, own, report)
        return Reply(thanks.encode())
    for provider in await platforms(engine):
        try:
            provider.notice(report)
        except Unauthorized:
            continue
        return Reply(provider.thanks.encode())
    raise Unauthorized("no DeliveryChannel with authorization: qr has the credentials that this event bears")


async def _checked(engine: Engine, report: Report) -> Reply | None:
    """What passes the check before a platform is published; None when this is no part of it."""
    for provider in await platforms(engine):
        try:
            event = provider.notice(report)
        except Unauthorized:
            continue
        if text := echo(event):
            return Reply(provider.reply(event, text))
        if provider.component and (code := auth_code(event)):
            return Reply(b"", partial(_say, provider.component, code, str(event.get("FromUserName"))))
    return None


async def _say(component: Component, code: str, openid: str) -> None:
    try:
        await component.say(code, openid, f"{code}_from_api")
    except (ProviderBusy, ProviderRefused, OutcomeUnknown) as error:
        log.warning("release_check_failed", platform=component.app_id, error=str(error))

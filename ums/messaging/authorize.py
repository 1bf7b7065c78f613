"""WeChat accounts whose administrator authorizes our third-party platform, instead of handing out an AppSecret.

invite     (`ums.messaging.invitation`) a link to a page of ours, for whoever administrates the account
pages      what that page leads to: WeChat's, where the administrator scans a code
granted    WeChat sends the browser back with a code; what it stands for is kept
noticed    what WeChat posts meanwhile: a ticket every ten minutes, and what administrators do

https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Authorization_Process_Technical_Description.html
"""

from collections.abc import Mapping
from typing import Any

import structlog

from ums.database import connection, execute
from ums.errors import ProviderRefused, Unauthorized
from ums.messaging.engine import Engine
from ums.messaging.invitation import InvitationInvalid, invited, is_authorized_by_scan
from ums.providers.contract import Report
from ums.providers.tokens import Token
from ums.providers.wechat.account import WechatProvider
from ums.providers.wechat.component import ACCOUNT_TOKEN, CODE_REFUSED, TICKET, TICKET_LIVES, Component, Grant

log = structlog.get_logger()


async def pages(engine: Engine, token: str) -> tuple[str, str, str]:
    """The code of the DeliveryChannel, and WeChat's pages: on a computer, and inside WeChat.

    Raises InvitationInvalid, ProviderBusy or ProviderRefused.
    """
    code, component = await _invited(engine, token)
    back = f"{engine.settings.public_url}/v1/wechat/authorized/{token}"
    return (code, *await component.pages(back))


async def granted(engine: Engine, token: str, auth_code: str) -> str:
    """Keep what the administrator granted; the code of the DeliveryChannel.

    The account is checked, so it does not matter whose browser brings the code. Raises as `pages`.
    """
    code, component = await _invited(engine, token)
    await _exchange(engine, component, auth_code)
    return code


async def noticed(engine: Engine, report: Report) -> None:
    """What WeChat posts at the address for authorization events.

    Raises Unauthorized when it comes from no platform of ours, and what the calls raise that it causes.
    """
    for provider in await platforms(engine):
        try:
            event = provider.notice(report)
        except Unauthorized:
            continue
        if provider.component:
            await _heed(engine, provider.component, event)
        return
    raise Unauthorized("no DeliveryChannel with authorization: qr has the credentials that this notice bears")


async def platforms(engine: Engine, account_id: str = "") -> list[WechatProvider]:
    """Those of the DeliveryChannels whose account is authorized by a scan: of one account, or of all."""
    snapshot = await engine.snapshots.newest()
    found = []
    for code, declared in snapshot.all("DeliveryChannel").items():
        if not is_authorized_by_scan(declared):
            continue
        try:
            provider = await engine.connections.get(snapshot, code)
        except ProviderRefused as refused:
            log.warning("receipt_door_closed", delivery_channel=code, code=refused.code, words=refused.message)
            continue
        if isinstance(provider, WechatProvider) and provider.component:
            found += [provider] if account_id in {"", provider.component.account_id} else []
    return found


async def _heed(engine: Engine, component: Component, event: Mapping[str, Any]) -> None:
    match event:
        case {"InfoType": "component_verify_ticket", "ComponentVerifyTicket": str() as ticket}:
            await component.tokens.put(TICKET, Token(ticket, TICKET_LIVES))
        case {
            "InfoType": "authorized" | "updateauthorized",
            "AuthorizerAppid": str(),
            "AuthorizationCode": str() as code,
        }:
            await _exchange(engine, component, code)
        case {"InfoType": "unauthorized", "AuthorizerAppid": str() as account_id}:
            await _withdraw(engine, component, account_id)


async def _exchange(engine: Engine, component: Component, auth_code: str) -> None:
    """Both the browser and an event bring the code, in any order, and WeChat takes it once."""
    try:
        grant = await component.granted(auth_code)
    except ProviderRefused as refused:
        if refused.code not in CODE_REFUSED:
            raise
        grant = await component.found(component.account_id)
    await _keep(engine, component, grant)


async def _keep(engine: Engine, component: Component, grant: Grant) -> None:
    for provider in await platforms(engine, grant.app_id):
        if provider.component and provider.component.app_id == component.app_id:
            token = grant.access_token or Token("", 0.0, grant.refresh_token)
            await provider.component.account_tokens.put(ACCOUNT_TOKEN, token)
            permissions = ",".join(map(str, grant.permissions))[:400]
            known = (component.app_id, grant.app_id, grant.title[:200], permissions, engine.clock())
            await execute(connection(), _AUTHORIZED, *known)
            log.info("account_authorized", delivery_channel=provider.account.code, permissions=permissions)
            return
    message = f"the account {grant.app_id} authorized {component.app_id}, and no DeliveryChannel is declared for it"
    raise ProviderRefused("other_account", message)


async def _withdraw(engine: Engine, component: Component, account_id: str) -> None:
    for provider in await platforms(engine, account_id):
        if provider.component and provider.component.app_id == component.app_id:
            await provider.component.account_tokens.put(ACCOUNT_TOKEN, Token("", 0.0))
    await execute(connection(), _WITHDRAWN, component.app_id, account_id, engine.clock())
    log.warning("account_withdrawn", platform=component.app_id, account=account_id)


async def _invited(engine: Engine, token: str) -> tuple[str, Component]:
    code = invited(engine.settings, token, engine.clock())
    for provider in await platforms(engine):
        if provider.account.code == code and provider.component:
            return code, provider.component
    raise InvitationInvalid(f"DeliveryChannel {code} is not authorized by a scan any more")


_AUTHORIZED = """
INSERT INTO account_authorization (platform_id, account_id, title, permissions, since) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (platform_id, account_id) DO UPDATE SET title = $3, permissions = $4, since = $5, ended_at = NULL"""

_WITHDRAWN = """
UPDATE account_authorization SET ended_at = $3 WHERE platform_id = $1 AND account_id = $2 AND ended_at IS NULL"""

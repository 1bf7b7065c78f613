"""Our own third-party platform at WeChat, through which it is served that an account's administrator authorized it.

https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Authorization_Process_Technical_Description.html
https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getauthorizeraccesstoken.html

WeChat posts a ticket every ten minutes; for it and the platform's secret it gives out the platform's token, and for
that and an account's refresh token the account's access token, which is then used as any other.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account
from ums.providers.exchange import Exchange
from ums.providers.tokens import Token
from ums.providers.wechat.errors import STALE
from ums.providers.wechat.said import Said, said

TICKET, OWN_TOKEN, ACCOUNT_TOKEN = "component_verify_ticket", "component_access_token", "access_token"
TICKET_LIVES = 12 * 3600.0
"""Seconds."""
TICKET_WAIT, _LOOK = 5.0, 0.1
"""Seconds in which a ticket that was asked for usually comes, and between two looks."""

OWN_STALE = STALE | {40094, 42006}
TICKET_REFUSED = frozenset((40091, 61005, 61006, 61058))
NOT_AUTHORIZED = 61003
REFRESH_REFUSED = 61023
CODE_REFUSED = ("61009", "61010")


@dataclass(frozen=True)
class Grant:
    """What an administrator granted for one account."""

    app_id: str
    refresh_token: str = field(repr=False)
    permissions: Sequence[int] = ()
    """Numbers of WeChat's permission sets."""
    title: str = ""
    access_token: Token | None = field(default=None, repr=False)


class Component:
    """The platform, and the one account of a DeliveryChannel; what it keeps is shared by all workers."""

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        credentials = account.credentials
        self.app_id, self._secret = str(credentials["componentAppId"]), str(credentials["componentAppSecret"])
        self._account = account
        sandbox = f"{account.sandbox.http}/wechat" if account.sandbox else ""
        self._login, self._bind = sandbox or "https://mp.weixin.qq.com", sandbox or "https://open.weixin.qq.com"
        self._exchange = Exchange(session, sandbox or credentials.get("baseUrl", "https://api.weixin.qq.com"))
        # Not by DeliveryChannel: two accounts share a platform, and what was granted outlives a change of the files.
        own = {"componentAppId": self.app_id}
        self.tokens = account.tokens_of(f"wechat:{self.app_id}", {**own, "componentAppSecret": self._secret})
        self.account_tokens = account.tokens_of(
            f"wechat:{self.app_id}:{self.account_id}", {**own, "appId": self.account_id}
        )

    @property
    def account_id(self) -> str:
        return str(self._account.credentials["appId"])

    async def pages(self, redirect: str) -> tuple[str, str]:
        """Where an administrator authorizes us: on a computer, and inside WeChat. Good for ten minutes."""
        code = (await self._call("/api_create_preauthcode", {})).accepted().get("pre_auth_code")
        if not code:
            raise ProviderBusy("no_pre_auth_code", "WeChat answered without a readable pre_auth_code")
        asked = {
            "component_appid": self.app_id,
            "pre_auth_code": str(code),
            "redirect_uri": redirect,
            "biz_appid": self.account_id,
        }
        query = urlencode(asked)
        inside = f"{self._bind}/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1&{query}#wechat_redirect"
        return f"{self._login}/cgi-bin/componentloginpage?{query}", inside

    async def granted(self, auth_code: str) -> Grant:
        """What the code from an administrator stands for, which WeChat tells once; the title where that can be had.

        Raises ProviderRefused with a code of CODE_REFUSED when it was told, or when it is too late.
        """
        answer = (await self._call("/api_query_auth", {"authorization_code": auth_code}, auth_code)).accepted()
        grant = _grant(answer.get("authorization_info"), "")
        with suppress(ProviderBusy, ProviderRefused):
            return replace(grant, title=(await self.found(grant.app_id)).title)
        return grant

    async def found(self, app_id: str) -> Grant:
        """What WeChat says is granted for an account; raises ProviderRefused when nothing is."""
        answer = await self._call("/api_get_authorizer_info", {"authorizer_appid": app_id})
        if answer.code == NOT_AUTHORIZED:
            raise self._not_authorized(answer.words)
        whole = answer.accepted()
        about = whole.get("authorizer_info")
        title = str(about.get("nick_name", "")) if isinstance(about, dict) else ""
        return _grant(whole.get("authorization_info"), title)

    async def say(self, auth_code: str, openid: str, text: str) -> None:
        """Write to somebody who wrote to the account that this code stands for; raises as `granted`."""
        token = (await self.granted(auth_code)).access_token
        if token is None:
            raise ProviderBusy("no_token", "WeChat granted an account without its access token")
        message = {"touser": openid, "msgtype": "text", "text": {"content": text}}
        asking = self._exchange.post(
            f"/cgi-bin/message/custom/send?access_token={quote(token.value, safe='')}", message
        )
        (await said(asking, token.value)).accepted()

    async def fresh_token(self) -> Token:
        """Another access token of the account, with the refresh token for the next one."""
        known = await self.account_tokens.known(ACCOUNT_TOKEN)
        refresh = known.refresh or (await self.found(self.account_id)).refresh_token
        answer = await self._refreshed(refresh)
        if answer.code == REFRESH_REFUSED:  # a newer one was given out, and that answer was lost
            refresh = (await self.found(self.account_id)).refresh_token
            answer = await self._refreshed(refresh)
        if answer.code in {NOT_AUTHORIZED, REFRESH_REFUSED}:
            raise await self.withdrawn(answer.words)
        return _token(answer.accepted(), "authorizer_access_token", refresh)

    async def withdrawn(self, words: str) -> ProviderRefused:
        """What to raise when WeChat says that the account is not ours to serve; what was kept of it is forgotten."""
        await self.account_tokens.put(ACCOUNT_TOKEN, Token("", 0.0))
        return self._not_authorized(words)

    def _not_authorized(self, words: str) -> ProviderRefused:
        code = self._account.code
        message = (
            f"DeliveryChannel {code}: {self.account_id} has not authorized the third-party platform {self.app_id}, or "
            f"no longer does; ask the account's administrator to scan the code that `ums wechat authorize {code}` "
            f"leads to. WeChat: {words}"
        )
        return ProviderRefused("not_authorized", message)

    async def _refreshed(self, refresh: str) -> Said:
        asked = {"authorizer_appid": self.account_id, "authorizer_refresh_token": refresh}
        return await self._call("/api_authorizer_token", asked, refresh)

    async def _call(self, path: str, body: Mapping[str, Any], *secrets: str) -> Said:
        """Raises ProviderBusy or ProviderRefused; a lost answer is ProviderBusy, for none of these calls sends."""
        token = await self.tokens.get(OWN_TOKEN, self._fresh)
        answer = await self._asked(path, token, body, secrets)
        if answer.code in OWN_STALE:
            token = await self.tokens.get(OWN_TOKEN, self._fresh, token)
            answer = await self._asked(path, token, body, secrets)
        return answer

    async def _asked(self, path: str, token: str, body: Mapping[str, Any], secrets: Sequence[str]) -> Said:
        query = f"?access_token={quote(token, safe='')}" if token else ""
        asking = self._exchange.post(f"/cgi-bin/component{path}{query}", {"component_appid": self.app_id, **body})
        try:
            return await said(asking, token, *secrets)
        except OutcomeUnknown as lost:
            raise ProviderBusy(lost.code, lost.message) from None

    async def _fresh(self) -> Token:
        """Another token of the platform."""
        ticket = (await self.tokens.known(TICKET)).value or await self._new_ticket()
        asked = {"component_appsecret": self._secret, TICKET: ticket}
        answer = await self._asked("/api_component_token", "", asked, (self._secret, ticket))
        if answer.code in TICKET_REFUSED:
            await self._start_tickets()
            raise ProviderBusy(str(answer.code), f"{answer.words}; another ticket was asked for", retry_after=60)
        return _token(answer.accepted(), OWN_TOKEN, "")

    async def _new_ticket(self) -> str:
        """The one that WeChat posts when it is asked to begin; it may have stopped while our door was closed."""
        await self._start_tickets()
        for _ in range(round(TICKET_WAIT / _LOOK)):
            if ticket := (await self.tokens.known(TICKET)).value:
                return ticket
            await asyncio.sleep(_LOOK)
        message = (
            f"WeChat has posted no {TICKET} of {self.app_id} for twelve hours; it was asked to, and does so every ten "
            "minutes at the address for authorization events: <publicUrl>/v1/wechat/events"
        )
        raise ProviderBusy("no_ticket", message, retry_after=60)

    async def _start_tickets(self) -> None:
        asked = {"component_secret": self._secret}
        (await self._asked("/api_start_push_ticket", "", asked, (self._secret,))).accepted()


def _grant(info: object, title: str) -> Grant:
    given = info if isinstance(info, dict) else {}
    app_id, refresh = given.get("authorizer_appid"), given.get("authorizer_refresh_token")
    if not app_id or not refresh:
        raise ProviderBusy("no_grant", "WeChat's answer does not say what is granted")  # its content is not shown
    numbers = [each.get("funcscope_category", {}).get("id") for each in given.get("func_info") or ()]
    token = _token(given, "authorizer_access_token", str(refresh)) if given.get("authorizer_access_token") else None
    return Grant(str(app_id), str(refresh), sorted(n for n in numbers if isinstance(n, int)), title, token)


def _token(answer: Mapping[str, Any], name: str, refresh: str) -> Token:
    match answer:
        case {"expires_in": int() | float() as lives} if answer.get(name):
            return Token(str(answer[name]), float(lives), str(answer.get("authorizer_refresh_token") or refresh))
    raise ProviderBusy("no_token", f"WeChat answered without a readable {name}")

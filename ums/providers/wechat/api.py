"""WeChat's HTTP interface for one account: the access token, and each call under it.

https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account
from ums.providers.exchange import Exchange, Reply
from ums.providers.tokens import Token
from ums.providers.wechat.component import ACCOUNT_TOKEN, NOT_AUTHORIZED, Component
from ums.providers.wechat.errors import STALE
from ums.providers.wechat.said import Said, said


class WechatApi:
    """The calls of one account."""

    def __init__(self, account: Account, session: aiohttp.ClientSession, platform: str) -> None:
        credentials = account.credentials
        base = credentials.get("baseUrl", "https://api.weixin.qq.com")
        if account.sandbox:
            base = f"{account.sandbox.http}/{platform}"
        self._account = account
        self._exchange = Exchange(session, base)
        self.component = Component(account, session) if credentials.get("authorization") == "qr" else None
        self._tokens = self.component.account_tokens if self.component else account.tokens

    async def post(self, path: str, body: Mapping[str, Any]) -> Said:
        """Raises ProviderBusy, ProviderRefused (the token, too, cannot be had or is refused) or OutcomeUnknown."""
        return await self._under_a_token(
            lambda token: self._exchange.post(f"{path}?access_token={quote(token, safe='')}", body)
        )

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Said:
        """Raises as `post` does; a lost answer is ProviderBusy here, because asking changes nothing."""
        more = "&" + urlencode(query) if query else ""
        try:
            return await self._under_a_token(
                lambda token: self._exchange.get(f"{path}?access_token={quote(token, safe='')}{more}")
            )
        except OutcomeUnknown as lost:
            raise ProviderBusy(lost.code, lost.message) from lost

    async def token(self, spoiled: str = "") -> str:
        """The access token, shared by all workers; raises ProviderBusy or ProviderRefused."""
        return await self._tokens.get(ACCOUNT_TOKEN, self._fetched, spoiled)

    async def lend(self) -> Token:
        """See `Provider.lend`."""
        return await self._tokens.lend(ACCOUNT_TOKEN, self._fetched)

    async def _under_a_token(self, call: Callable[[str], Awaitable[Reply]]) -> Said:
        token = await self.token()
        answer = await said(call(token), token)
        if answer.code in STALE:
            # Another system may have had a new token made: once more, with that.
            token = await self.token(spoiled=token)
            answer = await said(call(token), token)
        if answer.code == NOT_AUTHORIZED and self.component:
            raise await self.component.withdrawn(answer.words)
        if answer.code in STALE:
            raise ProviderRefused(str(answer.code), answer.words)
        return answer

    async def _fetched(self) -> Token:
        """A stable token: asking again does not void the one that others hold."""
        if self.component:
            return await self.component.fresh_token()
        credentials = self._account.credentials
        asked = {"appid": credentials["appId"], "secret": credentials["appSecret"]}
        try:
            asking = self._exchange.post("/cgi-bin/stable_token", {"grant_type": "client_credential", **asked})
            answer = (await said(asking, asked["secret"])).accepted()
        except OutcomeUnknown:
            answer = {}
        match answer:
            case {"access_token": str() as value, "expires_in": int() | float() as lives} if value:
                return Token(value, float(lives))
        # What arrived is not shown: a token may be in it. Nothing was sent, so trying again is harmless.
        raise ProviderBusy("no_token", "no readable answer to the request for an access token")

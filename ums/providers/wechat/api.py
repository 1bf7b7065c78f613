"""WeChat's HTTP interface for one account: the access token, and each call under it.

https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Token
from ums.providers.exchange import Exchange, Reply
from ums.providers.wechat.errors import STALE, refusal


@dataclass(frozen=True)
class Said:
    """An answer of WeChat, which is an HTTP 200 whatever it says."""

    code: int
    """0 when all is well."""
    words: str
    """WeChat's own, ending with the `rid` by which its support finds the call."""
    whole: Mapping[str, Any]

    def accepted(self) -> Mapping[str, Any]:
        """The answer to a call that concerns no single message; raises ProviderBusy or ProviderRefused."""
        if self.code:
            raise refusal(self.code, self.words)
        return self.whole


class WechatApi:
    """The calls of one account."""

    def __init__(self, account: Account, session: aiohttp.ClientSession, platform: str) -> None:
        credentials = account.credentials
        base = credentials.get("baseUrl", "https://api.weixin.qq.com")
        if account.sandbox:
            base = f"{account.sandbox.http}/{platform}"
        self._account = account
        self._exchange = Exchange(session, base)

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
        return await self._account.tokens.get("access_token", self._fetched, spoiled)

    async def lend(self) -> Token:
        """See `Provider.lend`."""
        return await self._account.tokens.lend("access_token", self._fetched)

    async def _under_a_token(self, call: Callable[[str], Awaitable[Reply]]) -> Said:
        token = await self.token()
        said = await self._said(call(token), token)
        if said.code in STALE:
            # Another system may have had a new token made: once more, with that.
            token = await self.token(spoiled=token)
            said = await self._said(call(token), token)
        if said.code in STALE:
            raise ProviderRefused(str(said.code), said.words)
        return said

    async def _fetched(self) -> Token:
        """A stable token: asking again does not void the one that others hold."""
        credentials = self._account.credentials
        if credentials.get("authorization") == "qr":
            words = "this version cannot act for an account that authorized a third-party platform; use an AppSecret"
            raise ProviderRefused("authorization_qr", words)
        asked = {"appid": credentials["appId"], "secret": credentials["appSecret"]}
        try:
            asking = self._exchange.post("/cgi-bin/stable_token", {"grant_type": "client_credential", **asked})
            answer = (await self._said(asking, asked["secret"])).accepted()
        except OutcomeUnknown:
            answer = {}
        match answer:
            case {"access_token": str() as value, "expires_in": int() | float() as lives} if value:
                return Token(value, float(lives))
        # What arrived is not shown: a token may be in it. Nothing was sent, so trying again is harmless.
        raise ProviderBusy("no_token", "no readable answer to the request for an access token")

    async def _said(self, call: Awaitable[Reply], secret: str) -> Said:
        """What comes back; should anything on the way repeat what it was asked, then without the secret."""

        def shown(words: str) -> str:
            return words.replace(secret, "...") if secret else words

        try:
            said = _read(await call)
        except ProviderRefused as refused:
            raise ProviderRefused(refused.code, shown(refused.message)) from None
        except ProviderBusy as busy:
            raise ProviderBusy(busy.code, shown(busy.message), retry_after=busy.retry_after) from None
        except OutcomeUnknown as lost:
            raise OutcomeUnknown(shown(lost.message)) from None
        return replace(said, words=shown(said.words))


def _read(reply: Reply) -> Said:
    if reply.status >= 500:
        raise OutcomeUnknown(f"HTTP {reply.status}: {reply.excerpt}")
    if reply.status >= 400:
        raise ProviderRefused(str(reply.status), reply.excerpt)
    answer = reply.answer()
    code = answer.get("errcode", 0)
    if not isinstance(code, int):
        raise OutcomeUnknown(f"an errcode that is no number: {reply.excerpt}")
    return Said(code, str(answer.get("errmsg", "")), answer)

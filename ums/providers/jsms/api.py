"""JSMS's HTTP interface: https://docs.jiguang.cn/jsms/server/rest_api_summary/"""

import aiohttp

from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.contract import Account
from ums.providers.exchange import Exchange, Reply, basic

OUT_OF_FREQUENCY = "50009"


class JsmsApi(Exchange):
    """One application's access."""

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        credentials = account.credentials
        base = credentials.get("baseUrl", "https://api.sms.jpush.cn")
        if account.sandbox:
            base = f"{account.sandbox.http}/jsms"
        super().__init__(session, base, basic(credentials["appKey"], credentials["masterSecret"]))

    async def post_parts(self, path: str, form: aiohttp.FormData) -> Reply:
        """Post a form in parts, as files need it."""
        parts = form()
        return await self._request("POST", path, await parts.as_bytes(), parts.headers["Content-Type"])


def error(reply: Reply) -> tuple[str, str] | None:
    """JSMS's code and words; None when the answer has neither."""
    match reply.answer():
        case {"error": {"code": code, "message": words}}:
            return str(code), str(words)
    return None


def refusal(reply: Reply) -> ProviderBusy | ProviderRefused:
    """Of a call that may be repeated without harm."""
    code, words = error(reply) or (str(reply.status), reply.excerpt)
    if reply.status >= 500 or code == OUT_OF_FREQUENCY:
        return ProviderBusy(code, words)
    return ProviderRefused(code, words)

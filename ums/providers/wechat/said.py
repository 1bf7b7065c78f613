"""What WeChat answers to a call, whichever of its APIs it is."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.exchange import Reply
from ums.providers.wechat.errors import refusal


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


async def said(call: Awaitable[Reply], *secrets: str) -> Said:
    """What comes back; should anything on the way repeat what it was asked, then without the secrets."""

    def shown(words: str) -> str:
        for secret in filter(None, secrets):
            words = words.replace(secret, "...")
        return words

    try:
        answer = _read(await call)
    except ProviderRefused as refused:
        raise ProviderRefused(refused.code, shown(refused.message)) from None
    except ProviderBusy as busy:
        raise ProviderBusy(busy.code, shown(busy.message), retry_after=busy.retry_after) from None
    except OutcomeUnknown as lost:
        raise OutcomeUnknown(shown(lost.message)) from None
    return replace(answer, words=shown(answer.words))


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

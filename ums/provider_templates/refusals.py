"""What kept a provider from answering, as problems that somebody can act on."""

from ums.errors import CallerRefused, OutcomeUnknown, Problem, ProviderBusy, ProviderRefused, UmsError

QUOTAS = {
    "45009": "the account's calls of the day are used up; WeChat's official community gives more to who asks there",
    "45011": "the account's calls of the minute are used up",
    "200012": "the account has as many templates as WeChat keeps; delete one there first",
}
"""WeChat's codes: https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-message-management/subscribe-message/"""

ANSWERS = (CallerRefused, ProviderBusy, ProviderRefused, OutcomeUnknown)
"""What a call to a provider may raise, and `problems` tells."""


def problems(error: UmsError, path: str = "deliveryChannel") -> list[Problem]:
    """`path` is where the input names what the call was about."""
    match error:
        case CallerRefused():
            return error.problems
        case ProviderBusy():
            return [Problem(path=path, code="provider_busy", message=_said(error) + _when(error.retry_after))]
        case ProviderRefused():
            return [Problem(path=path, code="provider_refused", message=_said(error))]
    message = f"{error}; it may have been done or not, a sync tells"
    return [Problem(path=path, code="outcome_unknown", message=message)]


def _said(error: ProviderBusy | ProviderRefused) -> str:
    quota = QUOTAS.get(error.code)
    return f"{error} ({quota})" if quota else str(error)


def _when(seconds: float | None) -> str:
    if not seconds:
        return "; try again"
    minutes, hours = int(seconds // 60) % 60, int(seconds // 3600)
    return f"; try again after {f'{hours} h {minutes} min' if seconds >= 60 else f'{seconds:.0f} s'}"

"""What the codes of WeChat mean: of an Official Account and of a Mini Program alike.

https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage
https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-message-management/subscribe-message/api_sendmessage
"""

import time
from enum import Enum

from ums.errors import ProviderBusy, ProviderRefused
from ums.vocabulary import Reason, State

STALE = frozenset((40001, 40014, 42001))
"""The access token is not good any more; at the second time with a fresh one, the account is at fault."""


class Fate(Enum):
    """What a code means for the one message that got it."""

    ADDRESS = (State.INVALID, Reason.INVALID_ADDRESS)
    UNSUBSCRIBED = (State.INVALID, Reason.UNSUBSCRIBED)
    UNREACHABLE = (State.INVALID, Reason.UNREACHABLE)
    CONTENT = (State.REFUSED, Reason.CONTENT)
    DUPLICATE = (State.REFUSED, Reason.DUPLICATE)
    UNKNOWN = (State.REFUSED, Reason.UNKNOWN)
    OPERATOR = (State.PLANNED, Reason.ACCOUNT)
    LATER = (State.PLANNED, None)


_CODES = {
    Fate.LATER: (-1, 43108, 43117, 45009, 45011, 20001, 200001),
    Fate.ADDRESS: (40003,),
    Fate.UNSUBSCRIBED: (43004, 43101, 48002, 50005),
    Fate.UNREACHABLE: (43019, 45015, 45047, 50002),
    # A template or a page that WeChat does not know stands in the content, not in the account.
    Fate.CONTENT: (
        *(40008, 40033, 40035, 40036, 40037, 40038, 40165, 40166, 40249),
        *(41030, 43116, 45168, 47001, 47002, 47003),
    ),
    Fate.DUPLICATE: (40241,),
    Fate.OPERATOR: (
        *(40001, 40002, 40013, 40014, 40125, 40164, 40243, 41001, 41002, 41004, 42001),
        *(43002, 43106, 43107, 45026, 45027, 45103, 45109, 48001, 48004, 48006, 48008),
    ),
}
FATES = {code: fate for fate, codes in _CODES.items() for code in codes}

DAY, BEIJING = 86_400, 8 * 3600


def fate_of(code: int) -> Fate:
    """One that is in no list: 45xxx is a limit, any other 4xxxx is about this message, the rest about the account."""
    if code in FATES:
        return FATES[code]
    if 45_000 <= code < 46_000:
        return Fate.LATER
    return Fate.UNKNOWN if 40_000 <= code < 50_000 else Fate.OPERATOR


def is_quota(code: int) -> bool:
    """Whether the next call would be turned away as well."""
    return code in (45009, 45011)


def seconds_to_wait(code: int) -> float | None:
    """Until a used-up quota is full again: that of a day at midnight in China, that of a minute after a minute."""
    if code == 45009:
        return DAY - (time.time() + BEIJING) % DAY
    return 60.0 if code == 45011 else None


def refusal(code: int, words: str) -> ProviderBusy | ProviderRefused:
    """Of a call that concerns no single message."""
    if fate_of(code) is Fate.LATER:
        return ProviderBusy(str(code), words, retry_after=seconds_to_wait(code))
    return ProviderRefused(str(code), words)

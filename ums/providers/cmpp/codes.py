"""What a gateway's results and report codes mean: tables of the standard, and the supplier's own dictionary over them.

CMPP 3.0.0, sections 8.4.3.2 and 8.4.4.1: https://github.com/Lihuanghe/SMSGate (folder doc). Who is to blame is our
reading. Codes from 100 on, and any report code that is not in the standard, are the supplier's own.
"""

from collections.abc import Mapping
from typing import Any

from ums.providers.contract import Common
from ums.vocabulary import Reason, State

ACCEPTED, FLOW_CONTROL = 0, 8

# Of SUBMIT_RESP. PLANNED with a reason is for the operator to mend; without one it is worth another try as it is.
RESULTS: Mapping[int, tuple[State, Reason | None, str]] = {
    ACCEPTED: (State.SUBMITTED, None, ""),
    1: (State.PLANNED, Reason.ACCOUNT, "wrong structure"),
    2: (State.PLANNED, Reason.ACCOUNT, "wrong command"),
    3: (State.PLANNED, None, "sequence number used twice"),
    4: (State.PLANNED, Reason.ACCOUNT, "wrong length"),
    5: (State.PLANNED, Reason.ACCOUNT, "wrong fee code"),
    6: (State.REFUSED, Reason.CONTENT, "message too long"),
    7: (State.PLANNED, Reason.ACCOUNT, "wrong service id"),
    FLOW_CONTROL: (State.PLANNED, None, "flow control"),
    9: (State.REFUSED, Reason.PROVIDER, "not served by this gateway"),
    10: (State.PLANNED, Reason.ACCOUNT, "wrong access number"),
    11: (State.PLANNED, Reason.ACCOUNT, "wrong enterprise code"),
    12: (State.PLANNED, Reason.ACCOUNT, "wrong fee number"),
    13: (State.INVALID, Reason.INVALID_ADDRESS, "wrong destination number"),
}
UNLISTED = (State.REFUSED, Reason.PROVIDER, "not accepted")

STATS: Mapping[str, tuple[State, Reason | None]] = {
    "DELIVRD": (State.DELIVERED, None),
    "EXPIRED": (State.UNDELIVERED, Reason.UNREACHABLE),
    "DELETED": (State.UNDELIVERED, Reason.PROVIDER),
    "UNDELIV": (State.UNDELIVERED, Reason.UNREACHABLE),
    "UNKNOWN": (State.UNKNOWN, Reason.UNKNOWN),
    "REJECTD": (State.UNDELIVERED, Reason.PROVIDER),
}
ON_ITS_WAY = "ACCEPTD"
"""Says nothing of a delivery yet."""
# Of codes like MA:0001: which part of the network did not answer (A), failed (B) or sent no report (C).
FAMILIES: Mapping[str, tuple[State, Reason]] = {
    "MA": (State.UNDELIVERED, Reason.PROVIDER),
    "MB": (State.UNDELIVERED, Reason.PROVIDER),
    "MC": (State.UNKNOWN, Reason.UNKNOWN),
    "CA": (State.UNDELIVERED, Reason.PROVIDER),
    "CB": (State.UNDELIVERED, Reason.PROVIDER),
    "DA": (State.UNDELIVERED, Reason.PROVIDER),
    "DB": (State.UNDELIVERED, Reason.PROVIDER),
    "SA": (State.UNDELIVERED, Reason.PROVIDER),
    "SB": (State.UNDELIVERED, Reason.PROVIDER),
    "IA": (State.UNDELIVERED, Reason.PROVIDER),
    "IB": (State.UNDELIVERED, Reason.PROVIDER),
    "IC": (State.UNKNOWN, Reason.UNKNOWN),
}
ELSEWHERE = (State.UNDELIVERED, Reason.UNKNOWN)

STATES = {
    Reason.INVALID_ADDRESS: State.INVALID,
    Reason.UNSUBSCRIBED: State.INVALID,
    Reason.ACCOUNT: State.PLANNED,
}
"""Of a SUBMIT that was not accepted, by the reason in the supplier's dictionary; REFUSED for all others."""

Codes = Mapping[str, Mapping[str, Any]]
"""Code -> `reason` and `words`, as `codes` of schemas/providers/cmpp.json."""


def said_of_submit(result: int, codes: Codes) -> Common:
    """What a result means for the numbers of a SUBMIT."""
    own = codes.get(str(result))
    if own and result not in (ACCEPTED, FLOW_CONTROL):
        reason = Reason(own["reason"])
        return Common(STATES.get(reason, State.REFUSED), reason, str(result), own.get("words", ""))
    state, why, words = RESULTS.get(result, UNLISTED)
    return Common(state, why, str(result) if result else "", words)


def blames_one(said: Common) -> bool:
    """Whether a SUBMIT to several numbers may have been refused for one of them."""
    return said.state is State.INVALID or (said.state is State.REFUSED and said.reason is not Reason.CONTENT)


def said_of_report(stat: str, codes: Codes) -> Common | None:
    """What a report's code means; None when it tells nothing."""
    if stat == ON_ITS_WAY:
        return None
    if stat in codes and stat != "DELIVRD":
        return Common(State.UNDELIVERED, Reason(codes[stat]["reason"]), stat, codes[stat].get("words", ""))
    family, colon, _ = stat.partition(":")
    state, reason = STATS.get(stat) or (FAMILIES.get(family) if colon else None) or ELSEWHERE
    return Common(state, reason, stat)

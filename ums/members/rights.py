"""What each role may do: one table, read by the API for every field of the schema."""

from collections.abc import Iterable, Mapping
from enum import Enum
from functools import lru_cache


class Role(Enum):
    """What a caller of the API is; the first four are those of Members, as their documents say."""

    ADMIN = "admin"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    VIEWER = "viewer"
    CHANNEL_KEY = "Channel Key"
    PEOPLE_KEY = "people key"


class Right(Enum):
    """Something that a caller may do or not, in the words of the documentation."""

    READ = "read messages, statistics, templates, lists and the configuration"
    READ_PEOPLE = "read people: who they are, their tags, how many can be reached"
    SEE_ADDRESSES = "see addresses whole, where others see them masked"
    SEND = "send, forward, change and cancel messages"
    RECALL = "recall messages, and delete them from the history"
    REVIEW = "approve and reject what waits for a review"
    SWITCH = "switch DeliveryChannels off and on, and have their accounts authorized"
    PROVIDER_TEMPLATES = "sync, import, pick and forget the templates that providers keep"
    CALLBACKS = "replay and test callbacks"
    WRITE_PEOPLE = "upload people, and change who is in lists and Segments"
    DELETE_PEOPLE = "delete people"
    BORROW_TOKENS = "fetch a provider's token: GET /v1/token"
    READ_AUDIT_LOG = "read the audit log"
    OWN_TOKENS = "see who one is, make, list and revoke tokens of one's own, and list and revoke one's sessions"
    OWN_TICKETS = "list what waits for one's review, what one decided about, and what one submitted"
    TOKENS_OF_ALL = "make, list and revoke the tokens of every Member, and list and revoke the sessions"


_WORKERS = {Role.ADMIN, Role.OPERATOR, Role.CHANNEL_KEY}
_MEMBERS = {Role.ADMIN, Role.OPERATOR, Role.AUDITOR, Role.VIEWER}

MAY: Mapping[Right, set[Role]] = {
    Right.READ: {*_MEMBERS, Role.CHANNEL_KEY},
    Right.READ_PEOPLE: {*_MEMBERS, Role.CHANNEL_KEY, Role.PEOPLE_KEY},
    Right.SEE_ADDRESSES: {*_WORKERS, Role.PEOPLE_KEY},
    Right.SEND: _WORKERS,
    Right.RECALL: _WORKERS,
    Right.REVIEW: {Role.ADMIN, Role.AUDITOR},
    Right.SWITCH: _WORKERS,
    Right.PROVIDER_TEMPLATES: _WORKERS,
    Right.CALLBACKS: _WORKERS,
    Right.WRITE_PEOPLE: {*_WORKERS, Role.PEOPLE_KEY},
    Right.DELETE_PEOPLE: {Role.ADMIN, Role.PEOPLE_KEY},
    Right.BORROW_TOKENS: {Role.ADMIN, Role.CHANNEL_KEY},
    Right.READ_AUDIT_LOG: {Role.ADMIN, Role.AUDITOR},
    Right.OWN_TOKENS: _MEMBERS,
    Right.OWN_TICKETS: _MEMBERS,
    Right.TOKENS_OF_ALL: {Role.ADMIN},
}
"""Who may do what. Roles other than admin hold in the Channels that the Member's document names, or in all."""

PERSONAL = frozenset({Right.OWN_TOKENS, Right.OWN_TICKETS})
"""What is about the Member, whatever the Channel."""


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """All that somebody with these roles may do."""
    return _rights_of(frozenset(roles))


@lru_cache
def _rights_of(held: frozenset[Role]) -> frozenset[Right]:
    return frozenset(right for right, may in MAY.items() if may & held)

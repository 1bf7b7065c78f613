"""The GraphQL words that every topic of the API uses."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import strawberry
from graphql import GraphQLError
from strawberry import types as strawberry_types
from strawberry.dataloader import DataLoader

from ums import errors
from ums.api.caller import Caller, Credentials, authenticate
from ums.api.refusals import REFUSALS
from ums.errors import CallerForbidden
from ums.messaging.engine import Engine
from ums.messaging.reading.history import Numbers
from ums.messaging.reading.progress import Following
from ums.places import ROOT, Place
from ums.snapshot import Body
from ums.vocabulary import AppPlatform, AppSender, ChannelType, MessageState, Priority, State

MOST = 1000

strawberry.enum(Priority, description="Each has its own lane: a large LOW send never delays a HIGH one.")
strawberry.enum(ChannelType, description="What kind of address.")
strawberry.enum(AppPlatform, description="What runs on the device that an app notification went to.")
strawberry.enum(AppSender, description="Who brought an app notification to the device: JPush, or a vendor's channel.")
strawberry.enum(MessageState, description="Where a message as a whole stands.")
strawberry.enum(State, name="DeliveryState", description="Where one target stands; it only ever moves on.")


@dataclass
class Context:
    """What every resolver gets."""

    engine: Engine
    admitted: Caller | None
    """None: a websocket whose first message has not said who calls."""
    numbers: DataLoader[int, Numbers]
    following: Following
    credentials: Credentials
    """Of the request, or of a websocket's handshake and first message."""
    lasting: bool = False
    """A websocket, which may live longer than what it was opened with."""
    connection_params: Mapping[str, Any] = field(default_factory=dict)
    """What the first message of a websocket brought."""

    async def admit_again(self) -> None:
        """Who calls, as of now; raises GraphQLError when that is nobody any more."""
        try:
            self.admitted = await authenticate(self.engine, self.credentials)
        except REFUSALS as error:
            raise GraphQLError("no credentials any more", extensions={"code": "UNAUTHORIZED"}) from error

    @property
    def caller(self) -> Caller:
        if self.admitted is None:
            raise GraphQLError("no credentials", extensions={"code": "UNAUTHORIZED"})
        return self.admitted

    @property
    def channel(self) -> Body:
        """For which the caller acts; raises GraphQLError when it names none."""
        try:
            return self.caller.for_channel()
        except CallerForbidden as missing:
            raise GraphQLError(str(missing), extensions={"code": missing.code}) from missing


Info = strawberry_types.Info[Context, None]


@strawberry.type(description="What the caller must mend. `code` is stable, `path` points into the input.")
class Problem:
    code: str
    message: str
    path: str

    @classmethod
    def of(cls, problem: errors.Problem) -> "Problem":
        return cls(code=problem.code, message=problem.message, path=problem.path)


@strawberry.type(description="Where something was declared, as of the revision that last changed it.")
class DeclaredAt:
    text: str = strawberry.field(description="`config/policies/shop.yaml:16`; or in words that it is not known.")
    file: str = strawberry.field(description="Empty: it is not known.")
    line: int | None
    revision: int
    commit: str = strawberry.field(description="In which the file had that line.")

    @classmethod
    def of(cls, place: Place, path: str = ROOT) -> "DeclaredAt":
        line = place.line(path)
        return cls(text=place.told(path), file=place.file, line=line, revision=place.revision, commit=place.commit)


Node = TypeVar("Node")


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Edge(Generic[Node]):
    node: Node
    cursor: str


@strawberry.type(description="A page of a list; the cursor is a position that stays right while the list grows.")
class Connection(Generic[Node]):
    edges: list[Edge[Node]]
    page_info: PageInfo


def connection(nodes: Sequence[tuple[int, Node]], first: int) -> Connection[Node]:
    """A page of (id, node), of which one more than `first` were asked for."""
    edges = [Edge(node=node, cursor=cursor(at)) for at, node in nodes[:first]]
    end = edges[-1].cursor if edges else None
    return Connection(edges=edges, page_info=PageInfo(has_next_page=len(nodes) > first, end_cursor=end))


def cursor(at: int) -> str:
    return base64.urlsafe_b64encode(f"1:{at}".encode()).decode()


def position(after: str | None) -> int | None:
    """The id behind a cursor; raises GraphQLError for one that we did not make."""
    if after is None:
        return None
    try:
        version, _, at = base64.urlsafe_b64decode(after.encode()).decode().partition(":")
        if version == "1":
            return int(at)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise GraphQLError(f"{after!r} is not a cursor; pass the endCursor of the page before")


def number(message_id: str) -> int:
    """Of a message; 0, which none has, for what cannot be one."""
    return int(message_id) if message_id.isdecimal() and len(message_id) < 10 else 0


def limited(first: int) -> int:
    if not 1 <= first <= MOST:
        raise GraphQLError(f"first is {first}, expected 1 to {MOST}")
    return first


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def maybe_moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment(ms)


def milliseconds(at: datetime) -> int:
    """Of a time with its zone; one without is taken as UTC."""
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)

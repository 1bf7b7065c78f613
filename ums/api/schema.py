"""The GraphQL schema, put together, and the HTTP endpoint that serves it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import strawberry
import structlog
from graphql import GraphQLError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketClose, WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.dataloader import DataLoader
from strawberry.exceptions import ConnectionRejectionError
from strawberry.extensions import (
    AddValidationRules,
    MaskErrors,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    ParserCache,
    ValidationCache,
)
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.schema.config import StrawberryConfig
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionContext
from strawberry.types.unset import UnsetType

from ums.api.audit import AuditMutation, AuditQuery
from ums.api.audit_log import AuditLogQuery
from ums.api.callbacks import CallbacksMutation, CallbacksQuery
from ums.api.caller import Credentials, authenticate
from ums.api.config import ConfigQuery
from ums.api.directory import DirectoryQuery
from ums.api.guard import guard
from ums.api.imports import ImportsMutation, ImportsQuery
from ums.api.lists import ListsMutation, ListsQuery
from ums.api.masking import mask
from ums.api.members import MembersMutation, MembersQuery
from ums.api.messages import MessagesQuery
from ums.api.people import PeopleMutation
from ums.api.progress import ProgressSubscription
from ums.api.provider_templates import ProviderTemplatesMutation, ProviderTemplatesQuery
from ums.api.recall import RecallMutation
from ums.api.recurring import RecurringMutation, RecurringQuery
from ums.api.refusals import REFUSALS, refused
from ums.api.replies import RepliesQuery
from ums.api.scheduled import ScheduledMutation
from ums.api.sending import SendingMutation
from ums.api.statistics import StatisticsQuery
from ums.api.switches import SwitchesMutation
from ums.api.template_library import TemplateLibraryMutation, TemplateLibraryQuery
from ums.api.templates import TemplatesQuery
from ums.api.words import Context
from ums.errors import Unauthorized
from ums.messaging.engine import Engine
from ums.messaging.reading.history import Numbers, numbers
from ums.messaging.reading.progress import Following
from ums.tracing import asked_by

log = structlog.get_logger()


@strawberry.type
class Query(
    MessagesQuery,
    RecurringQuery,
    DirectoryQuery,
    ImportsQuery,
    ListsQuery,
    TemplatesQuery,
    ProviderTemplatesQuery,
    TemplateLibraryQuery,
    CallbacksQuery,
    RepliesQuery,
    StatisticsQuery,
    ConfigQuery,
    MembersQuery,
    AuditLogQuery,
    AuditQuery,
):
    """What is and what was."""


@strawberry.type
class Mutation(
    SendingMutation,
    RecurringMutation,
    RecallMutation,
    ScheduledMutation,
    CallbacksMutation,
    PeopleMutation,
    ImportsMutation,
    ListsMutation,
    SwitchesMutation,
    ProviderTemplatesMutation,
    TemplateLibraryMutation,
    AuditMutation,
    MembersMutation,
):
    """What shall happen."""


@strawberry.type
class Subscription(ProgressSubscription):
    """What is told while it happens, over graphql-transport-ws."""


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log our own faults, not the caller's: strawberry would print every typo in a query with a traceback."""
        super().process_errors([e for e in errors if _is_unexpected(e)], execution_context)


def _is_unexpected(error: GraphQLError) -> bool:
    return error.original_error is not None and not isinstance(error.original_error, GraphQLError)


# Built once: the limiter makes a new rule class each time, and the validation cache keys on the classes.
# Depth needs no limit: no type leads back to itself, so the schema bounds it.
_RULES = MaxAliasesLimiter(15).validation_rules

schema = _Schema(
    Query,
    Mutation,
    Subscription,
    config=StrawberryConfig(disable_field_suggestions=False),
    extensions=[
        lambda: MaxTokensLimiter(4000),
        lambda: AddValidationRules(_RULES),
        lambda: ParserCache(maxsize=512),
        lambda: ValidationCache(maxsize=512),
        lambda: MaskErrors(_is_unexpected),
    ],
)


guard(schema._schema)
mask(schema._schema)


class _TextFrames(ASGIWebSocketAdapter):
    """The protocol is one of text frames, and our JSON comes as bytes."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        try:
            await self.ws.send_text(orjson.dumps(message).decode())
        except WebSocketDisconnect as gone:
            raise WebSocketDisconnected from gone


class Endpoint(GraphQL[Context, None]):
    """`/graphql`: nobody gets in without credentials, not even to the query editor.

    A websocket bears them in its header, or, as a browser cannot, in the payload of its first message:
    `{"type": "connection_init", "payload": {"authorization": "Bearer ...", "channel": "shop"}}`.
    """

    engine: Engine
    """Given when the application starts; it belongs to the server's event loop."""

    def __init__(self) -> None:
        super().__init__(
            schema,
            graphql_ide="graphiql",
            allow_queries_via_get=False,
            multipart_uploads_enabled=True,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=10),
        )
        self.websocket_adapter_class = _TextFrames
        self.following = Following()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        asked_by.set(headers.get("traceparent", ""))
        scope["credentials"] = Credentials.of(headers)
        if scope["type"] == "http" or "authorization" in headers:
            try:
                scope["caller"] = await authenticate(self.engine, scope["credentials"])
            except REFUSALS as error:
                if scope["type"] == "websocket":
                    return await WebSocketClose(code=4403)(scope, receive, send)
                if isinstance(error, Unauthorized) and self._may_sign_in(scope, headers):
                    return await RedirectResponse("/login?to=/graphql", 303)(scope, receive, send)
                return await refused(error)(scope, receive, send)
        try:
            return await super().__call__(scope, receive, send)
        finally:
            if request := scope.pop("parsed", None):
                await request.close()  # files that nobody took, as the mutation was refused

    def _may_sign_in(self, scope: Scope, headers: Headers) -> bool:
        """Whether this is a browser that somebody looks at."""
        is_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
        return is_page and self.engine.settings.login is not None and "authorization" not in headers

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        if context.admitted is None:
            said = context.connection_params
            given = replace(
                context.credentials,
                authorization=str(said.get("authorization", "")),
                channel=str(said.get("channel", "")),
            )
            try:
                context.admitted, context.credentials = await authenticate(self.engine, given), given
            except REFUSALS as error:
                raise ConnectionRejectionError from error
        return await super().on_ws_connect(context)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        # What lives longer than one request must not remember numbers.
        loader = DataLoader(load_fn=_load_numbers, cache=request.scope["type"] == "http")
        given: Credentials = request.scope["credentials"]
        lasting = isinstance(request, WebSocket)
        if not lasting:
            request.scope["parsed"] = request
        return Context(self.engine, request.scope.get("caller"), loader, self.following, given, lasting)

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> Any:
        return orjson.loads(data)


async def _load_numbers(message_ids: list[int]) -> Sequence[Numbers]:
    found = await numbers(message_ids)
    return [found[message_id] for message_id in message_ids]

"""The HTTP entrance: GraphQL, and the doors beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from ums.api.bodies import Bounded
from ums.api.schema import Endpoint
from ums.doors import clicks, health, login, material, people, receipts, statistics, token, unsubscribe, wechat
from ums.messaging.engine import running
from ums.settings import Settings
from ums.vocabulary import Clock, system_clock

DOORS = (receipts, wechat, clicks, unsubscribe, material, people, statistics, token, login, health)


def application(settings: Settings, clock: Clock = system_clock) -> Starlette:
    """The ASGI application of one API process."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running(settings, clock, shared=True) as engine:
            app.state.engine = engine
            graphql.engine = engine
            app.state.following = graphql.following
            try:
                yield
            finally:
                await graphql.following.close()

    graphql = Endpoint()
    routes = [
        Route("/graphql", Bounded(graphql)),
        WebSocketRoute("/graphql", graphql),
        *(route for door in DOORS for route in door.ROUTES),
    ]
    return Starlette(routes=routes, lifespan=lifespan)

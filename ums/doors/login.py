"""`/login`, `/login/callback`, `/logout`: a Member signs in at the OpenID provider, and the browser keeps a session."""

import hmac
import re
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ums.api.caller import Credentials, check_origin, session_cookie
from ums.errors import CallerForbidden, SecretMissing, UmsError
from ums.members import audit_log, sessions
from ums.members.audit_log import Deed
from ums.members.openid import OpenId, ProviderAway, SignInRefused
from ums.members.roster import Member, member, member_by_email
from ums.messaging.engine import Engine
from ums.settings import Login
from ums.snapshot import Snapshot

log = structlog.get_logger()

STATE_COOKIE = "ums_login"
_PLACE = re.compile(r"/(?![/\\])[\x21-\x7e]{0,900}")
"""A path of ours; `//` and `/\\` would lead a browser to another host."""


async def login(request: Request) -> Response:
    """Off to the provider; `?to=` is the path to come back to."""
    engine: Engine = request.app.state.engine
    asked = engine.settings.login
    if asked is None:
        return _no_login()
    place = request.query_params.get("to", "")
    try:
        provider = await OpenId.discovered(engine.settings, asked)
    except ProviderAway as error:
        return _failed(error)
    state, signing_in = await sessions.begin(place if _PLACE.fullmatch(place) else "/graphql", engine.clock())
    answer = RedirectResponse(provider.sign_in_url(state, signing_in), 302, headers={"cache-control": "no-store"})
    answer.set_cookie(
        STATE_COOKIE, state, max_age=sessions.PATIENCE // 1000, path="/login", httponly=True, samesite="lax",
        secure=_is_secure(engine),
    )  # fmt: skip
    return answer


async def callback(request: Request) -> Response:
    """Back from the provider: with a session, or with the reason why not."""
    engine: Engine = request.app.state.engine
    asked = engine.settings.login
    if asked is None:
        return _no_login()
    try:
        who, place = await _signed_in(engine, asked, request)
    except (SignInRefused, ProviderAway, SecretMissing) as error:
        answer = _failed(error)
    else:
        text = await sessions.start(who.login, asked.session_hours, engine.clock())
        await audit_log.note(Deed(who.login, "OpenID provider", "", "login"), engine.clock)
        answer = RedirectResponse(place, 303, headers={"cache-control": "no-store"})
        answer.set_cookie(
            session_cookie(engine.settings), text, max_age=asked.session_hours * 3600, path="/", httponly=True,
            samesite="lax", secure=_is_secure(engine),
        )  # fmt: skip
    answer.delete_cookie(STATE_COOKIE, path="/login", httponly=True, samesite="lax", secure=_is_secure(engine))
    return answer


async def logout(request: Request) -> Response:
    """The session is over, here and in the browser."""
    engine: Engine = request.app.state.engine
    given, name = Credentials.of(request.headers), session_cookie(engine.settings)
    try:
        check_origin(engine.settings, given.origin)
    except CallerForbidden as error:
        return PlainTextResponse(str(error), 403)
    if text := given.cookies.get(name):
        await sessions.end(text)
    answer = Response(status_code=204)
    answer.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=_is_secure(engine))
    return answer


async def _signed_in(engine: Engine, asked: Login, request: Request) -> tuple[Member, str]:
    """Who the provider says it is, and where to go; raises SignInRefused, ProviderAway or SecretMissing."""
    said, state = request.query_params, request.cookies.get(STATE_COOKIE, "")
    if not state or not hmac.compare_digest(said.get("state", "").encode(), state.encode()):
        raise SignInRefused("this browser did not begin to sign in, or did so again since; start at /login")
    begun = await sessions.take(state, engine.clock())
    if begun is None:
        raise SignInRefused("that took too long, or was used before; start again at /login")
    if "error" in said:
        raise SignInRefused(f"the OpenID provider refused: {said['error'][:80]}")
    provider = await OpenId.discovered(engine.settings, asked)
    secret = engine.settings.resolve(asked.client_secret) if asked.client_secret else ""
    claims = await provider.claims(said.get("code", ""), begun, secret, engine.clock())
    return _member(await engine.snapshots.newest(), asked, claims), begun.place


def _member(snapshot: Snapshot, asked: Login, claims: Mapping[str, Any]) -> Member:
    value = str(claims.get(asked.claim) or "")
    if not value:
        raise SignInRefused(f"the OpenID provider does not say the {asked.claim}; ask for its scope in login.scopes")
    if asked.claim == "email" and claims.get("email_verified") is not True:
        raise SignInRefused("the OpenID provider has not verified the e-mail address")
    found = member_by_email(snapshot, value) if asked.claim == "email" else member(snapshot, value)
    if found is None:
        raise SignInRefused("you are no Member here, or a disabled one; an author of config/ can change that")
    return found


def _is_secure(engine: Engine) -> bool:
    return engine.settings.public_url.startswith("https://")


def _no_login() -> Response:
    return PlainTextResponse("ums.yaml says nothing of login; call with a token", 404)


def _failed(error: UmsError) -> Response:
    """For people: nothing of the answer is HTML."""
    log.warning("not_signed_in", error=str(error))
    if isinstance(error, SignInRefused):
        return PlainTextResponse(f"not signed in: {error}", 403)
    return PlainTextResponse("not signed in: the OpenID provider does not answer as it should; the log says why", 502)


ROUTES = (
    Route("/login", login),
    Route("/login/callback", callback),
    Route("/logout", logout, methods=["POST"]),
)

"""Who comes in at a door, with the credentials of the API."""

from starlette.requests import Request

from ums.api.caller import Caller, Credentials, authenticate
from ums.members.rights import Right


async def admitted(request: Request, *rights: Right) -> Caller:
    """The caller, who has all of these rights; raises one of REFUSALS."""
    caller = await authenticate(request.app.state.engine, Credentials.of(request.headers))
    for right in rights:
        caller.require(right)
    return caller

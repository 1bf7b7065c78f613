"""How a request is refused before anything is done: the same words at /graphql and at the doors beside it."""

import structlog
from starlette.responses import JSONResponse

from ums.errors import CallerForbidden, SecretMissing, UmsError, Unauthorized

log = structlog.get_logger()

REFUSALS = (Unauthorized, CallerForbidden, SecretMissing)
"""What is raised of a caller who does not come in."""


def refused(error: UmsError) -> JSONResponse:
    """The answer to a caller who does not come in: to one of REFUSALS."""
    if isinstance(error, CallerForbidden):
        return refusal(403, error.code, str(error))
    if isinstance(error, Unauthorized):
        return refusal(401, "UNAUTHORIZED", str(error))
    log.error("caller_not_checked", error=str(error))
    return refusal(503, "SECRET_MISSING", "the operator has not given this server the secret to compare")


def refusal(status: int, code: str, message: str) -> JSONResponse:
    headers = {"www-authenticate": 'Basic realm="UMS"'} if status == 401 else {}  # so that a browser asks
    return JSONResponse({"errors": [{"message": message, "extensions": {"code": code}}]}, status, headers)

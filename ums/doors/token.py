"""`GET /v1/token`: a provider's token for the enterprise's own systems, answered as the reference product does.

https://docs.jiguang.cn/jums/server/rest_api_jums_token
"""

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ums.doors.admission import admitted
from ums.errors import CallerForbidden, CallerRefused, ProviderBusy, ProviderRefused, SecretMissing, Unauthorized
from ums.members.rights import Right
from ums.messaging.engine import Engine
from ums.messaging.lend import lend

log = structlog.get_logger()

# https://docs.jiguang.cn/jums/server/message_code/; WeCom has no code of its own there.
ILLEGAL, UNAUTHORIZED, FAILED = 4004, 4005, 5000
NOT_GRANTED = {"wechatoa": 1015008, "wechatmp": 1015009, "dingtalkcc": 1015012}


async def token(request: Request) -> JSONResponse:
    """`?type=`, and `&deliveryChannel=` where the Channel has several of the type."""
    engine: Engine = request.app.state.engine
    kind, code = request.query_params.get("type", ""), request.query_params.get("deliveryChannel", "")
    try:
        caller = await admitted(request, Right.BORROW_TOKENS)
        lent = await lend(engine, caller.for_channel(), kind, code)
    except CallerForbidden as error:
        return _failure(403, UNAUTHORIZED, str(error))
    except Unauthorized as error:
        return _failure(401, UNAUTHORIZED, str(error))
    except CallerRefused as refused:
        missing = refused.problems[0].code == "not_granted"
        return _failure(400, NOT_GRANTED.get(kind, ILLEGAL) if missing else ILLEGAL, str(refused))
    except (ProviderBusy, ProviderRefused) as error:
        log.warning("token_not_lent", type=kind, error=str(error))
        return _failure(500, FAILED, str(error))
    except SecretMissing as error:
        log.error("caller_not_checked", error=str(error))
        return _failure(500, FAILED, "the operator has not given this server the secret to compare")
    answer = {"code": 0, "token": lent.value, "expires_in": str(int(lent.lives))}
    return JSONResponse(answer, headers={"cache-control": "no-store"})


def _failure(status: int, code: int, message: str) -> JSONResponse:
    headers = {"www-authenticate": 'Basic realm="UMS"'} if status == 401 else {}
    return JSONResponse({"code": code, "message": message}, status, headers)


ROUTES = (Route("/v1/token", token),)

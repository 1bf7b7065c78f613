"""How JSMS refuses: https://docs.jiguang.cn/jsms/server/rest_api_jsms"""

from typing import Any

import orjson
from aiohttp import web

from ums.errors import UmsError


class Refused(UmsError):
    """An HTTP status with the provider's code and words."""

    def __init__(self, status: int, code: int, words: str) -> None:
        self.status, self.code, self.words = status, code, words

    def response(self) -> web.Response:
        return web.json_response({"error": {"code": self.code, "message": self.words}}, status=self.status)


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object of a request."""
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(403, 50007, "invalid body") from error
    if not isinstance(message, dict):
        raise Refused(403, 50007, "invalid body")
    return message

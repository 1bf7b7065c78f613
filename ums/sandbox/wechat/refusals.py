"""How WeChat words its answers: an HTTP 200 whatever it says, and an `errcode` that is 0 when all is well."""

import secrets
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from ums.errors import UmsError

INSIDE = 400
"""The status of a refusal on its way through the stand-in, by which the record tells it from an acceptance."""


class Refused(UmsError):
    """A code and words, to which WeChat adds the id of the call."""

    def __init__(self, code: int, words: str) -> None:
        self.code, self.words = code, words

    def response(self) -> web.Response:
        rid = "-".join(secrets.token_hex(4) for _ in range(3))
        return answered({"errcode": self.code, "errmsg": f"{self.words} rid: {rid}"}, INSIDE)


def answered(body: Mapping[str, Any], status: int = 200) -> web.Response:
    raw = orjson.dumps(body)
    return web.Response(status=status, body=raw, headers={"Content-Type": "application/json; encoding=utf-8"})


def accepted(**more: object) -> web.Response:
    return answered({"errcode": 0, "errmsg": "ok", **more})


def parsed(raw: bytes) -> dict[str, Any]:
    """The object in the body of a call."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refused(47001, "data format error") from error
    if not isinstance(body, dict):
        raise Refused(47001, "data format error")
    return body

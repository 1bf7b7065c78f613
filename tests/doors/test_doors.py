"""Every door beside /graphql: who comes in, and who does not."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from starlette.routing import Route, WebSocketRoute

from tests.api.conftest import Api
from tests.api.zebra import DECLARED, settle
from ums.settings import Settings
from ums.web import application

OPEN = {
    "/graphql", "/login", "/login/callback", "/logout", "/v1/{door}/callback", "/v1/{door}/callback/{code}",
    "/v1/wechat/events", "/v1/wechat/{appid}/callback", "/v1/wechat/authorize/{token}",
    "/v1/wechat/authorized/{token}", "/c/{token}", "/o/{token}.gif", "/u/{token}", "/healthz", "/readyz", "/metrics",
}  # fmt: skip
"""Checked elsewhere, proved by signatures of their own, or for everybody."""

CLOSED = {
    "/v1/token": ("GET", "/v1/token?type=wechatoa"),
    "/v1/statistics/messages.{kind}": ("GET", "/v1/statistics/messages.csv"),
    "/v1/material": ("POST", "/v1/material"),
    "/v1/people/sample.{format}": ("GET", "/v1/people/sample.csv"),
    "/v1/people/export.{format}": ("GET", "/v1/people/export.csv"),
    "/v1/people/{kind}/{name}.{format}": ("GET", "/v1/people/blacklist/known-list.csv"),
}
"""What somebody without the right credentials asks there."""

FOR_VIEWERS = {"/v1/statistics/messages.{kind}", "/v1/people/sample.{format}", "/v1/people/{kind}/{name}.{format}"}


@pytest.fixture
def more_declared() -> str:
    return DECLARED


async def _status(api: Api, door: str, headers: Mapping[str, str]) -> tuple[int, str]:
    method, path = CLOSED[door]
    form: Any = aiohttp.FormData() if method == "POST" else None
    if form is not None:
        form.add_field("file", b"zebra", filename="zebra.txt")
    async with api.session.request(method, api.url + path, headers=headers, data=form) as response:
        return response.status, await response.text()


def test_every_door_is_known(sqlite_settings: Settings) -> None:
    found = [route.path for route in application(sqlite_settings).routes if isinstance(route, Route | WebSocketRoute)]

    assert [path for path in found if path not in {*OPEN, *CLOSED}] == []


@pytest.mark.parametrize("door", CLOSED)
async def test_without_credentials_a_door_is_closed(api: Api, door: str) -> None:
    wrong = {"authorization": aiohttp.encode_basic_auth("shop", "guessed")}

    assert [(await _status(api, door, headers))[0] for headers in ({}, wrong)] == [401, 401]


@pytest.mark.parametrize("door", CLOSED)
async def test_a_viewer_takes_only_what_has_no_addresses(api: Api, door: str) -> None:
    await settle(api)
    vera = {"authorization": f"Bearer {await api.token('vera')}", "x-ums-channel": "shop"}

    assert (await _status(api, door, vera))[0] == (200 if door in FOR_VIEWERS else 403)


@pytest.mark.parametrize("door", CLOSED)
async def test_another_channel_takes_nothing_that_is_not_its_own(api: Api, door: str) -> None:
    await settle(api)

    _, text = await _status(api, door, {"authorization": aiohttp.encode_basic_auth("ops", "sandbox-ops-master-secret")})

    assert [word for word in ("zebra", "13877770001") if word in text] == []

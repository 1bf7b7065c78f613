"""`GET /v1/token`: the enterprise's other systems use the token that UMS has, and nobody else gets it."""

from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import structlog

from tests.api.conftest import Api
from tests.api.conftest import api as api
from tests.plants import tables
from ums.reconcile import reconcile
from ums.sandbox.script import Script
from ums.settings import Settings

DECLARED = """
apiVersion: ums/v1
kind: DeliveryChannel
name: oa
title: Service account
platform: wechatoa
credentials: {appId: wx1, appSecret: {env: OA_SECRET}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: mini
title: Mini program
platform: wechatmp
credentials: {appId: wx2, appSecret: {env: MINI_SECRET}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: scanned
title: Another mini program
platform: wechatmp
credentials:
  {appId: wx3, authorization: qr, componentAppId: wx4, componentAppSecret: {env: S}, token: {env: T},
   encodingAesKey: {env: K}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: partners
title: Partners
platform: wecom-linked
credentials: {corpId: corp, agentId: 2, secret: {env: CORP_SECRET}, linkedCorps: [{corpId: c2}]}
---
apiVersion: ums/v1
kind: Channel
name: portal
masterSecret: {env: PORTAL_MASTER_SECRET}
deliveryChannels: [oa, mini, scanned, ding, corp, partners]
---
apiVersion: ums/v1
kind: Channel
name: intern
masterSecret: {env: INTERN_MASTER_SECRET}
deliveryChannels: [scanned, {name: oa, enabled: false}]
"""


@dataclass(frozen=True)
class Door:
    api: Api

    async def asks(
        self, kind: str, *, user: str = "portal", secret: str = "", **query: str
    ) -> tuple[int, dict[str, Any]]:
        headers = {"authorization": aiohttp.encode_basic_auth(user, secret or f"sandbox-{user}-master-secret")}
        async with self.api.session.get(
            f"{self.api.url}/v1/token", params={"type": kind, **query}, headers=headers
        ) as response:
            return response.status, await response.json()


@pytest.fixture
async def door(api: Api) -> Door:
    settings = api.engine.settings
    (settings.config / "lent.yaml").write_text(DECLARED)
    await reconcile(settings, write=True)
    api.engine.snapshots.look_again()
    return Door(api)


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("wechatoa", {}),
        ("wechatmp", {}),
        ("wechatmp", {"deliveryChannel": "mini"}),
        ("dingtalkcc", {}),
        ("wechatwk", {"deliveryChannel": "corp"}),
        ("wechatwk", {"deliveryChannel": "partners"}),
    ],
)
async def test_the_token_is_answered_as_the_reference_says(door: Door, kind: str, query: dict[str, str]) -> None:
    status, answer = await door.asks(kind, **query)

    assert (status, set(answer), answer["code"]) == (200, {"code", "token", "expires_in"}, 0)
    assert len(answer["token"]) > 20
    assert isinstance(answer["expires_in"], str)
    assert 7100 <= int(answer["expires_in"]) <= 7200


async def test_it_is_the_token_that_messages_go_out_with_and_its_seconds_run_down(door: Door) -> None:
    provider = await door.api.engine.connections.get(await door.api.engine.snapshots.newest(), "oa")
    used = await provider._api.token()  # type: ignore[attr-defined]  # what its calls bear
    time: Any = door.api.engine.clock
    time.passes(60_000)

    _, answer = await door.asks("wechatoa")

    assert (answer["token"], answer["expires_in"]) == (used, "7140")


async def test_another_process_lends_the_same_with_the_same_end(door: Door) -> None:
    _, first = await door.asks("dingtalkcc")
    time: Any = door.api.engine.clock
    time.passes(5_000)
    await door.api.engine.connections.drop("ding")  # what this process remembered goes with it

    _, second = await door.asks("dingtalkcc")

    assert (second["token"], second["expires_in"]) == (first["token"], str(int(first["expires_in"]) - 5))


@pytest.mark.parametrize(
    ("kind", "query", "user", "expected"),
    [
        ("", {}, "portal", (400, 4004, "expected one of wechatoa, wechatmp, dingtalkcc, wechatwk")),
        ("sms", {}, "portal", (400, 4004, "found 'sms'")),
        ("wechatwk", {}, "portal", (400, 4004, "add deliveryChannel=corp or partners")),
        ("wechatmp", {"deliveryChannel": "scanned"}, "portal", (400, 4004, "authorized a third-party platform")),
        ("wechatmp", {}, "intern", (400, 4004, "authorized a third-party platform")),
        ("wechatoa", {}, "intern", (400, 1015008, "no enabled DeliveryChannel of wechatoa")),
        ("wechatoa", {"deliveryChannel": "mini"}, "portal", (400, 1015008, "no enabled DeliveryChannel mini")),
        ("wechatmp", {}, "shop", (400, 1015009, "no enabled DeliveryChannel of wechatmp")),
        ("dingtalkcc", {}, "shop", (400, 1015012, "no enabled DeliveryChannel of dingtalkcc")),
        ("wechatwk", {}, "shop", (400, 4004, "no enabled DeliveryChannel of wechatwk")),
        ("wechatoa", {}, "nobody", (401, 4005, "unknown key or wrong secret")),
    ],
)
async def test_who_may_not_have_it_is_told_why(
    door: Door, kind: str, query: dict[str, str], user: str, expected: tuple[int, int, str]
) -> None:
    status, code, words = expected
    answered, answer = await door.asks(kind, user=user, **query)

    assert (answered, set(answer), answer["code"]) == (status, {"code", "message"}, code)
    assert words in answer["message"]


async def test_neither_a_wrong_secret_nor_the_people_key_opens_the_door(door: Door) -> None:
    assert (await door.asks("wechatoa", secret="guessed"))[0] == 401
    status, answer = await door.asks("wechatoa", user="people", secret="sandbox-people-secret")
    assert (status, answer["code"]) == (403, 4005)


async def test_a_platform_that_gives_none_is_a_failure_of_the_server(door: Door) -> None:
    door.api.sandbox.play("wechatoa", Script.parse({"accounts": {"another": "secret"}}))

    status, answer = await door.asks("wechatoa")

    assert (status, answer["code"]) == (500, 5000)
    assert "40013: invalid appid" in answer["message"]


async def test_a_lent_token_is_in_no_log_and_in_no_table(door: Door, settings: Settings) -> None:
    with structlog.testing.capture_logs() as logs:
        _, answer = await door.asks("wechatoa")

    assert answer["token"] not in repr(logs) + await tables(settings)

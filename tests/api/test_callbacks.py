"""Callbacks through the API: chosen with a send, tested, looked at when dead, and replayed."""

from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.api.conftest import Api
from tests.api.test_messages import knows_ann_and_bob
from tests.api.test_sending import CONTENT, SEND
from ums.messaging.calling.callback_door import opened_door
from ums.messaging.calling.callbacks import RETRIES, call
from ums.reconcile import reconcile
from ums.sandbox import free_address
from ums.settings import Settings

TEST = "mutation ($url: String!) { testCallback(url: $url) { ok problems { code message path } } }"
DEAD = """query ($state: CallbackState!, $after: String) { callbacks(state: $state, first: 1, after: $after) {
  edges { node { id messageId type url target address deliveryChannel attempts deadAt dueAt failure } }
  pageInfo { hasNextPage endCursor } } }"""
REPLAY = "mutation ($ids: [ID!]) { replayCallbacks(ids: $ids) { replayed } }"
OPS = {"user": "ops", "password": "sandbox-ops-master-secret"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """An installation whose callbacks may stay on this machine."""
    return replace(settings, private_callbacks=True)


async def declares(api: Api, *urls: str) -> None:
    """Channel `shop` declares these addresses."""
    file = api.engine.settings.config / "shop.yaml"
    grants = "deliveryChannels: [app, sms, mail]"
    file.write_text(file.read_text().replace(grants, f"{grants}\ncallbacks: {{addresses: [{', '.join(urls)}]}}"))
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()


async def sends(api: Api, **callback: Any) -> Any:
    given = {"audience": {"users": {"userIds": ["ann"]}}, "body": CONTENT, "callback": callback}
    return (await api.asks(SEND, input=given))["sendMessage"]


async def test_a_send_chooses_one_of_the_declared_addresses(api: Api) -> None:
    await declares(api, "https://one.example/in", "https://two.example/in")

    chosen = await sends(api, url="https://two.example/in", params={"order": 1})
    refused = await sends(api, url="https://three.example/in")

    assert chosen["problems"] == []
    assert [(p["code"], p["path"]) for p in refused["problems"]] == [("unknown_callback", "input.callback.url")]


async def test_parameters_are_an_object(api: Api) -> None:
    refused = await sends(api, params=["order"])

    assert [(p["code"], p["path"]) for p in refused["problems"]] == [("invalid", "input.callback.params")]


async def test_an_address_is_tested(api: Api) -> None:
    async def echo(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == aiohttp.encode_basic_auth("shop", "sandbox-shop-master-secret")
        return web.Response(text=request.query["echostr"])

    app = web.Application()
    app.router.add_get("/in", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    await declares(api, "https://default.example/in", url, url.replace("/in", "/out"))

    echoing = (await api.asks(TEST, url=url))["testCallback"]
    none = (await api.asks(TEST, url=url.replace("/in", "/out")))["testCallback"]
    undeclared = (await api.asks(TEST, url=f"{url}?undeclared"))["testCallback"]
    await runner.cleanup()

    assert undeclared == {"ok": True, "problems": []}
    declared = (await api.asks("{ callbackAddresses { url declared default validatedAt } }"))["callbackAddresses"]
    assert declared == [
        {"url": "https://default.example/in", "declared": True, "default": True, "validatedAt": None},
        {"url": url, "declared": True, "default": False, "validatedAt": "2027-01-15T08:00:00+00:00"},
        {"url": url.replace("/in", "/out"), "declared": True, "default": False, "validatedAt": None},
    ]
    assert echoing == {"ok": True, "problems": []}
    assert none == {"ok": False, "problems": [{"code": "callback_invalid", "message": "HTTP 404", "path": "url"}]}


async def test_dead_callbacks_are_listed_and_replayed(api: Api) -> None:
    await declares(api, f"http://127.0.0.1:{free_address().port}/in")
    await knows_ann_and_bob(api)
    message = (await sends(api))["message"]["id"]
    await api.works()
    waiting = (await api.asks(DEAD, state="WAITING"))["callbacks"]["edges"]
    async with opened_door(api.engine.settings) as door:
        for seconds in (10, *RETRIES):
            api.engine.clock.passes(seconds * 1000)  # type: ignore[attr-defined]  # the fixture's own clock
            await call(api.engine, door)

    first = (await api.asks(DEAD, state="DEAD"))["callbacks"]
    second = (await api.asks(DEAD, state="DEAD", after=first["pageInfo"]["endCursor"]))["callbacks"]

    dead = [page["edges"][0]["node"] for page in (first, second)]
    assert [(one["type"], one["messageId"], one["target"], one["address"]) for one in dead] == [
        ("EFFECTIVE", message, "ann", "rid-ann"),
        ("SUBMITTED", message, "ann", "rid-ann"),
    ]
    assert (waiting[0]["node"]["dueAt"] is None, dead[0]["dueAt"], dead[0]["attempts"]) == (False, None, 4)
    assert "onnect" in dead[0]["failure"]
    assert second["pageInfo"]["hasNextPage"] is False
    assert (await api.asks(DEAD, state="DEAD", **OPS))["callbacks"]["edges"] == []
    assert await api.asks(REPLAY, ids=[dead[0]["id"]], **OPS) == {"replayCallbacks": {"replayed": 0}}
    assert await api.asks(REPLAY, ids=[dead[0]["id"]]) == {"replayCallbacks": {"replayed": 1}}
    assert await api.asks(REPLAY) == {"replayCallbacks": {"replayed": 1}}

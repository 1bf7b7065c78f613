"""The service with its public URL and WeChat that posts there, for tests: one Channel, two accounts that authorize."""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import uvicorn

from tests.api.conftest import Api
from tests.shop import Time, open_shop
from ums.models import Delivery
from ums.reconcile import reconcile
from ums.sandbox import free_address, sandbox
from ums.sandbox.wechat.components import Component, Components
from ums.settings import Settings
from ums.vocabulary import SandboxAddress, State
from ums.web import application

MINI, OA, PLATFORM = "wxd101a85aa106f53e", "wx570bc396a51b8ff8", "wx0123456789abcdef"


DECLARED = f"""
apiVersion: ums/v1
kind: DeliveryChannel
name: mini
title: Mini program
platform: wechatmp
credentials:
  appId: {MINI}
  authorization: qr
  componentAppId: {PLATFORM}
  componentAppSecret: {{env: WECHAT_COMPONENT_SECRET}}
  token: {{env: WECHAT_COMPONENT_TOKEN}}
  encodingAesKey: {{env: WECHAT_COMPONENT_AES_KEY}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: oa
title: Service account
platform: wechatoa
credentials:
  appId: {OA}
  authorization: qr
  componentAppId: {PLATFORM}
  componentAppSecret: {{env: WECHAT_COMPONENT_SECRET}}
  token: {{env: WECHAT_COMPONENT_TOKEN}}
  encodingAesKey: {{env: WECHAT_COMPONENT_AES_KEY}}
---
apiVersion: ums/v1
kind: Channel
name: portal
masterSecret: {{env: PORTAL_MASTER_SECRET}}
deliveryChannels: [mini, oa, app]
"""


SEND = """mutation ($to: [AddressesInput!]!, $content: ContentInput!) {
  sendMessage(input: {audience: {addresses: $to}, body: {content: $content}}) { problems { message } } }"""


CONTENT = {
    "mini": {"wechatMp": {"template_id": "T", "data": {"thing1": {"value": "Tea"}}}},
    "oa": {"wechatOa": {"type": 0, "template_id": "T", "data": {"thing1": {"value": "Tea"}}}},
    "news": {"wechatOa": {"type": 1, "template_id": "T", "data": {"thing1": {"value": "Tea"}}}},
}


DELIVERY_CHANNEL = {"news": "oa"}
"""Where it is not named like the content."""


STATUS = """{ config { deliveryChannels {
  deliveryChannel words authorization { authorized account title permissions since } } } }"""


INVITE = (
    "mutation ($code: String!) { authorizeDeliveryChannel(deliveryChannel: $code) { url until problems { code } } }"
)


@dataclass(frozen=True)
class Wechat:
    """The service with its public URL, and WeChat that posts there."""

    api: Api
    components: Components

    @property
    def component(self) -> Component:
        return self.components.by_id[PLATFORM]

    async def asks(self, query: str, **variables: Any) -> Any:
        answer = await self.api.answers(query, user="portal", password="sandbox-portal-master-secret", **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def sends(self, code: str) -> State:
        """One message to one person; where it stands once the worker has nothing to do."""
        to = {"type": "WECHAT_MP" if code == "mini" else "WECHAT_OA", "addresses": ["openid-ann"]}
        answer = await self.asks(SEND, to=[to], content=CONTENT[code])
        assert answer["sendMessage"]["problems"] == []
        await self.api.works()
        return await self.state()

    async def state(self) -> State:
        """Of the newest delivery."""
        return State((await Delivery.all().order_by("-id"))[0].state)

    async def status(self, code: str) -> dict[str, Any]:
        found = (await self.asks(STATUS))["config"]["deliveryChannels"]
        return next(one for one in found if one["deliveryChannel"] == code)

    async def becomes(self, look: Callable[[], Awaitable[object]], wanted: object) -> None:
        for _ in range(100):
            if await look() == wanted:
                return
            await asyncio.sleep(0.05)
        assert await look() == wanted

    async def withdraws(self, account: str = MINI, permissions: tuple[int, ...] = ()) -> None:
        """The administrator does, on WeChat's page."""
        body = {"component_appid": PLATFORM, "appid": account, "permissions": permissions}
        url = f"{self.api.sandbox.address.http}/wechat/-/authorizations"
        async with self.api.session.put(url, json=body) as response:
            assert response.status == 204

    async def invites(self, code: str = "mini") -> str:
        return str((await self.asks(INVITE, code=code))["authorizeDeliveryChannel"]["url"])

    async def opens(self, url: str) -> list[str]:
        """The links of our page."""
        async with self.api.session.get(url) as response:
            assert (response.status, response.headers["referrer-policy"]) == (200, "strict-origin")
            return [html.unescape(link) for link in re.findall(r"href='([^']*)'", await response.text())]

    async def confirms(self, page: str, *, follow: bool = True) -> tuple[int, str]:
        """On WeChat's page, opened from ours."""
        form = {"account": parse_qs(urlsplit(page).query)["biz_appid"][0]}
        async with self.api.session.get(page, headers={"referer": self.api.url + "/"}) as shown:
            assert shown.status == 200, await shown.text()
        async with self.api.session.post(page, data=form, allow_redirects=follow) as response:
            return response.status, await response.text()


@pytest.fixture
async def wechat(settings: Settings) -> AsyncIterator[Wechat]:
    port = free_address().port
    settings = replace(open_shop(settings), public_url=f"http://127.0.0.1:{port}")
    (settings.config / "wechat.yaml").write_text(DECLARED)
    await reconcile(settings, write=True)
    app = application(settings, Time())
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="on", log_config=None))
    serving = asyncio.create_task(server.serve())
    async with sandbox(SandboxAddress.parse(settings.sandbox), settings.public_url) as stand_ins:
        while not server.started:
            await asyncio.sleep(0.01)
        components = stand_ins.stages["wechatoa"].shared(Components)
        async with aiohttp.ClientSession() as session:
            state = app.state
            api = Api(settings.public_url, state.engine, stand_ins, session, state.following)
            yield Wechat(api, components)
        server.should_exit = True
        await serving

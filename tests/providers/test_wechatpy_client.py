"""Checked against wechatpy, which others wrote: its client at our stand-in, and its requests beside ours.

https://github.com/wechatpy/wechatpy
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatClientException

from tests.providers.conftest import Doors, body
from tests.providers.test_wechatoa import ANN, APP_ID, MESSAGE, NOTIFICATION, SECRET, submission
from tests.providers.test_wechatoa import oa as oa
from ums.providers.wechat.official_account import Wechatoa
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.sandbox.wechat.library import SAMPLE
from ums.vocabulary import State

DATA = {"thing1": {"value": "茶"}}


T = TypeVar("T")


async def done(call: Callable[[], T]) -> T:
    """It waits for its answers, so in a thread."""
    return await asyncio.to_thread(call)


class Theirs(WeChatClient):  # type: ignore[misc]  # it has no types
    """Its client, elsewhere than at WeChat; where it fetches its token it has no setting for."""

    def __init__(self, base: str, token: str | None = None) -> None:
        self.API_BASE_URL = f"{base}/cgi-bin/"
        super().__init__(APP_ID, SECRET, token)

    def fetch_access_token(self) -> Any:
        asked = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret}
        return self._fetch_access_token(url=f"{self.API_BASE_URL}token", params=asked)


@pytest.fixture
def client(running: Sandbox) -> Iterator[WeChatClient]:
    """It takes our stand-in for WeChat."""
    made = Theirs(f"{running.address.http}/wechatoa")
    yield made
    made._http.close()


class TestClient:
    async def test_a_template_message_is_taken(self, client: WeChatClient, running: Sandbox) -> None:
        jump = {"appid": "wx1", "pagepath": "o?id=1"}

        answer = await done(lambda: client.message.send_template("openid", "T", DATA, "https://s.example", jump))

        [taken] = running.record("wechatoa").accepted
        assert (answer["errcode"], str(answer["msgid"])) == (0, taken["msgid"])
        assert taken["targets"] == ["openid"]
        assert taken["message"] == {
            "template_id": "T", "url": "https://s.example", "miniprogram": jump, "data": DATA,
        }  # fmt: skip

    async def test_a_subscription_notification_is_taken(self, client: WeChatClient, running: Sandbox) -> None:
        answer = await done(
            lambda: client.message.send_subscribe_message("openid", "T", DATA, page="https://s.example")
        )

        [taken] = running.record("wechatoa").accepted
        assert answer["errcode"] == 0
        assert taken["message"] == {"template_id": "T", "data": DATA, "page": "https://s.example"}

    async def test_the_message_of_a_mini_program_is_taken(self, running: Sandbox) -> None:
        message = {"touser": "openid", "template_id": "T", "data": DATA, "page": "index"}
        client = Theirs(f"{running.address.http}/wechatmp")

        answer = await done(lambda: client.post("message/subscribe/send", data=message))

        client._http.close()
        assert (answer["errcode"], running.record("wechatmp").addresses) == (0, ["openid"])

    @pytest.mark.parametrize(
        ("openid", "data", "code"),
        [("bad", DATA, 40003), ("openid", {"thing1": {"value": "x" * 21}}, 47003), ("openid", {}, 47001)],
    )
    async def test_a_refusal_is_its_exception(
        self, client: WeChatClient, running: Sandbox, openid: str, data: dict[str, Any], code: int
    ) -> None:
        running.play("wechatoa", Script.parse({"refuse": ["^bad"]}))

        with pytest.raises(WeChatClientException) as raised:
            await done(lambda: client.message.send_template(openid, "T", data))

        assert raised.value.errcode == code

    async def test_a_token_that_ours_replaced_is_renewed_by_it(self, client: WeChatClient, running: Sandbox) -> None:
        await done(lambda: client.message.send_template("openid", "T", DATA))
        client.session.set(client.access_token_key, "an old one", 7200)

        answer = await done(lambda: client.message.send_template("openid", "T", DATA))

        assert (answer["errcode"], running.record("wechatoa").addresses) == (0, ["openid", "openid"])

    async def test_the_templates_are_listed_and_deleted(self, client: WeChatClient) -> None:
        listed = await done(client.template.get_all_private_template)
        industry = await done(client.template.get_industry)
        await done(lambda: client.template.del_private_template(SAMPLE["template_id"]))

        assert listed["template_list"] == [SAMPLE]
        assert industry["primary_industry"].keys() == {"first_class", "second_class"}
        assert (await done(client.template.get_all_private_template))["template_list"] == []


class TestSameRequest:
    """Its request and ours, arriving at the same server."""

    async def test_of_a_template_message(self, oa: Wechatoa, doors: Doors) -> None:
        jump = {"appid": "wx1", "pagepath": "o?id=1"}
        content = MESSAGE | {"url": "https://s.example", "miniprogram": jump, "data": DATA}

        theirs = await self._of(
            lambda client: client.message.send_template(ANN.address, "TPL", DATA, "https://s.example", jump),
            doors,
        )
        ours = await self._ours(oa, doors, content)

        assert ours[:2] == theirs[:2] == ("/cgi-bin/message/template/send", {"access_token": "token-1"})
        assert ours[2].pop("client_msg_id")
        assert ours[2] == theirs[2]

    async def test_of_a_subscription_notification(self, oa: Wechatoa, doors: Doors) -> None:
        content = NOTIFICATION | {"page": "https://s.example", "data": DATA}

        theirs = await self._of(
            lambda client: client.message.send_subscribe_message(ANN.address, "TPL", DATA, page="https://s.example"),
            doors,
        )

        assert await self._ours(oa, doors, content) == theirs

    async def _of(self, call: Callable[[WeChatClient], Any], doors: Doors) -> tuple[str, dict[str, str], Any]:
        client = Theirs(doors.url, "token-1")
        doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})
        await done(lambda: call(client))
        client._http.close()
        return await self._arrived(doors)

    async def _ours(self, oa: Wechatoa, doors: Doors, content: dict[str, Any]) -> tuple[str, dict[str, str], Any]:
        doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})
        assert (await oa.send(submission(content))).outcomes[0].state is State.SUBMITTED
        return await self._arrived(doors)

    async def _arrived(self, doors: Doors) -> tuple[str, dict[str, str], Any]:
        path, report = await asyncio.wait_for(doors.reports.get(), 10)
        return path, dict(report.query), body(report)

"""The stand-ins of WeChat, request by request."""

import json
import re
from typing import Any

import aiohttp
import pytest

from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.sandbox.wechat import tokens as wechat_tokens
from ums.sandbox.wechat.events import encrypted
from ums.sandbox.wechat.library import SAMPLE

ASKED = {"grant_type": "client_credential", "appid": "key", "secret": "secret"}
MESSAGE = {"touser": "openid", "template_id": "T", "data": {"thing1": {"value": "Tea"}}}
SEND, BIZSEND = "/wechatoa/cgi-bin/message/template/send", "/wechatoa/cgi-bin/message/subscribe/bizsend"
MINI = "/wechatmp/cgi-bin/message/subscribe/send"


class Caller:
    """Talks to a running sandbox; each answer must be an HTTP 200."""

    def __init__(self, running: Sandbox, session: aiohttp.ClientSession) -> None:
        self._running, self._session = running, session

    async def call(self, path: str, sent: object = None, method: str = "POST", **query: str) -> Any:
        raw = sent if isinstance(sent, bytes) else json.dumps(sent, ensure_ascii=False).encode()
        url = self._running.address.http + path
        async with self._session.request(method, url, data=raw, params=query) as response:
            assert response.status == 200
            return json.loads(await response.read())

    async def token(self, platform: str = "wechatoa", **more: object) -> str:
        answer = await self.call(f"/{platform}/cgi-bin/stable_token", ASKED | more)
        return str(answer["access_token"])

    async def code(self, path: str, sent: object = None, method: str = "POST", **query: str) -> int:
        """The errcode of a call under a good token."""
        token = await self.token(path.split("/")[1])
        return int((await self.call(path, sent, method, access_token=token, **query))["errcode"])


@pytest.fixture
def wechat(running: Sandbox, session: aiohttp.ClientSession) -> Caller:
    return Caller(running, session)


async def test_a_stable_token_stays_the_same_until_its_end_is_near(
    wechat: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await wechat.token()
    assert await wechat.token() == first

    monkeypatch.setattr(wechat_tokens, "OVERLAP", wechat_tokens.LIFE + 1)
    second = await wechat.token()
    assert second != first
    assert [(await wechat.call(SEND, MESSAGE, access_token=token))["errcode"] for token in (first, second)] == [0, 0]


async def test_force_voids_the_token_before_but_not_twice_in_a_row(wechat: Caller) -> None:
    first = await wechat.token()
    second = await wechat.token(force_refresh=True)

    assert (await wechat.call(SEND, MESSAGE, access_token=first))["errcode"] == 42001
    assert second != first
    assert await wechat.token(force_refresh=True) == second


async def test_the_old_call_gives_a_new_token_each_time_and_knows_no_stable_one(wechat: Caller) -> None:
    stable = await wechat.token()
    old = [(await wechat.call("/wechatoa/cgi-bin/token", method="GET", **ASKED))["access_token"] for _ in range(2)]

    assert len({stable, *old}) == 3
    assert [(await wechat.call(SEND, MESSAGE, access_token=token))["errcode"] for token in (stable, *old)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"grant_type": "password"}, 40002),
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"appid": "another"}, 40013),
        ({"secret": "another"}, 40125),
    ],
)
async def test_a_token_needs_the_right_account(
    running: Sandbox, wechat: Caller, wrong: dict[str, str], code: int
) -> None:
    running.play("wechatoa", Script.parse({"accounts": {"key": "secret"}}))

    assert (await wechat.call("/wechatoa/cgi-bin/stable_token", ASKED | wrong))["errcode"] == code
    assert (await wechat.call("/wechatoa/cgi-bin/token", method="GET", **(ASKED | wrong)))["errcode"] == code


async def test_a_stable_token_is_posted_for(wechat: Caller) -> None:
    assert (await wechat.call("/wechatoa/cgi-bin/stable_token", ASKED, "GET"))["errcode"] == 43002


async def test_a_call_needs_a_token_of_an_account_that_is_still_good(running: Sandbox, wechat: Caller) -> None:
    token = await wechat.token()
    running.play("wechatoa", Script.parse({"accounts": {"key": "another"}}))

    refused = [
        await wechat.call(SEND, MESSAGE),
        await wechat.call(SEND, MESSAGE, access_token="x"),
        await wechat.call(SEND, MESSAGE, access_token=token),
    ]

    assert [answer["errcode"] for answer in refused] == [41001, 40001, 40001]
    assert all(re.search(r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$", answer["errmsg"]) for answer in refused)
    assert (running.record("wechatoa").submissions, running.record("wechatoa").turned_away) == (0, 3)


@pytest.mark.parametrize("path", [SEND, BIZSEND, MINI])
async def test_a_message_that_is_in_order_is_taken(running: Sandbox, wechat: Caller, path: str) -> None:
    platform = path.split("/")[1]

    answer = await wechat.call(path, MESSAGE, access_token=await wechat.token(platform))

    [accepted] = running.record(platform).accepted
    assert answer == {"errcode": 0, "errmsg": "ok", "msgid": int(accepted["msgid"])}
    assert answer["msgid"] > 2**53
    assert (accepted["account"], accepted["targets"]) == ("key", ["openid"])
    assert accepted["message"] == {"template_id": "T", "data": {"thing1": {"value": "Tea"}}}


@pytest.mark.parametrize("path", [SEND, BIZSEND, MINI])
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"nonsense", 47001),
        ([], 47001),
        (json.dumps(MESSAGE | {"data": {"thing1": {"value": "茶"}}}).encode(), 40033),
        (MESSAGE | {"touser": ""}, 40003),
        (MESSAGE | {"touser": "bad-1"}, 40003),
        (MESSAGE | {"template_id": ""}, 40037),
        (MESSAGE | {"data": "{}"}, 47001),
        (MESSAGE | {"data": {}}, 47001),
        (MESSAGE | {"data": {"thing1": {"value": ""}}}, 47003),
        (MESSAGE | {"data": {"thing1": "Tea"}}, 47003),
        (MESSAGE | {"data": {"thing1": {"value": "x" * 21}}}, 47003),
    ],
)
async def test_a_message_that_is_not_in_order_is_refused(
    running: Sandbox, wechat: Caller, path: str, sent: object, code: int
) -> None:
    platform = path.split("/")[1]
    running.play(platform, Script.parse({"refuse": ["^bad-"]}))

    assert await wechat.code(path, sent) == code
    assert running.record(platform).submissions == 0


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("thing1", "茶" * 20, "茶" * 21),
        ("character_string1", "No.10086-a", "订单"),
        ("number1", "12.5", "twelve"),
        ("letter1", "abc", "abc1"),
        ("symbol1", "***", "*a"),
        ("amount1", "¥12.50", "12,50"),
        ("amount1", "100元", "12345678901"),
        ("phone_number1", "+86-0766-66888866", "phone"),
        ("car_number1", "粤A8Z888挂", "粤A8Z888888挂"),
        ("name1", "张三", "张" * 11),
        ("phrase1", "配送中", "on its way"),
        ("const1", "paid", "x" * 21),
        ("time1", "15:01", "tomorrow"),
        ("time1", "2019年10月1日 15:01~16:01", "1~2~3"),
        ("date1", "2019-10-01", "2019-10/01"),
        ("date1", "2019/10/1 15:01 ~ 2019/10/2", "15:01"),
    ],
)
async def test_a_value_fits_its_key_or_is_named(wechat: Caller, key: str, good: str, bad: str) -> None:
    token = await wechat.token()
    answers = [
        await wechat.call(SEND, MESSAGE | {"data": {key: {"value": value}}}, access_token=token)
        for value in (good, bad)
    ]

    assert [answer["errcode"] for answer in answers] == [0, 47003]
    assert f"data.{key}.value invalid" in answers[1]["errmsg"]


async def test_keys_of_old_templates_take_anything(wechat: Caller) -> None:
    assert await wechat.code(SEND, MESSAGE | {"data": {"keyword1": {"value": "x" * 200}}}) == 0


async def test_a_template_that_is_known_needs_all_its_keys(wechat: Caller) -> None:
    part = {"template_id": SAMPLE["template_id"], "data": {"thing2": {"value": "Tea"}}}

    answer = await wechat.call(SEND, MESSAGE | part, access_token=await wechat.token())

    assert (answer["errcode"], "data.character_string1.value is emtpy" in answer["errmsg"]) == (47003, True)


async def test_a_client_msg_id_is_sent_once_to_each_openid(running: Sandbox, wechat: Caller) -> None:
    token, once = await wechat.token(), MESSAGE | {"client_msg_id": "1"}

    first, second = [await wechat.call(SEND, once, access_token=token) for _ in range(2)]
    other = await wechat.call(SEND, once | {"touser": "another"}, access_token=token)

    assert first == second != other
    assert running.record("wechatoa").addresses == ["openid", "another"]


async def test_the_rate_is_kept(running: Sandbox, wechat: Caller) -> None:
    running.play("wechatoa", Script(per_minute=1))

    assert [await wechat.code(SEND, MESSAGE) for _ in range(2)] == [0, 45011]


async def test_a_fault_is_worded_as_wechat_does(running: Sandbox, wechat: Caller) -> None:
    running.play("wechatoa", Script(busy=1))
    assert [await wechat.code(SEND, MESSAGE) for _ in range(2)] == [-1, 0]

    running.play("wechatoa", Script(error_rate=1))
    assert await wechat.code(SEND, MESSAGE) == -1


@pytest.mark.parametrize("path", [BIZSEND, MINI])
async def test_consents_are_used_up(running: Sandbox, session: aiohttp.ClientSession, path: str) -> None:
    wechat, platform = Caller(running, session), path.split("/")[1]
    consents = {"openid": "openid", "template_id": "T", "left": 2}
    async with session.put(f"{running.address.http}/{platform}/-/subscriptions", json=consents) as response:
        assert response.status == 204

    assert [await wechat.code(path, MESSAGE) for _ in range(3)] == [0, 0, 43101]
    assert await wechat.code(path, MESSAGE | {"touser": "another"}) == 0


@pytest.mark.parametrize("wrong", [{"miniprogram_state": "beta"}, {"lang": "de"}])
async def test_a_mini_program_knows_its_builds_and_languages(wechat: Caller, wrong: dict[str, str]) -> None:
    assert await wechat.code(MINI, MESSAGE | {"miniprogram_state": "trial", "lang": "zh_HK"}) == 0
    assert await wechat.code(MINI, MESSAGE | wrong) == 47001


async def test_what_was_withdrawn_says_so(wechat: Caller) -> None:
    assert await wechat.code("/wechatmp/cgi-bin/message/wxopen/template/uniform_send", {}) == 45109


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"ids": "616", "start": "0", "limit": "30"}, 0),
        ({"start": "0", "limit": "30"}, 200018),
        ({"ids": "1", "start": "0", "limit": "30"}, 200019),
        ({"ids": "616", "start": "-1", "limit": "30"}, 200016),
        ({"ids": "616", "start": "0", "limit": "31"}, 200017),
        ({"ids": "616", "start": "0", "limit": "0"}, 200017),
    ],
)
@pytest.mark.parametrize("platform", ["wechatoa", "wechatmp"])
async def test_the_library_checks_what_it_is_asked(
    wechat: Caller, platform: str, query: dict[str, str], code: int
) -> None:
    path = f"/{platform}/wxaapi/newtmpl/getpubtemplatetitles"

    assert await wechat.code(path, method="GET", **query) == code


def test_the_cipher_is_that_of_the_reference() -> None:
    # https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html - its example.
    made = encrypted("A" * 43, b'{"demo_resp":"good luck"}', "wxba5fad812f8e6fb9", b"707722b803182950")

    assert made == "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="

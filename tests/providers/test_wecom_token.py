"""WeCom's token: fetched once, renewed when it is spoiled, and never shown."""

import asyncio
from urllib.parse import quote

import aiohttp
import pytest

from tests.providers.conftest import Doors, body, each
from tests.providers.test_wecom import SEND, TARGETS, TOKEN, provider, submission
from tests.providers.test_wecom import wecom as wecom
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.wecom.own_corp import Wecom
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import State


async def test_one_token_serves_many_messages(wecom: Wecom, doors: Doors) -> None:
    for number in range(20):
        doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": f"m-{number}"})

    await asyncio.gather(*(wecom.send(submission()) for _ in range(20)))

    paths = [doors.reports.get_nowait()[0] for _ in range(doors.reports.qsize())]
    assert sorted(paths) == [TOKEN] + [SEND] * 20


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_spoiled_token_is_renewed_once(wecom: Wecom, doors: Doors, code: int) -> None:
    doors.answer(200, {"errcode": code, "errmsg": "invalid access_token"})
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "access_token": "T2", "expires_in": 7200})
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": "m-1"})

    answer = await wecom.send(submission())

    assert answer.provider_id == "m-1"
    reports = [await doors.report(path) for path in (TOKEN, SEND, TOKEN, SEND)]
    assert [reports[1].query, reports[3].query] == [{"access_token": "T&1"}, {"access_token": "T2"}]
    assert body(reports[1]) == body(reports[3])


async def test_a_token_refused_twice_is_for_the_operator(wecom: Wecom, doors: Doors) -> None:
    doors.answer(200, {"errcode": 40014, "errmsg": "invalid access_token"})
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "access_token": "T2", "expires_in": 7200})
    doors.answer(200, {"errcode": 40014, "errmsg": "invalid access_token"})

    with pytest.raises(ProviderRefused, match="40014"):
        await wecom.send(submission())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"errcode": 40001, "errmsg": "invalid credential"}, ProviderRefused),
        ({"errcode": 60020, "errmsg": "not allow to access from your ip"}, ProviderRefused),
        ({"errcode": -1, "errmsg": "system busy"}, ProviderBusy),
        ({"errcode": 45009, "errmsg": "api freq out of limit"}, ProviderBusy),
        ({"errcode": 0, "errmsg": "ok"}, ProviderBusy),
        (b"garbage", ProviderBusy),
    ],
)
async def test_without_a_token_nothing_is_sent(
    session: aiohttp.ClientSession, doors: Doors, answer: object, expected: type[Exception]
) -> None:
    doors.answer(200, answer)

    with pytest.raises(expected) as raised:
        await provider(session, baseUrl=doors.url).send(submission())

    assert "cret" not in str(raised.value)
    await doors.report(TOKEN)
    assert doors.reports.empty()


async def test_neither_secret_nor_token_is_shown_when_a_connection_breaks(wecom: Wecom, doors: Doors) -> None:
    doors.hang_up()

    told = each(await wecom.send(submission()), TARGETS)

    assert told[0].state is State.UNKNOWN
    assert "T&1" not in told[0].words
    assert quote("T&1") not in told[0].words
    assert "cret" not in repr(wecom.account)


async def test_a_token_that_died_with_its_secret_is_replaced(session: aiohttp.ClientSession, running: Sandbox) -> None:
    wecom = provider(session, running.address)
    await wecom.send(submission())
    running.play("wecom", Script(accounts={"ww8f0b": "another"}))
    with pytest.raises(ProviderRefused, match="40001"):
        await wecom.send(submission())

    running.play("wecom", Script(accounts={"ww8f0b": "s&cret+"}))
    await wecom.send(submission())

    assert running.record("wecom").submissions == 2

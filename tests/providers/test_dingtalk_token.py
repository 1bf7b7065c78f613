"""DingTalk's token: fetched once, replaced once, and shown nowhere."""

import aiohttp
import pytest

from tests.providers.conftest import Doors
from tests.providers.test_dingtalk import CREDENTIALS, SEND, accepted, provider, refusal, sent_to, submission, token
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account
from ums.providers.dingtalk.provider import Dingtalk
from ums.sandbox import free_address, sandbox


@pytest.fixture
def ding(session: aiohttp.ClientSession, doors: Doors) -> Dingtalk:
    """Talks to `doors` as if they were DingTalk; its first token lies ready."""
    token(doors)
    return provider(session, baseUrl=doors.url)


async def test_the_token_is_fetched_once(ding: Dingtalk, doors: Doors) -> None:
    for _ in range(3):
        accepted(doors)
        await ding.send(submission())

    assert await sent_to(doors) == ["ann,ben"] * 3


@pytest.mark.parametrize(
    "said", [{"errcode": 40014}, {"errcode": 42001}, {"errcode": 40001}, {"errcode": 88, "sub_code": "40014"}]
)
async def test_a_token_that_is_known_no_longer_is_replaced_once(
    ding: Dingtalk, doors: Doors, said: dict[str, object]
) -> None:
    doors.answer(200, said)
    token(doors, "token-2")
    accepted(doors, 7)

    answer = await ding.send(submission())

    assert answer.provider_id == "7"
    paths = [await doors.report(path) for path in ("/gettoken", SEND, "/gettoken", SEND)]
    assert (paths[1].query["access_token"], paths[3].query["access_token"]) == ("token-1", "token-2")


async def test_a_second_token_that_is_not_known_is_for_the_operator(ding: Dingtalk, doors: Doors) -> None:
    refusal(doors, 40014)
    token(doors, "token-2")
    refusal(doors, 40014)

    with pytest.raises(ProviderRefused, match="40014: so it is"):
        await ding.send(submission())


async def test_tokens_of_a_stand_in_that_was_started_again_are_replaced(session: aiohttp.ClientSession) -> None:
    address = free_address()
    ding = provider(session, address)
    for _ in range(2):
        async with sandbox(address, "http://127.0.0.1:1") as running:
            await ding.send(submission())
            assert running.record("dingtalk").addresses == ["ann", "ben"]


async def test_without_a_token_nothing_was_sent_and_it_is_worth_another_try(
    session: aiohttp.ClientSession, doors: Doors
) -> None:
    ding = provider(session, baseUrl=doors.url)
    doors.hang_up()
    with pytest.raises(ProviderBusy):
        await ding.send(submission())

    doors.answer(200, b'{"errcode":0,"access_token":"half-of-it')
    with pytest.raises(ProviderBusy) as busy:
        await ding.send(submission())
    assert "half-of-it" not in str(busy.value)

    doors.answer(200, {"errcode": 0})
    with pytest.raises(ProviderBusy, match="without an access_token"):
        await ding.send(submission())


async def test_a_secret_that_is_refused_is_for_the_operator(session: aiohttp.ClientSession, doors: Doors) -> None:
    refusal(doors, 40089, "no such pair: dingabc and hush+hush/==")

    with pytest.raises(ProviderRefused, match="40089: no such pair: dingabc and \\*\\*\\*"):
        await provider(session, baseUrl=doors.url).send(submission())


async def test_a_redirect_or_a_page_that_repeats_the_query_shows_no_secret(
    session: aiohttp.ClientSession, doors: Doors
) -> None:
    ding = provider(session, baseUrl=doors.url)
    asked = "https://b.example/gettoken?appkey=dingabc&appsecret=hush%2Bhush%2F%3D%3D"
    doors.answer(301, b"", {"Location": asked})
    doors.answer(404, f"<html>nothing at {asked}".encode())
    doors.answer(429, f"<html>too often: {asked}".encode())
    for expected in (ProviderRefused, ProviderRefused, ProviderBusy):
        with pytest.raises(expected) as error:
            await ding.send(submission())
        assert "b.example" in str(error.value)
        assert "hush" not in str(error.value)

    token(doors)
    doors.answer(200, b"<html>nothing at ?access_token=token-1")
    with pytest.raises(OutcomeUnknown) as lost:
        await ding.send(submission())
    assert "token-1" not in str(lost.value)


def test_its_secrets_are_not_shown() -> None:
    assert "hush" not in repr(Account("staffding", CREDENTIALS))

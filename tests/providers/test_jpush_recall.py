"""JPush: what was pushed is taken back."""

import aiohttp
import pytest

from tests.providers.conftest import Doors
from tests.providers.test_jpush import provider, submission
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.jpush.public import Jpush
from ums.sandbox import Sandbox


@pytest.fixture
def push(session: aiohttp.ClientSession, doors: Doors) -> Jpush:
    """Talks to `doors` as if they were JPush."""
    return provider(session, baseUrl=doors.url)


async def test_a_push_is_taken_back_by_its_id(push: Jpush, doors: Doors) -> None:
    doors.answer(200, b"")

    await push.recall("1828256757")

    sent = await doors.report("/v3/push/1828256757")
    assert (sent.method, sent.headers["authorization"][:6], sent.body) == ("DELETE", "Basic ", b"")


async def test_an_id_is_no_path(push: Jpush, doors: Doors) -> None:
    await push.recall("../cid?type=push")

    assert (await doors.report("/v3/push/../cid?type=push")).query == {}


async def test_what_can_be_taken_back_no_more_is_refused(push: Jpush, doors: Doors) -> None:
    doors.answer(400, {"error": {"code": 1003, "message": "no such message"}})

    with pytest.raises(ProviderRefused, match="1003: no such message"):
        await push.recall("1")


async def test_a_recall_may_be_tried_again(push: Jpush, doors: Doors) -> None:
    doors.answer(500, {"error": {"code": 1000, "message": "server error"}})
    with pytest.raises(ProviderBusy):
        await push.recall("1")

    doors.hang_up()
    doors.hang_up()  # the client itself repeats a DELETE once
    with pytest.raises(OutcomeUnknown):
        await push.recall("1")


async def test_the_stand_in_takes_a_push_back(session: aiohttp.ClientSession, running: Sandbox) -> None:
    push = provider(session, running.address)
    answer = await push.send(submission(key=""))
    assert answer.provider_id

    await push.recall(answer.provider_id)

    assert running.record("jpush").recalled == [answer.provider_id]
    with pytest.raises(ProviderRefused, match="1003"):
        await push.recall("4711")

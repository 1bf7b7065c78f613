"""An answer that breaks off in the middle: what was asked for was done, and whoever asked cannot know."""

import aiohttp
import pytest

from ums.sandbox import Sandbox
from ums.sandbox.script import Script

AUTH = {"Authorization": "Basic a2V5OnNlY3JldA=="}
PUSH = {"platform": "all", "audience": {"registration_id": ["rid-a"]}, "notification": {"alert": "Hello"}}
BATCH = {"temp_id": 1, "recipients": [{"mobile": "13800000001"}]}


@pytest.mark.parametrize(
    ("platform", "path", "sent"),
    [("jpush", "/jpush/v3/push", PUSH), ("jsms", "/jsms/v1/messages/batch", BATCH)],
)
async def test_half_an_answer_comes_and_the_submission_was_accepted(
    running: Sandbox, session: aiohttp.ClientSession, platform: str, path: str, sent: object
) -> None:
    running.play(platform, Script.parse({"half": 1}))

    async with session.post(running.address.http + path, json=sent, headers=AUTH) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()

    assert running.record(platform).submissions == 1
    async with session.post(running.address.http + path, json=sent, headers=AUTH) as response:
        assert (response.status, isinstance(await response.json(), dict)) == (200, True)

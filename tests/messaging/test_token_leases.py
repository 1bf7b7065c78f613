"""Who fetches a token of a platform fails, is slow or is killed: others go on."""

import asyncio
import sys
from asyncio.subprocess import PIPE

import pytest

from tests.messaging.token_platform import Platform, asked, many, others
from tests.messaging.token_platform import kept as kept
from tests.messaging.token_platform import tokens as tokens
from tests.shop import Time
from ums.database import connection, execute, opened
from ums.errors import ProviderBusy
from ums.messaging.tokens import LEASE, PATIENCE, SharedTokens
from ums.providers.tokens import Token
from ums.settings import Settings


async def test_a_fetch_that_fails_is_its_callers_and_the_next_tries(kept: Settings) -> None:
    platform = Platform(fails=1)

    found = await many(kept, lambda own: own.get("access_token", platform.gives))

    assert sorted(map(str, found)) == ["45009: too often"] + ["very-secret-1"] * 19
    assert platform.asked == 2


async def test_a_fetch_that_is_cancelled_gives_its_lease_back(tokens: SharedTokens) -> None:
    platform = Platform()
    fetching = asyncio.create_task(tokens.get("access_token", platform.gives_late))
    await asked(platform)
    fetching.cancel()
    await asyncio.wait([fetching])

    assert fetching.cancelled()
    assert await tokens.get("access_token", platform.gives) == "very-secret-1"


async def test_who_was_too_slow_takes_what_its_successor_got(kept: Settings) -> None:
    platform, time = Platform(), Time()
    async with opened(kept):
        slow = asyncio.create_task(others(kept, time).get("access_token", platform.gives_late))
        await asked(platform)
        time.passes(LEASE)
        assert await others(kept, time).get("access_token", platform.gives) == "very-secret-1"
        platform.open.set()

        assert await slow == "very-secret-1"
    assert platform.given == ["very-secret-1", "very-secret-2"]


async def test_nobody_waits_for_ever(kept: Settings) -> None:
    platform, time = Platform(), Time()
    async with opened(kept):
        fetching = asyncio.create_task(others(kept, time).get("access_token", platform.gives_late))
        await asked(platform)
        waiting = asyncio.create_task(others(kept, time).get("access_token", platform.gives))
        await asyncio.sleep(0.3)  # its first look
        await execute(connection(), "UPDATE provider_token SET lease_until = lease_until + $1", PATIENCE)
        time.passes(PATIENCE)

        with pytest.raises(ProviderBusy, match="token: DeliveryChannel corp: others fetch its access_token") as busy:
            await waiting
        fetching.cancel()
        await asyncio.wait([fetching])

    assert busy.value.code == "token"
    assert platform.asked == 1


KILLED = """
import asyncio, pathlib, sys
from ums.database import opened
from ums.messaging.tokens import SharedTokens
from ums.settings import Settings

async def fetch():
    print("fetching", flush=True)
    await asyncio.sleep(3600)

async def main(root, url, now):
    settings = Settings(pathlib.Path(root), pathlib.Path(root), database_url=url)
    async with opened(settings):
        await SharedTokens(settings, lambda: int(now), "corp", {}).get("access_token", fetch)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_the_lease_of_a_killed_worker_runs_out(kept: Settings) -> None:
    platform, time = Platform(), Time()
    arguments = (str(kept.root), kept.database_url, str(time()))
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, *arguments, stdout=PIPE)
    assert worker.stdout is not None
    assert await worker.stdout.readline() == b"fetching\n"
    worker.kill()
    await worker.wait()

    async with opened(kept):
        waiting = asyncio.create_task(others(kept, time).get("access_token", platform.gives))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        assert platform.asked == 0
        time.passes(LEASE)

        assert await waiting == "very-secret-1"


async def test_a_fetch_that_fails_leaves_the_refresh_token(kept: Settings) -> None:
    async with opened(kept):
        tokens = others(kept, Time())
        await tokens.put("access_token", Token("", 0, "refresh-1"))
        with pytest.raises(ProviderBusy):
            await tokens.get("access_token", Platform(fails=1).gives)

        assert (await tokens.known("access_token")).refresh == "refresh-1"


async def test_who_fetches_while_the_platform_gives_takes_what_was_given(kept: Settings) -> None:
    platform, time = Platform(), Time()
    async with opened(kept):
        fetching = asyncio.create_task(others(kept, time).get("access_token", platform.gives_late))
        await asked(platform)
        await others(kept, time).put("access_token", Token("given", 7200))
        platform.open.set()

        assert await fetching == "given"

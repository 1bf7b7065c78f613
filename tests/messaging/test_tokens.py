"""Tokens that platforms give out: one worker fetches, all use it, and the database shows it to nobody."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from tests.plants import tables
from tests.shop import SECOND, Time
from ums.database import connection, execute, opened
from ums.errors import ProviderBusy, ProviderRefused
from ums.messaging.tokens import LEASE, PATIENCE, SharedTokens
from ums.providers.tokens import Token
from ums.reconcile.secrets import rotate
from ums.settings import SecretRef, Settings

ACCOUNT = {"corpId": "corp", "secret": "corp-secret"}
MINUTE = 60 * SECOND


@dataclass
class Platform:
    """Gives out a new token at each call, after a while; it fails as often as it is told to."""

    fails: int = 0
    lives: float = 7200
    given: list[str] = field(default_factory=list)
    asked: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def gives(self) -> Token:
        self.asked += 1
        await asyncio.sleep(0.05)
        if self.fails:
            self.fails -= 1
            raise ProviderBusy("45009", "too often")
        return self._next()

    async def gives_late(self) -> Token:
        """Not before `open` is set."""
        self.asked += 1
        await self.open.wait()
        return self._next()

    def _next(self) -> Token:
        self.given.append(f"very-secret-{len(self.given) + 1}")
        return Token(self.given[-1], self.lives)


@pytest.fixture
def kept(settings: Settings) -> Settings:
    """An installation with a secret key."""
    (settings.root / "var").mkdir()
    (settings.root / "var/secret.key").write_text("the key of this installation")
    return settings


@pytest.fixture
async def tokens(kept: Settings) -> AsyncIterator[SharedTokens]:
    async with opened(kept):
        yield SharedTokens(kept, Time(), "corp", ACCOUNT)


def others(settings: Settings, time: Time) -> SharedTokens:
    """As another worker has them."""
    return SharedTokens(settings, time, "corp", ACCOUNT)


async def many(
    settings: Settings, get: Callable[[SharedTokens], Awaitable[str]], workers: int = 2, calls: int = 10
) -> list[str | BaseException]:
    """What so many calls in each of several workers come to, all at the same time; each has a database of its own."""

    async def worker() -> list[str | BaseException]:
        async with opened(settings):
            own = SharedTokens(settings, Time(), "corp", ACCOUNT)
            return await asyncio.gather(*(get(own) for _ in range(calls)), return_exceptions=True)

    of_workers = await asyncio.gather(*(asyncio.create_task(worker()) for _ in range(workers)))
    return [one for of_worker in of_workers for one in of_worker]


async def test_twenty_at_once_in_two_workers_fetch_once(kept: Settings) -> None:
    platform = Platform()

    found = await many(kept, lambda own: own.get("access_token", platform.gives))

    assert found == ["very-secret-1"] * 20
    assert platform.asked == 1


async def test_two_tokens_of_an_account_are_two(tokens: SharedTokens) -> None:
    platform = Platform()

    found = [await tokens.get(name, platform.gives) for name in ("access_token", "ticket", "access_token")]

    assert found == ["very-secret-1", "very-secret-2", "very-secret-1"]


async def test_a_token_that_was_read_costs_no_statement(tokens: SharedTokens) -> None:
    platform = Platform()
    await tokens.get("access_token", platform.gives)
    await execute(connection(), "DROP TABLE provider_token")

    assert await tokens.get("access_token", platform.gives) == "very-secret-1"


async def test_a_token_is_fetched_anew_before_it_ends(kept: Settings) -> None:
    platform, time = Platform(lives=7200), Time()
    async with opened(kept):
        tokens = SharedTokens(kept, time, "corp", ACCOUNT)
        first = await tokens.get("access_token", platform.gives)
        time.passes(110 * MINUTE - 1)
        assert [await own.get("access_token", platform.gives) for own in (tokens, others(kept, time))] == [first] * 2

        time.passes(1)
        found = [await own.get("access_token", platform.gives) for own in (tokens, others(kept, time))]

    assert found == ["very-secret-2"] * 2
    assert platform.asked == 2


async def test_a_spoiled_token_is_fetched_anew_once_however_many_say_so(kept: Settings) -> None:
    platform = Platform()
    await many(kept, lambda own: own.get("access_token", platform.gives))

    found = await many(kept, lambda own: own.get("access_token", platform.gives, spoiled="very-secret-1"))

    assert found == ["very-secret-2"] * 20
    assert platform.asked == 2


async def test_who_learns_late_that_a_token_is_spoiled_gets_the_one_that_is_there(kept: Settings) -> None:
    platform, time = Platform(), Time()
    async with opened(kept):
        late, early = others(kept, time), others(kept, time)
        assert await late.get("access_token", platform.gives) == await early.get("access_token", platform.gives)
        await early.get("access_token", platform.gives, spoiled="very-secret-1")

        assert await late.get("access_token", platform.gives, spoiled="very-secret-1") == "very-secret-2"
        assert await late.get("access_token", platform.gives) == "very-secret-2"
    assert platform.asked == 2


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


async def asked(platform: Platform) -> None:
    while not platform.asked:
        await asyncio.sleep(0.01)


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


async def test_a_refresh_token_is_kept_and_replaced_with_its_token(kept: Settings) -> None:
    time, given = Time(), [Token("very-secret-1", 7200, "refresh-1"), Token("very-secret-2", 7200, "refresh-2")]
    async with opened(kept):
        tokens = others(kept, time)

        async def fetch() -> Token:
            assert (await tokens.known("access_token")).refresh == ("" if len(given) == 2 else "refresh-1")
            return given.pop(0)

        await tokens.get("access_token", fetch)
        assert await others(kept, time).known("access_token") == Token("very-secret-1", 7200, "refresh-1")
        await tokens.get("access_token", fetch, spoiled="very-secret-1")
        assert await others(kept, time).known("access_token") == Token("very-secret-2", 7200, "refresh-2")

        time.passes(120 * MINUTE)
        assert await others(kept, time).known("access_token") == Token("", 0, "refresh-2")


async def test_a_fetch_that_fails_leaves_the_refresh_token(kept: Settings) -> None:
    async with opened(kept):
        tokens = others(kept, Time())
        await tokens.put("access_token", Token("", 0, "refresh-1"))
        with pytest.raises(ProviderBusy):
            await tokens.get("access_token", Platform(fails=1).gives)

        assert (await tokens.known("access_token")).refresh == "refresh-1"


async def test_what_the_platform_gave_by_itself_is_used_by_all(kept: Settings) -> None:
    platform, time = Platform(), Time()
    async with opened(kept):
        first, second = others(kept, time), others(kept, time)
        await first.get("access_token", platform.gives)
        await first.put("access_token", Token("given", 7200))

        assert await first.get("access_token", platform.gives) == "given"
        assert await second.get("access_token", platform.gives) == "given"
        await second.put("access_token", Token("", 0))
        assert await second.get("access_token", platform.gives) == "very-secret-2"


async def test_a_refresh_token_outlives_a_change_of_the_secret_key(kept: Settings) -> None:
    (kept.root / "var/new.key").write_text("another key of this installation")
    new, old = SecretRef(file="var/new.key"), kept.secret_key
    async with opened(kept):
        await others(kept, Time()).put("access_token", Token("very-secret-1", 7200, "refresh-1"))

    await rotate(replace(kept, secret_key=new, previous_secret_keys=(old,)))

    changed = replace(kept, secret_key=new)
    async with opened(changed):
        assert (await others(changed, Time()).known("access_token")).refresh == "refresh-1"


async def test_who_fetches_while_the_platform_gives_takes_what_was_given(kept: Settings) -> None:
    platform, time = Platform(), Time()
    async with opened(kept):
        fetching = asyncio.create_task(others(kept, time).get("access_token", platform.gives_late))
        await asked(platform)
        await others(kept, time).put("access_token", Token("given", 7200))
        platform.open.set()

        assert await fetching == "given"


async def test_what_is_lent_says_how_long_the_platform_takes_it(kept: Settings) -> None:
    platform, time = Platform(lives=7200), Time()
    async with opened(kept):
        assert await others(kept, time).lend("access_token", platform.gives) == Token("very-secret-1", 7200)
        time.passes(MINUTE)
        assert await others(kept, time).lend("access_token", platform.gives) == Token("very-secret-1", 7140)


async def test_neither_the_database_nor_a_log_shows_a_token(kept: Settings) -> None:
    async with opened(kept):
        tokens = others(kept, Time())
        assert await tokens.get("access_token", Platform().gives) == "very-secret-1"
        shown = f"{tokens!r} {tokens!s}"
    everything = await tables(kept)

    assert "access_token" in everything
    assert "secret-1" not in everything + shown
    assert "corp-secret" not in everything + shown


async def test_a_token_of_another_account_is_not_used(kept: Settings) -> None:
    platform, time = Platform(), Time()
    async with opened(kept):
        await others(kept, time).get("access_token", platform.gives)
        changed = SharedTokens(kept, time, "corp", {**ACCOUNT, "corpId": "another"})

        assert await changed.get("access_token", platform.gives) == "very-secret-2"


async def test_a_token_that_no_key_opens_any_more_is_fetched_anew(kept: Settings) -> None:
    platform, time = Platform(), Time()
    async with opened(kept):
        await others(kept, time).get("access_token", platform.gives)
        (kept.root / "var/secret.key").write_text("another key")

        assert await others(kept, time).get("access_token", platform.gives) == "very-secret-2"


async def test_without_a_secret_key_nothing_is_fetched(kept: Settings) -> None:
    platform = Platform()
    without = replace(kept, secret_key=SecretRef(env="UMS_TEST_NO_SUCH_KEY"))
    async with opened(kept):
        with pytest.raises(ProviderRefused, match="environment variable UMS_TEST_NO_SUCH_KEY is not set") as refused:
            await others(without, Time()).get("access_token", platform.gives)

    assert refused.value.code == "secret_missing"
    assert platform.asked == 0

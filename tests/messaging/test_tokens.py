"""Tokens that platforms give out: one worker fetches, all use it, and the database shows it to nobody."""

from dataclasses import replace

import pytest

from tests.messaging.token_platform import ACCOUNT, MINUTE, Platform, many, others
from tests.messaging.token_platform import kept as kept
from tests.messaging.token_platform import tokens as tokens
from tests.plants import tables
from tests.shop import Time
from ums.database import connection, execute, fetch, opened
from ums.errors import ProviderRefused
from ums.messaging.tokens import LEASE, SharedTokens, forget_media
from ums.providers.tokens import Token
from ums.reconcile.secrets import rotate
from ums.settings import SecretRef, Settings


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


async def test_ids_of_files_that_no_message_uses_any_more_are_removed_and_no_other_token(
    kept: Settings, tokens: SharedTokens
) -> None:
    time, brief, long = Time(), Platform(lives=60), Platform(lives=86_400)
    for name, platform in (("media/file/old", brief), ("media/file/new", long), ("access_token", brief)):
        await tokens.get(name, platform.gives)
    time.passes(2 * MINUTE)
    await execute(connection(), _LEASED, time() + 1)

    removed = [await forget_media(time(), 10), await forget_media(time(), 10)]

    assert removed == [1, 0]
    names = [row["name"] for row in await fetch(connection(), "SELECT name FROM provider_token ORDER BY name")]
    assert names == ["access_token", "media/file/new", "media/file/under way"]
    again = await others(kept, time).get("media/file/old", long.gives)
    assert again == long.given[-1] != brief.given[0]


async def test_so_many_are_removed_in_a_step_and_what_a_killed_worker_left_too(tokens: SharedTokens) -> None:
    time, platform = Time(), Platform(lives=60)
    for n in range(3):
        await tokens.get(f"media/image/{n}", platform.gives)
    await execute(connection(), _LEASED, time() + LEASE)
    time.passes(2 * MINUTE)

    assert [await forget_media(time(), 3) for _ in range(3)] == [3, 1, 0]


_LEASED = """
INSERT INTO provider_token (delivery_channel, name, ciphertext, expires_at, lease_until, lease_token)
VALUES ('corp', 'media/file/under way', '', 0, $1, 'somebody')"""

"""A message is followed for as long as its follower may read it, even while nothing happens to it."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.api.conftest import Api
from tests.api.test_messages import sent
from tests.api.test_progress import SHOP, follows, progress, socket
from tests.members.declared import MEMBERS
from ums.members import sessions, tokens
from ums.reconcile import reconcile


@pytest.fixture
def more_declared() -> str:
    return MEMBERS


async def revoked(_: Api) -> None:
    await tokens.revoke("vera", (await tokens.tokens("vera"))[0].name)


async def expired(api: Api) -> None:
    clock: Any = api.engine.clock
    clock.passes(400 * tokens.DAY)


async def edited(api: Api, file: str, before: str, after: str) -> None:
    path = api.engine.settings.config / file
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()


async def disabled(api: Api) -> None:
    await edited(api, "more.yaml", "name: vera\n", "name: vera\nenabled: false\n")


async def without_a_role(api: Api) -> None:
    await edited(api, "more.yaml", VERAS_ROLE, VERAS_ROLE.replace("shop", "ops"))


VERAS_ROLE = "[{role: viewer, channels: [shop]}]"


async def ended(ws: aiohttp.ClientWebSocketResponse) -> Any:
    """The error that is told, with which it is over."""
    told = await ws.receive_json(timeout=10)
    assert told["type"] == "next", told
    assert await ws.receive_json(timeout=5) == {"type": "complete", "id": "1"}
    return [error["extensions"] for error in told["payload"]["errors"]]


@pytest.mark.parametrize("happens", [revoked, expired, disabled, without_a_role])
async def test_a_member_who_may_not_read_it_any_more_follows_it_no_longer(
    api: Api, happens: Callable[[Api], Awaitable[None]]
) -> None:
    number = await sent(api)
    async with socket(api) as ws:
        await follows(ws, number, {"authorization": f"Bearer {await api.token('vera')}", "channel": "shop"})
        assert (await progress(ws))["state"] == "WAITING"

        await happens(api)

        assert await ended(ws) == [{"code": "UNAUTHORIZED"}]


async def test_who_signs_out_follows_no_longer(api: Api) -> None:
    number = await sent(api)
    text = await sessions.start("vera", 12, api.engine.clock())
    object.__setattr__(api.engine.settings, "public_url", api.url)
    async with socket(api, {"cookie": f"ums_session={text}", "origin": api.url, "x-ums-channel": "shop"}) as ws:
        await follows(ws, number, {"channel": "shop"})
        assert (await progress(ws))["state"] == "WAITING"

        await sessions.end(text)

        assert await ended(ws) == [{"code": "UNAUTHORIZED"}]


async def test_who_has_the_secret_of_before_follows_no_longer(api: Api) -> None:
    number = await sent(api)
    async with socket(api) as ws:
        await follows(ws, number, SHOP)
        assert (await progress(ws))["state"] == "WAITING"

        await edited(api, "shop.yaml", "{env: SHOP_MASTER_SECRET}", "{env: SHOP_NEW_SECRET}")

        assert await ended(ws) == [{"code": "UNAUTHORIZED"}]


async def test_who_may_still_read_it_follows_on(api: Api) -> None:
    number = await sent(api)
    async with socket(api) as ws:
        await follows(ws, number, {"authorization": f"Bearer {await api.token('vera')}", "channel": "shop"})
        assert (await progress(ws))["state"] == "WAITING"

        with pytest.raises(TimeoutError):
            await ws.receive_json(timeout=3)

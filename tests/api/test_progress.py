"""`messageProgress` over graphql-transport-ws, on real sockets."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.api.conftest import Api
from tests.api.test_messages import knows_ann_and_bob, sent
from ums.database import connection, execute, fetch
from ums.messaging.delivering.receipts import apply
from ums.messaging.reading.progress import Following
from ums.providers.contract import Receipt
from ums.vocabulary import State

FOLLOW = """subscription ($id: ID!) { messageProgress(id: $id) {
  state users { planned sent delivered } deliveryChannels { deliveryChannel funnel { delivered } }
  losses { reason } } }"""
SHOP = {"authorization": "Basic " + base64.b64encode(b"shop:sandbox-shop-master-secret").decode()}
OPS = {"authorization": "Basic " + base64.b64encode(b"ops:sandbox-ops-master-secret").decode()}
WRONG = {"authorization": "Basic " + base64.b64encode(b"shop:guessed").decode()}


@asynccontextmanager
async def socket(api: Api, headers: dict[str, str] | None = None) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url, protocols = f"{api.url}/graphql", ["graphql-transport-ws"]
    async with api.session.ws_connect(url, protocols=protocols, headers=headers) as ws:
        yield ws


async def follows(ws: aiohttp.ClientWebSocketResponse, number: str, payload: dict[str, str] | None = None) -> None:
    await ws.send_json({"type": "connection_init", "payload": payload or {}})
    assert await ws.receive_json() == {"type": "connection_ack"}
    ask = {"query": FOLLOW, "variables": {"id": number}}
    await ws.send_json({"type": "subscribe", "id": "1", "payload": ask})


async def progress(ws: aiohttp.ClientWebSocketResponse) -> Any:
    told = await ws.receive_json(timeout=5)
    assert told["type"] == "next", told
    return told["payload"]["data"]["messageProgress"]


@pytest.fixture
def quick(api: Api) -> Api:
    """As it is, but with the minute of quiet over soon."""
    object.__setattr__(api.following, "_quiet", 0.2)
    return api


async def delivered(api: Api) -> None:
    [row] = await fetch(connection(), "SELECT DISTINCT provider_id FROM attempt WHERE provider_id IS NOT NULL")
    told = [Receipt(row["provider_id"], "rid-ann", State.DELIVERED, api.engine.clock())]
    await apply(api.engine, "app", told)


async def test_a_message_is_followed_from_its_acceptance_to_its_end(quick: Api) -> None:
    await knows_ann_and_bob(quick)
    number = await sent(quick)
    async with socket(quick) as ws:
        await follows(ws, number, SHOP)
        assert (await progress(ws))["state"] == "WAITING"

        await quick.works()
        while (found := await progress(ws))["state"] != "DONE":
            pass
        assert found["users"] == {"planned": 2, "sent": 2, "delivered": 0}

        await delivered(quick)
        found = await progress(ws)
        assert found["deliveryChannels"] == [{"deliveryChannel": "app", "funnel": {"delivered": 1}}]
        assert await ws.receive_json(timeout=5) == {"type": "complete", "id": "1"}


async def test_another_channels_message_cannot_be_followed(api: Api) -> None:
    await knows_ann_and_bob(api)
    number = await sent(api)
    async with socket(api, OPS) as ws:
        await follows(ws, number)
        told = await ws.receive_json(timeout=5)

    assert told["payload"]["data"] is None
    assert told["payload"]["errors"][0]["extensions"] == {"code": "UNKNOWN_MESSAGE"}


@pytest.mark.parametrize("payload", [{}, WRONG, {"authorization": "Bearer guessed"}])
async def test_without_credentials_nothing_is_told(api: Api, payload: dict[str, str]) -> None:
    async with socket(api) as ws:
        await ws.send_json({"type": "connection_init", "payload": payload})
        await ws.receive(timeout=5)
        assert ws.close_code == 4403


async def test_wrong_credentials_in_the_header_do_not_even_connect(api: Api) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with socket(api, WRONG):
            pass
    assert refused.value.status == 403


async def test_before_the_credentials_nothing_is_answered(api: Api) -> None:
    async with socket(api) as ws:
        await ws.send_json({"type": "subscribe", "id": "1", "payload": {"query": "{ config { revision } }"}})
        await ws.receive(timeout=5)
        assert ws.close_code == 4401


async def test_a_page_of_another_site_cannot_connect(api: Api) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with socket(api, {"origin": "https://elsewhere.example"}):
            pass


async def test_a_query_over_a_socket_is_answered_anew_each_time(api: Api) -> None:
    await knows_ann_and_bob(api)
    number = await sent(api)
    query = {"query": "query ($id: ID!) { message(id: $id) { users { sent } } }", "variables": {"id": number}}
    found = []
    async with socket(api, SHOP) as ws:
        await ws.send_json({"type": "connection_init"})
        await ws.receive_json()
        for id in ("1", "2"):  # noqa: A001 - the protocol's word
            await ws.send_json({"type": "subscribe", "id": id, "payload": query})
            found.append((await ws.receive_json())["payload"]["data"]["message"]["users"]["sent"])
            assert (await ws.receive_json())["type"] == "complete"
            await api.works()

    assert found == [0, 2]


class Counting(Following):
    """How often it looked."""

    looks = 0

    async def _round(self, ids: Any) -> bool:
        self.looks += 1
        return await super()._round(ids)


async def test_all_who_follow_share_one_look_and_when_nobody_does_nothing_is_read(api: Api) -> None:
    await knows_ann_and_bob(api)
    number = int(await sent(api))
    following = Counting(soonest=0.05, slowest=0.05)

    async def first() -> object:
        async for found in following.follow(number):
            return found.state
        return None

    readers = [asyncio.create_task(first()) for _ in range(50)]
    assert len({await reader for reader in readers}) == 1
    assert following.looks <= 3
    await asyncio.sleep(0.2)
    looks = following.looks
    await asyncio.sleep(0.2)
    assert following.looks == looks
    await following.close()


async def test_following_ends_when_the_message_is_deleted(api: Api) -> None:
    number = int(await sent(api))
    following = Following(soonest=0.02, slowest=0.02)
    seen = []
    async with asyncio.timeout(5):
        async for found in following.follow(number):
            seen.append(found.state.value)
            await execute(connection(), "UPDATE message SET deleted_at = 1 WHERE id = $1", number)

    assert seen == ["waiting"]
    await following.close()

"""Alipay Life Account in sandbox mode: throw-away secrets, and real proofs."""

from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors
from tests.providers.test_alipaylife import ALIPAYS_PUBLIC_PEM, OUR_PUBLIC_PEM, provider, sent
from ums.errors import ProviderRefused
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import State


async def test_in_the_sandbox_requests_are_proven_by_the_key_of_the_account(
    session: aiohttp.ClientSession, running: Sandbox
) -> None:
    running.play("alipaylife", Script.parse({"accounts": {"2014072300007148": OUR_PUBLIC_PEM}}))

    [outcome] = (await sent(provider(session, running.address, alipayPublicKey="sandbox-alipay"))).outcomes
    assert outcome.state is State.DELIVERED

    with pytest.raises(ProviderRefused, match=r"isv\.invalid-signature"):
        await sent(provider(session, running.address, privateKey="sandbox-key", alipayPublicKey="sandbox-alipay"))


async def test_in_the_sandbox_answers_are_proven_too_and_by_a_real_key_where_there_is_one(
    session: aiohttp.ClientSession, running: Sandbox
) -> None:
    async with session.get(f"{running.address.http}/alipaylife/public-key") as response:
        told = await response.text()

    [proven] = (await sent(provider(session, running.address, alipayPublicKey=told))).outcomes
    [doubted] = (await sent(provider(session, running.address, alipayPublicKey=ALIPAYS_PUBLIC_PEM))).outcomes

    assert (proven.state, doubted.state) == (State.DELIVERED, State.UNKNOWN)


async def test_throw_away_secrets_do_in_the_sandbox_and_only_there(
    session: aiohttp.ClientSession, running: Sandbox, doors: Doors
) -> None:
    secrets: dict[str, Any] = {"privateKey": "sandbox-shop-alipay-key", "alipayPublicKey": "sandbox-alipay-public-key"}

    [outcome] = (await sent(provider(session, running.address, **secrets))).outcomes
    assert outcome.state is State.DELIVERED

    with pytest.raises(ProviderRefused):
        await sent(provider(session, baseUrl=doors.url, **secrets))

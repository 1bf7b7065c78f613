"""Accounts of WeChat that authorized our third-party platform: messages, receipts, tokens, and what is withdrawn."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from tests.doors.wechat import DELIVERY_CHANNEL, MINI, OA, PLATFORM, STATUS, Wechat
from tests.doors.wechat import wechat as wechat
from tests.plants import tables
from ums.messaging.engine import running
from ums.vocabulary import State

SECRETS = ("sandbox-wechat-component-secret", "refreshtoken@@@", "ticket@@@")


def delivered(wechat: Wechat) -> None:
    for platform in ("wechatmp", "wechatoa"):
        wechat.api.sandbox.play(platform, wechat.api.sandbox.stages[platform].script.parse(RECEIPTS))


RECEIPTS = {"receipts": [{"match": "", "delivered": 1, "after": 0.5}]}


@pytest.mark.parametrize("code", ["mini", "oa", "news"])
async def test_a_message_goes_out_for_an_authorized_account_and_its_event_is_its_receipt(
    wechat: Wechat, code: str
) -> None:
    delivered(wechat)

    assert await wechat.sends(code) == State.SUBMITTED

    await wechat.becomes(wechat.state, State.DELIVERED)
    assert (await wechat.status(DELIVERY_CHANNEL.get(code, code)))["authorization"]["authorized"] == "YES"


async def test_both_accounts_share_the_platforms_ticket_and_token(wechat: Wechat) -> None:
    assert [await wechat.sends(code) for code in ("mini", "oa")] == [State.SUBMITTED] * 2

    assert len(wechat.component.tickets._known) == len(wechat.component.tokens._known) == 1


async def test_who_was_never_authorized_is_told_so_and_what_to_do(wechat: Wechat) -> None:
    await wechat.sends("oa")
    await wechat.withdraws()

    assert await wechat.sends("mini") == State.PLANNED

    status = await wechat.status("mini")
    assert status["authorization"] == {
        "authorized": "NOT_YET", "account": MINI, "title": "", "permissions": [], "since": None,
    }  # fmt: skip
    assert f"{MINI} has not authorized the third-party platform {PLATFORM}" in status["words"]
    assert "`ums wechat authorize mini`" in status["words"]
    assert (await wechat.status("app"))["authorization"] is None


async def test_what_an_administrator_withdraws_is_seen_at_once(wechat: Wechat) -> None:
    computer, _ = await wechat.opens(await wechat.invites())
    await wechat.confirms(computer)
    assert await wechat.sends("mini") == State.SUBMITTED

    async def authorized() -> object:
        return (await wechat.status("mini"))["authorization"]["authorized"]

    await wechat.withdraws()
    await wechat.becomes(authorized, "WITHDRAWN")

    assert await wechat.sends("mini") == State.PLANNED
    assert "has not authorized" in (await wechat.status("mini"))["words"]


async def test_what_was_not_granted_is_named_by_wechat(wechat: Wechat) -> None:
    await wechat.sends("mini")
    await wechat.withdraws(OA, (89,))

    assert await wechat.sends("oa") == State.PLANNED
    assert "api is unauthorized to component" in (await wechat.status("oa"))["words"]


async def test_an_access_token_that_ends_is_refreshed_and_the_refresh_token_with_it(wechat: Wechat) -> None:
    await wechat.sends("mini")
    first = wechat.component.refresh_tokens[MINI]
    wechat.components.void()

    assert await wechat.sends("mini") == State.SUBMITTED

    assert wechat.component.refresh_tokens[MINI] != first


async def test_a_refresh_token_whose_successor_got_lost_is_read_again(wechat: Wechat) -> None:
    await wechat.sends("mini")
    wechat.component.refresh_tokens[MINI] = "refreshtoken@@@another"
    wechat.components.void()

    assert await wechat.sends("mini") == State.SUBMITTED


async def test_a_platform_token_that_ends_is_fetched_anew(wechat: Wechat) -> None:
    await wechat.sends("mini")
    wechat.component.tokens.end()
    wechat.components.void()

    assert await wechat.sends("mini") == State.SUBMITTED


async def test_a_ticket_that_ended_is_asked_for_again(wechat: Wechat) -> None:
    await wechat.sends("mini")
    wechat.component.tickets.end()
    wechat.component.tokens.end()
    wechat.components.void()

    assert await wechat.sends("mini") == State.PLANNED
    await wechat.becomes(tickets(wechat), 1)
    time: Any = wechat.api.engine.clock
    time.passes(60_000)
    await wechat.api.works()

    assert await wechat.state() == State.SUBMITTED


def tickets(wechat: Wechat) -> Callable[[], Awaitable[object]]:
    async def count() -> object:
        return len(wechat.component.tickets._known)

    return count


async def test_several_workers_refresh_an_account_once(wechat: Wechat) -> None:
    await wechat.sends("mini")
    wechat.component.tokens.end()
    wechat.components.void()
    async with running(wechat.api.engine.settings, wechat.api.engine.clock) as another:
        workers = (wechat.api.engine, another)
        providers = [await one.connections.get(await one.snapshots.newest(), "mini") for one in workers]
        spoiled = await providers[0]._api.token()  # type: ignore[attr-defined]
        tokens = [p._api.token(spoiled) for p in providers for _ in range(5)]  # type: ignore[attr-defined]

        assert len(set(await asyncio.gather(*tokens)) - {spoiled}) == 1

    assert (len(wechat.components._tokens._known), len(wechat.component.tokens._known)) == (1, 1)


async def test_no_secret_is_in_a_table_a_log_or_an_answer(wechat: Wechat) -> None:
    with structlog.testing.capture_logs() as logs:
        links = await wechat.opens(await wechat.invites())
        await wechat.confirms(links[0])
        await wechat.sends("mini")
        await wechat.withdraws()
        await wechat.sends("mini")
        status = await wechat.asks(STATUS)

    shown = repr(logs) + repr(status) + await tables(wechat.api.engine.settings)
    assert MINI in shown
    assert [secret for secret in SECRETS if secret in shown] == []

"""SMTP: connections that are used again."""

import asyncio

import aiohttp
import pytest

from tests.providers.mail_server import HANG_UP, at, mail_server, mailer, submission, told
from ums.providers.smtp import pool as smtp_pool
from ums.vocabulary import State


async def test_connections_are_used_again_and_replaced_in_time(session: aiohttp.ClientSession) -> None:
    async with (
        mail_server() as server,
        mailer(session, **at(server), connections=1, messagesPerConnection=3) as provider,
    ):
        for _ in range(2):
            await provider.send(submission(*["ann@people.example"] * 4))

    assert (server.conversations, len(server.mails)) == (3, 8)
    assert server.verbs().count("QUIT") == 3


async def test_no_more_connections_are_opened_than_allowed(session: aiohttp.ClientSession) -> None:
    async with (
        mail_server() as server,
        mailer(session, **at(server), connections=3) as provider,
    ):
        many = submission(*["ann@people.example"] * 20)
        await asyncio.gather(*(provider.send(many) for _ in range(4)))

    assert (server.conversations, len(server.mails)) == (3, 80)


async def test_an_idle_connection_is_let_go(session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_pool, "IDLE_SECONDS", 0.05)
    async with (
        mail_server() as server,
        mailer(session, **at(server)) as provider,
    ):
        await provider.send(submission())
        await asyncio.sleep(0.2)
        await provider.send(submission())

    assert server.conversations == 2


async def test_a_closed_provider_lets_go_of_the_server(session: aiohttp.ClientSession) -> None:
    async with mail_server() as server:
        async with mailer(session, **at(server)) as provider:
            await provider.send(submission())
        assert server.verbs()[-1] == "QUIT"


@pytest.mark.parametrize(
    "said", [{"MAIL": ["421 closing", "250 OK"]}, {"MAIL": [HANG_UP, "250 OK"]}, {"RCPT": ["421 bye", "250 OK"]}]
)
async def test_a_conversation_that_ends_early_is_taken_up_again(
    session: aiohttp.ClientSession, said: dict[str, list[str]]
) -> None:
    async with mail_server(**said) as server:
        [outcome] = await told(session, server)

    assert outcome.state is State.DELIVERED
    assert (server.conversations, len(server.mails)) == (2, 1)


async def test_a_connection_that_was_closed_while_idle_is_no_failure(session: aiohttp.ClientSession) -> None:
    async with mail_server(dot=["250 OK", "250 OK"], MAIL=["250 OK", HANG_UP, "250 OK"]) as server:
        outcomes = await told(session, server, "ann@people.example", "ben@people.example")

    assert [outcome.state for outcome in outcomes] == [State.DELIVERED, State.DELIVERED]
    assert len(server.mails) == 2


async def test_connections_that_went_stale_together_are_no_failure(session: aiohttp.ClientSession) -> None:
    async with mail_server() as server:
        server.patience = 1
        async with mailer(session, **at(server), connections=2) as provider:
            await provider.send(submission("ann@people.example", "ben@people.example"))
            assert server.conversations == 2
            [outcome] = (await provider.send(submission("eve@people.example"))).outcomes

        assert (outcome.state, server.conversations) == (State.DELIVERED, 3)
        assert await server.deserted()


async def test_a_connection_that_was_told_to_close_is_not_used_again(session: aiohttp.ClientSession) -> None:
    async with mail_server(dot=["421 closing", "250 OK"]) as server:
        outcomes = await told(session, server, "ann@people.example", "ben@people.example")

    assert [outcome.state for outcome in outcomes] == [State.PLANNED, State.DELIVERED]
    assert server.conversations == 2


async def test_a_connection_in_use_does_not_grow_old(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_pool, "IDLE_SECONDS", 0.3)
    async with mail_server() as server, mailer(session, **at(server)) as provider:
        for _ in range(3):
            await provider.send(submission())
            await asyncio.sleep(0.18)

    assert server.conversations == 1


async def test_a_provider_closed_while_it_sends_closes_its_connections_when_it_has_sent(
    session: aiohttp.ClientSession,
) -> None:
    async with mail_server() as server:
        server.pause = 0.05
        async with mailer(session, **at(server)) as provider:
            sending = asyncio.create_task(provider.send(submission()))
            await asyncio.sleep(0.02)
        [outcome] = (await sending).outcomes

        assert outcome.state is State.DELIVERED
        assert await server.deserted()


async def test_a_conversation_that_was_cancelled_is_never_taken_up_again(session: aiohttp.ClientSession) -> None:
    async with mail_server() as server, mailer(session, **at(server), connections=1) as provider:
        server.pause = 0.1
        sending = asyncio.create_task(provider.send(submission()))
        while not server.mails:
            await asyncio.sleep(0.005)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await server.deserted()

        [outcome] = (await provider.send(submission())).outcomes

    assert (outcome.state, server.conversations) == (State.DELIVERED, 2)

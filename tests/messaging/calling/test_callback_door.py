"""The way out to developers' URLs leads to the public internet, and never takes long."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from ums.messaging.calling.callback_door import Door, Identity, opened_door
from ums.messaging.way_out import is_public
from ums.settings import Settings

ME = Identity("shop", "planted-secret")


@pytest.fixture
def settings_of_door(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path)


@pytest.fixture
async def guarded(settings_of_door: Settings) -> AsyncIterator[Door]:
    async with opened_door(settings_of_door) as door:
        yield door


@pytest.fixture
async def private(settings_of_door: Settings) -> AsyncIterator[Door]:
    async with opened_door(replace(settings_of_door, private_callbacks=True)) as door:
        yield door


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, list[web.Request]]]:
    """Answers what the path says; the requests that reached it."""
    reached: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        reached.append(request)
        await request.read()
        match request.path:
            case "/echo":
                return web.Response(text=request.query["echostr"])
            case "/deaf":
                return web.Response(text="hello")
            case "/elsewhere":
                raise web.HTTPFound("/echo?echostr=found")
            case "/endless":
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b"x" * 65536)
            case "/bomb":
                return web.Response(body=b"\x1f\x8b" + b"\0" * 100, headers={"Content-Encoding": "gzip"})
            case "/slow":
                await asyncio.sleep(30)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", reached
    await runner.cleanup()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1",
    ],
)  # fmt: skip
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_what_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
async def test_no_spelling_of_a_private_address_is_called(
    guarded: Door, server: tuple[str, list[web.Request]], host: str
) -> None:
    url, reached = server

    failure = await guarded.post(url.replace("127.0.0.1", host) + "/ok", b"[]", {})

    assert failure != ""
    assert reached == []


async def test_a_refusal_names_the_address_and_the_setting(guarded: Door) -> None:
    failure = await guarded.post("http://localhost:1/in", b"[]", {})

    assert "is not a public address; callbacks.allowPrivate in ums.yaml would allow it" in failure


async def test_a_name_is_judged_by_what_it_resolves_to_when_the_connection_is_made(
    guarded: Door, server: tuple[str, list[web.Request]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that was public when somebody looked, and is private when it is called."""
    url, reached = server
    port, asked = int(url.rpartition(":")[2]), []
    resolve = socket.getaddrinfo

    def rebinding(host: str, *given: object, **named: object) -> object:
        asked.append(host)
        return resolve("127.0.0.1", port, type=socket.SOCK_STREAM)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    failure = await guarded.post(f"http://public.example:{port}/ok", b"[]", {})

    assert "127.0.0.1 is not a public address" in failure
    assert (asked, reached) == (["public.example"], [])


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "file:///etc/passwd", "gopher://127.0.0.1/", "javascript:1", "x"]
)
async def test_only_http_is_spoken(private: Door, url: str) -> None:
    assert await private.post(url, b"[]", {}) == "not a http:// or https:// URL"


async def test_only_a_200_is_a_yes(private: Door, server: tuple[str, list[web.Request]]) -> None:
    url, reached = server

    assert await private.post(f"{url}/ok", b"[]", {}) == ""
    assert await private.post(f"{url}/elsewhere", b"[]", {}) == "HTTP 302"
    assert [request.path for request in reached] == ["/ok", "/elsewhere"]


async def test_neither_an_endless_answer_nor_a_compressed_one_costs_anything(
    private: Door, server: tuple[str, list[web.Request]]
) -> None:
    url, _ = server

    async with asyncio.timeout(5):
        assert await private.post(f"{url}/endless", b"[]", {}) == ""
        assert await private.post(f"{url}/bomb", b"[]", {}) == ""


async def test_a_slow_receiver_is_left_alone_in_time(
    settings_of_door: Settings, server: tuple[str, list[web.Request]]
) -> None:
    async with opened_door(replace(settings_of_door, private_callbacks=True), 0.2) as door:
        assert await door.post(f"{server[0]}/slow", b"[]", {}) == "no answer within 0.2 seconds"


async def test_nobody_there_is_said_so(private: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert "onnect" in await private.post(f"http://127.0.0.1:{port}/in", b"[]", {})


async def test_the_echostr_must_come_back(private: Door, server: tuple[str, list[web.Request]]) -> None:
    url, reached = server

    assert await private.echo(f"{url}/echo", ME) == ""
    assert await private.echo(f"{url}/deaf", ME) == "expected the echostr as the answer, found 'hello'"
    assert await private.echo(f"{url}/elsewhere", ME) == "HTTP 302"
    assert reached[0].headers["Authorization"].startswith("Basic ")
    assert len(reached[0].query["echostr"]) == 32


def test_an_identity_shows_no_secret() -> None:
    assert "planted-secret" not in repr(ME)

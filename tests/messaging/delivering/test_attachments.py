"""Files that go with a mail: read once for everybody, or a loss in clear words."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiohttp import web

from tests.shop import MINUTE, Shop, person
from ums.messaging.delivering.attachments import NotAttached, attachments
from ums.messaging.materials import HOUR, Upload, keep
from ums.models import Delivery, Message
from ums.vocabulary import Reason, State

PEOPLE = [f"u{n}" for n in range(250)]


@dataclass
class Files:
    """A server of files, and how often each was asked for."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    down: bool = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        match request.path:
            case _ if self.down:
                return web.Response(status=503)
            case "/named":
                named = {"Content-Disposition": "attachment; filename*=UTF-8''%E8%B4%A6%E5%8D%95.pdf"}
                return web.Response(body=b"%PDF", content_type="application/pdf", headers=named)
            case "/moved":
                raise web.HTTPFound("/named")
            case "/round":
                raise web.HTTPFound("/round")
            case "/endless":
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b"x" * 65536)
            case "/a%20bill.txt" | "/a bill.txt":
                return web.Response(body=b"10 yuan", headers={"Content-Type": "nonsense"})
        return web.Response(status=404)


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    made = Files()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
def open_shop(shop: Shop) -> Shop:
    """May fetch from this machine."""
    engine = replace(shop.engine, settings=replace(shop.engine.settings, private_attachments=True))
    return replace(shop, engine=engine)


async def material(shop: Shop, content: bytes = b"hello", name: str = "bill.txt") -> str:
    async def parts() -> AsyncIterator[bytes]:
        yield content

    return await keep(shop.engine, Upload("shop", name, "text/plain", len(content), 1), parts())


async def mails(shop: Shop, *urls: str, **options: Any) -> Message:
    content = {"email": {"subject": "Your bill", "text": '<a href="https://a.example">Here</a>', "files": list(urls)}}
    return await shop.sends({"users": {"userIds": PEOPLE}}, content=content, **options)


def attached(shop: Shop) -> list[list[tuple[str | None, bytes]]]:
    """Name and content of the files of each mail that arrived."""
    arrived = shop.sandbox.record("smtp").accepted
    parsed = [message_from_bytes(mail["raw"].encode("latin-1"), policy=default) for mail in arrived]
    return [[(a.get_filename(), a.get_payload(decode=True)) for a in mail.iter_attachments()] for mail in parsed]  # type: ignore[misc]


async def test_everybody_gets_the_files_and_they_are_fetched_once(open_shop: Shop, files: Files) -> None:
    await open_shop.knows(*(person(name, mail=f"{name}@example.org") for name in PEOPLE))
    await mails(open_shop, f"{files.url}/moved", await material(open_shop))

    await open_shop.works()

    assert attached(open_shop) == [[("账单.pdf", b"%PDF"), ("bill.txt", b"hello")]] * len(PEOPLE)
    assert files.asked == {"/moved": 1, "/named": 1}


async def test_a_file_without_a_name_or_a_type_is_called_as_its_url_ends(open_shop: Shop, files: Files) -> None:
    [found] = await attachments(open_shop.engine, 1, "shop", [f"{files.url}/a%20bill.txt"])

    assert (found.name, found.content_type, found.content) == ("a bill.txt", "text/plain", b"10 yuan")


def _to(where: str) -> Callable[[Files], str]:
    return lambda files: where if "://" in where else f"{files.url}{where}"


@pytest.mark.parametrize(
    ("where", "words", "later"),
    [
        (_to("/missing"), "answers HTTP 404", False),
        (_to("/endless"), "more than 20 MB", False),
        (_to("/round"), "TooManyRedirects", True),
        (_to("http://127.0.0.1:1/x"), "Connect call failed", True),
        (_to("http://localhost:8000/v1/material/guessed"), "never uploaded by this Channel", False),
    ],
)
async def test_what_cannot_be_had_says_why(
    open_shop: Shop, files: Files, where: Callable[[Files], str], words: str, later: bool
) -> None:
    with pytest.raises(NotAttached, match=words) as missing:
        await attachments(open_shop.engine, 1, "shop", [where(files)])

    assert missing.value.later is later


async def test_the_operators_own_network_is_out_of_reach(shop: Shop, files: Files) -> None:
    with pytest.raises(NotAttached, match=r"127\.0\.0\.1 is not a public address; attachments\.allowPrivate"):
        await attachments(shop.engine, 1, "shop", [f"{files.url}/named"])

    assert files.asked == {}


async def test_what_is_not_there_for_now_is_fetched_again_when_the_batch_is(open_shop: Shop, files: Files) -> None:
    await open_shop.knows(person("u1", mail="u1@example.org"))
    files.down = True
    message = await mails(open_shop, f"{files.url}/named")
    await open_shop.works()
    before = await Delivery.get(address="u1@example.org")
    files.down = False

    open_shop.time.passes(MINUTE)
    await open_shop.works()

    assert (before.state, before.code) == (State.PLANNED, "attachment")
    assert before.words.endswith("/named answers HTTP 503")
    assert (await open_shop.states(message))["u1"] is State.DELIVERED


async def test_a_material_whose_time_is_over_at_delivery_is_a_loss_in_words(shop: Shop) -> None:
    await shop.knows(person("u1", mail="u1@example.org"))
    url = await material(shop)
    await mails(shop, url)
    shop.time.passes(HOUR)

    await shop.works()

    lost = await Delivery.get(address="u1@example.org")
    assert (lost.state, lost.reason, lost.code) == (State.REFUSED, Reason.CONTENT.value, "attachment")
    assert lost.words == f"the material {url} was never uploaded by this Channel, or its time is over"
    assert not shop.sandbox.record("smtp").accepted


async def test_many_batches_that_begin_together_share_one_reading(open_shop: Shop, files: Files) -> None:
    reading = [attachments(open_shop.engine, 7, "shop", [f"{files.url}/named"]) for _ in range(5)]

    found = await asyncio.gather(*reading)

    assert all(one is found[0] for one in found)
    assert files.asked == {"/named": 1}

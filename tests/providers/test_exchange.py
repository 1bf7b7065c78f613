"""The HTTP exchange: every way in which it can go wrong, and who must act."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest

from tests.providers.conftest import Doors, body
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers import exchange
from ums.providers.exchange import Exchange, basic


@pytest.fixture
def api(doors: Doors, session: aiohttp.ClientSession) -> Exchange:
    return Exchange(session, doors.url, "Basic abc")


async def test_a_request_is_json_with_the_credentials(api: Exchange, doors: Doors) -> None:
    doors.answer(200, {"ok": True})

    reply = await api.post("/v3/push", {"name": "值"})

    sent = await doors.report("/v3/push")
    assert (sent.method, body(sent)) == ("POST", {"name": "值"})
    assert sent.headers["authorization"] == "Basic abc"
    assert sent.headers["content-type"] == "application/json"
    assert (reply.status, reply.answer()) == (200, {"ok": True})


def test_basic_credentials_are_those_of_the_documentation() -> None:
    expected = "Basic N2Q0MzFlNDJkZmE2YTZkNjkzYWMyZDA0OjVlOTg3YWM2ZDJlMDRkOTVhOWQ4ZjBkMQ=="

    assert basic("7d431e42dfa6a6d693ac2d04", "5e987ac6d2e04d95a9d8f0d1") == expected


@pytest.mark.parametrize("status", [429, 503])
async def test_busy_is_busy(api: Exchange, doors: Doors, status: int) -> None:
    doors.answer(status, b"too much")

    with pytest.raises(ProviderBusy, match="too much") as busy:
        await api.get("/")

    assert (busy.value.code, busy.value.retry_after) == (str(status), None)


@pytest.mark.parametrize("header", ["Retry-After", "X-Rate-Limit-Reset", "x-rate-limit-reset"])
async def test_a_busy_provider_says_for_how_long(api: Exchange, doors: Doors, header: str) -> None:
    doors.answer(429, {}, {header: "17"})

    with pytest.raises(ProviderBusy) as busy:
        await api.get("/")

    assert busy.value.retry_after == 17


async def test_a_busy_provider_may_name_the_time_instead(api: Exchange, doors: Doors) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    doors.answer(503, {}, {"Retry-After": until})

    with pytest.raises(ProviderBusy) as busy:
        await api.get("/")

    assert busy.value.retry_after == pytest.approx(100, abs=3)


async def test_nonsense_in_retry_after_is_left_out(api: Exchange, doors: Doors) -> None:
    doors.answer(503, {}, {"Retry-After": "soon"})

    with pytest.raises(ProviderBusy) as busy:
        await api.get("/")

    assert busy.value.retry_after is None


async def test_a_redirect_is_not_followed(api: Exchange, doors: Doors) -> None:
    doors.answer(302, {}, {"Location": "https://elsewhere.example/"})

    with pytest.raises(ProviderRefused, match=r"302: redirects to https://elsewhere\.example/"):
        await api.post("/", {})

    assert doors.reports.qsize() == 1


@pytest.mark.parametrize("base", ["https://127.0.0.1:1", "http://127.0.0.1:1", "http://nowhere.invalid"])
async def test_what_cannot_be_reached_got_nothing(session: aiohttp.ClientSession, base: str) -> None:
    with pytest.raises(ProviderBusy, match="no_connection"):
        await Exchange(session, base, "").post("/", {})


@pytest.mark.parametrize("base", ["nonsense", "ftp://files.example", "http://"])
async def test_a_base_that_is_no_url_is_for_the_operator(session: aiohttp.ClientSession, base: str) -> None:
    with pytest.raises(ProviderRefused, match="url"):
        await Exchange(session, base, "").post("/", {})


async def test_plain_http_behind_an_https_url_is_for_the_operator(session: aiohttp.ClientSession, doors: Doors) -> None:
    with pytest.raises(ProviderRefused, match="tls"):
        await Exchange(session, doors.url.replace("http:", "https:"), "").post("/", {})


async def test_a_connection_lost_after_sending_leaves_the_outcome_unknown(api: Exchange, doors: Doors) -> None:
    doors.hang_up()

    with pytest.raises(OutcomeUnknown):
        await api.post("/", {})


async def test_no_answer_in_time_leaves_the_outcome_unknown(
    api: Exchange, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "TIMEOUT", aiohttp.ClientTimeout(sock_read=0.1))
    doors.never_answer()

    with pytest.raises(OutcomeUnknown):
        await api.post("/", {})


@pytest.mark.parametrize("garbage", [b"", b"<html>", b"[1]", b"\xff\xfe", b'{"cut": '])
async def test_a_success_that_cannot_be_read_leaves_the_outcome_unknown(
    api: Exchange, doors: Doors, garbage: bytes
) -> None:
    doors.answer(200, garbage)
    reply = await api.post("/", {})

    with pytest.raises(OutcomeUnknown):
        reply.answer()


async def test_a_refusal_that_cannot_be_read_is_a_refusal_still(api: Exchange, doors: Doors) -> None:
    doors.answer(404, b"<html>not here")

    reply = await api.post("/", {})

    assert (reply.status, reply.answer(), reply.excerpt) == (404, {}, "<html>not here")

"""The door behind the links in messages."""

from tests.api.conftest import Api
from tests.api.test_sending import SEND
from tests.messaging.delivering.test_clicks import LINK, MAIL, written
from ums.messaging.delivering.links import make, signing_key
from ums.messaging.delivering.opens import DOT, dot_key
from ums.models import Delivery
from ums.vocabulary import State


async def test_over_http_a_click_redirects_and_looking_ahead_is_none(api: Api) -> None:
    group = {"type": "EMAIL", "addresses": ["ann@example.org"]}
    asked = {"audience": {"addresses": [group]}, "body": {"content": MAIL}}
    sent = await api.asks(SEND, input=asked)
    await api.works()
    token = LINK.findall(written(api.sandbox.record("smtp").accepted[0]))[0]

    async def states(method: str, door: str, **headers: str) -> tuple[int, str, int]:
        async with api.session.request(method, f"{api.url}/c/{door}", headers=headers, allow_redirects=False) as answer:
            assert not answer.history
            delivery = await Delivery.get(id=(int(sent["sendMessage"]["message"]["id"]) << 32) + 1)
            return answer.status, answer.headers.get("location", ""), delivery.state

    there = "https://shop.example/a"
    assert await states("GET", "x" * 26) == (404, "", State.DELIVERED)
    assert await states("HEAD", token) == (302, there, State.DELIVERED)
    assert await states("GET", token, **{"sec-purpose": "prefetch"}) == (302, there, State.DELIVERED)
    assert await states("GET", token) == (302, there, State.CLICKED)


async def test_over_http_the_dot_of_a_mail_is_a_picture_whoever_asks_and_only_a_look_is_noted(api: Api) -> None:
    group = {"type": "EMAIL", "addresses": ["ann@example.org"]}
    sent = await api.asks(SEND, input={"audience": {"addresses": [group]}, "body": {"content": MAIL}})
    await api.works()
    delivery_id = (int(sent["sendMessage"]["message"]["id"]) << 32) + 1
    token = make(dot_key(signing_key(api.engine.settings)), delivery_id, 0)

    async def shown(method: str, door: str) -> tuple[int, bytes, bool]:
        async with api.session.request(method, f"{api.url}/o/{door}.gif") as answer:
            assert answer.headers["cache-control"] == "no-store"
            return answer.status, await answer.read(), (await Delivery.get(id=delivery_id)).opened_at is not None

    assert await shown("GET", "guessed") == (200, DOT, False)
    assert await shown("HEAD", token) == (200, b"", False)
    assert await shown("GET", token) == (200, DOT, True)

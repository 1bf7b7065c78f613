"""The door behind the links in messages."""

from tests.api.conftest import Api
from tests.api.test_sending import SEND
from tests.messaging.delivering.test_clicks import LINK, MAIL, written
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

"""The engineers' log: what went over the wire, without what is secret or personal."""

import re

from tests.shop import SECOND, Shop, person
from ums.messaging.delivering.conclude import shown
from ums.models import Attempt

TO = {"users": {"userIds": ["ann"]}}


async def requests() -> list[list[str]]:
    """Of each attempt, ports and durations left out."""
    found = await Attempt.all().order_by("id")
    return [[re.sub(r":\d{4,5}/|\d+ ms|\d+ bytes", "*", line) for line in a.requests.splitlines()] for a in found]


async def test_an_attempt_shows_its_requests_answers_and_the_revision(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", busy=1)
    await shop.sends(TO)
    await shop.works()
    shop.time.passes(10 * SECOND)
    await shop.works()

    push = "POST http://127.0.0.1*jpush/v3/push, *: HTTP {}, *, *"
    cids = "GET http://127.0.0.1*jpush/v3/push/cid, *: HTTP 200, *, *"
    assert await requests() == [[cids, push.format(429)], [push.format(200)]]
    assert [a.revision for a in await Attempt.all()] == [1, 1]


async def test_an_answer_that_never_came_is_seen(shop: Shop) -> None:
    await shop.knows(person("ann", phone="+8613800000001"))
    shop.plays("jsms", loseAnswer=1)
    await shop.sends(TO, template="shipped", variables={"name": "Ann"}, delivery_channels=["sms"])
    await shop.works()

    [[line]] = await requests()
    assert line.endswith("/v1/messages/batch, *: no answer, *")


async def test_no_secret_and_no_address_is_written_down(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"], staff="staff-ann"))
    await shop.sends(TO, "staff", content={"wecom": {"msgtype": "text", "text": {"content": "hello"}}})
    await shop.sends(TO)
    await shop.works()

    written = "\n".join(a.requests for a in await Attempt.all())
    assert "v3/push" in written
    assert not [word for word in ("rid-ann", "staff-ann", "access_token", "secret", "?") if word in written]


def test_of_many_requests_the_first_ten_are_kept() -> None:
    assert shown([f"request {n}" for n in range(12)]).splitlines() == [
        *(f"request {n}" for n in range(10)),
        "and 2 more",
    ]

"""Materials that a send names: there for its Channel, and for long enough, or the send is refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.messaging.delivering.test_media import material
from tests.shop import Shop
from ums.errors import CallerRefused, Problem
from ums.messaging.after.again import forward
from ums.messaging.after.scheduled import update
from ums.messaging.materials import HOUR
from ums.messaging.sending import recurring
from ums.messaging.sending.recur import recur
from ums.messaging.sending.recurring import Wish
from ums.messaging.sending.request import SendRequest
from ums.models import Message, Occurrence
from ums.snapshot import Body

STAFF = {"users": {"userIds": ["ann"]}}
GONE = 24 * HOUR
"""When a material of `material` is over."""


def wecom(url: str) -> dict[str, Any]:
    return {"wecom": {"msgtype": "file", "file": {"url": url}}}


def news(url: str) -> dict[str, Any]:
    article = {"title": "Menu", "content": "<p>Soup</p>", "thumb_url": url}
    return {
        "wecom": {"msgtype": "mpnews", "mpnews": {"articles": [article | {"thumb_url": "https://a.example"}, article]}}
    }


def ding(url: str) -> dict[str, Any]:
    return {"dingtalk": {"msg": {"msgtype": "image", "image": {"url": url}}}}


PLACES = [
    (wecom, "wecom.file.url"),
    (news, "wecom.mpnews.articles[1].thumb_url"),
    (ding, "dingtalk.msg.image.url"),
]


async def staff(shop: Shop) -> Body:
    channel = (await shop.engine.snapshots.newest()).channel("staff")
    assert channel is not None
    return channel


def told(refused: pytest.ExceptionInfo[CallerRefused]) -> list[tuple[str, str]]:
    problems: list[Problem] = refused.value.problems
    return [(problem.code, problem.path) for problem in problems]


@pytest.mark.parametrize(("content", "place"), PLACES)
async def test_a_material_of_another_channel_is_refused_where_it_stands(shop: Shop, content: Any, place: str) -> None:
    url = await material(shop, "menu.pdf", b"%PDF the menu", channel="shop")

    with pytest.raises(CallerRefused) as refused:
        await shop.sends(STAFF, "staff", content=content(url))

    assert told(refused) == [("unknown_material", f"input.body.content.{place}")]


@pytest.mark.parametrize(("content", "place"), PLACES)
async def test_a_material_that_is_gone_when_the_message_is_sent_is_refused(
    shop: Shop, content: Any, place: str
) -> None:
    url = await material(shop, "menu.pdf", b"%PDF the menu")
    over = shop.time() + GONE

    with pytest.raises(CallerRefused) as refused:
        await shop.sends(STAFF, "staff", content=content(url), send_at=over)

    assert told(refused) == [("material_expires", f"input.body.content.{place}")]
    assert (await shop.sends(STAFF, "staff", content=content(url), send_at=over - 1)).id


async def test_any_other_url_is_no_material(shop: Shop) -> None:
    assert (await shop.sends(STAFF, "staff", content=wecom("https://shop.example/menu.pdf"))).id


@pytest.mark.parametrize("changes", [{"send_at": GONE}, {"content": "guessed"}])
async def test_a_scheduled_message_cannot_be_changed_to_what_its_material_does_not_allow(
    shop: Shop, changes: Mapping[str, Any]
) -> None:
    url, now = await material(shop, "menu.pdf", b"%PDF the menu"), shop.time()
    message = await shop.sends(STAFF, "staff", content=ding(url), send_at=now + HOUR)
    wanted = {"send_at": now + GONE} if "send_at" in changes else {"content": ding(f"{url}x")}

    with pytest.raises(CallerRefused) as refused:
        await update(shop.engine, await staff(shop), message.id, wanted)

    code = "material_expires" if "send_at" in changes else "unknown_material"
    assert told(refused) == [(code, "input.body.content.dingtalk.msg.image.url")]
    kept = await Message.get(id=message.id)
    assert (kept.send_at, kept.content) == (now + HOUR, ding(url))


async def test_a_message_whose_material_is_gone_is_not_forwarded(shop: Shop) -> None:
    message = await shop.sends(STAFF, "staff", content=wecom(await material(shop, "menu.pdf", b"%PDF the menu")))
    shop.time.passes(GONE)

    with pytest.raises(CallerRefused) as refused:
        await forward(shop.engine, await staff(shop), message.id, {})

    assert told(refused) == [("material_expires", "input.body.content.wecom.file.url")]


async def test_a_recurring_message_is_refused_once_its_material_is_gone(shop: Shop) -> None:
    request = SendRequest(STAFF, wecom(await material(shop, "menu.pdf", b"%PDF the menu")))
    wrong = replace(request, content=wecom("http://localhost:8000/v1/material/guessed"))
    with pytest.raises(CallerRefused) as refused:
        await recurring.create(shop.engine, await staff(shop), Wish(wrong, "0 9 * * *"))
    daily = await recurring.create(shop.engine, await staff(shop), Wish(request, "0 9 * * *"))

    for _ in range(2):
        shop.time.passes(GONE)
        await recur(shop.engine)

    assert told(refused) == [("unknown_material", "input.message.body.content.wecom.file.url")]
    came = await Occurrence.filter(recurring_id=daily.id).order_by("at")
    assert [row.outcome for row in came] == ["refused", "refused"]
    assert [problem["code"] for problem in came[0].problems] == ["material_expires"]

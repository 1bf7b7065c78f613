"""The templates of a WeChat account, and the public library, as the stand-in keeps them."""

from collections.abc import Sequence

import aiohttp
import pytest

from tests.providers import test_wechatmp, test_wechatoa
from tests.providers.conftest import Doors
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.wechat.mini_program import Wechatmp
from ums.providers.wechat.official_account import Wechatoa
from ums.providers.wechat.templates import Category, Industries, Keyword, Kind, WechatTemplate
from ums.sandbox import Sandbox
from ums.sandbox.wechat.library import SAMPLE
from ums.vocabulary import State

ORDER = [("character_string1", "Order"), ("thing2", "Goods")]


@pytest.fixture
def oa(session: aiohttp.ClientSession, running: Sandbox) -> Wechatoa:
    return test_wechatoa.provider(session, running.address)


@pytest.fixture
def mini(session: aiohttp.ClientSession, running: Sandbox) -> Wechatmp:
    return test_wechatmp.provider(session, running.address)


async def test_an_official_account_has_templates_of_both_kinds(oa: Wechatoa) -> None:
    picked = await oa.library.pick(1001, [1, 2], "Orders")

    assert await oa.templates() == [
        WechatTemplate(SAMPLE["template_id"], SAMPLE["title"], SAMPLE["content"], SAMPLE["example"], Kind.MESSAGE),
        WechatTemplate(
            picked,
            "Order news 1",
            "Order:{{character_string1.DATA}}\nGoods:{{thing2.DATA}}\n",
            "Order:2026112300001\nGoods:Tea\n",
            Kind.ONE_TIME,
        ),
    ]


async def test_a_mini_program_has_those_of_subscription_messages(mini: Wechatmp) -> None:
    assert await mini.templates() == []

    picked = await mini.library.pick(1010, [4, 2], "Payments")

    [template] = await mini.templates()
    assert (template.id, template.kind, template.keys) == (picked, Kind.LONG_TERM, ["time4", "thing2"])


@pytest.mark.parametrize("text", ["{{thing1.DATA}}\nx:{{time4.DATA}}", "{ {thing1.DATA} }{{ time4.DATA }}"])
def test_the_keys_of_a_template_are_read_from_its_text(text: str) -> None:
    assert WechatTemplate("T", "title", text, "", Kind.MESSAGE).keys == ["thing1", "time4"]


async def test_the_public_library_is_read_page_by_page(oa: Wechatoa) -> None:
    assert await oa.library.categories() == [Category(616, "Retail"), Category(307, "Delivery")]

    first, second = await oa.library.titles([616]), await oa.library.titles([616, 307], start=30)

    assert (first.count, second.count) == (40, 40)
    assert [title.id for title in [*first.templates, *second.templates]] == list(range(1001, 1041))
    assert {title.kind for title in first.templates} == {Kind.ONE_TIME, Kind.LONG_TERM}
    keywords = await oa.library.keywords(first.templates[0].id)
    assert keywords[0] == Keyword(1, "Order", "2026112300001", "character_string")
    assert [keyword.key for keyword in keywords] == ["character_string1", "thing2", "amount3", "time4"]


async def test_a_picked_template_can_be_sent_until_it_is_deleted(mini: Wechatmp) -> None:
    picked = await mini.library.pick(1001, [2, 3], "Orders")
    whole = {"template_id": picked, "data": {"thing2": {"value": "Tea"}, "amount3": {"value": "12.50"}}}
    part = whole | {"data": {"thing2": {"value": "Tea"}}}

    sent = await mini.send(test_wechatmp.submission(whole))
    incomplete = await mini.send(test_wechatmp.submission(part))
    await mini.library.delete(picked)
    afterwards = await mini.send(test_wechatmp.submission(whole))

    codes = [answer.outcomes[0].code for answer in (sent, incomplete, afterwards)]
    assert sent.outcomes[0].state is State.DELIVERED
    assert codes == ["", "47003", "40037"]
    assert await mini.templates() == []


async def test_template_messages_have_industries_and_can_be_deleted(oa: Wechatoa) -> None:
    assert await oa.messages.industries() == Industries(("IT", "Internet/E-commerce"), ("Logistics", "Express"))

    await oa.messages.delete(SAMPLE["template_id"])

    assert await oa.templates() == []
    with pytest.raises(ProviderRefused, match="40037"):
        await oa.messages.delete(SAMPLE["template_id"])


@pytest.mark.parametrize(
    ("tid", "kids", "scene", "code"),
    [
        (999, [1, 2], "Orders", "200014"),
        (1001, [1], "Orders", "200020"),
        (1001, [1, 9], "Orders", "200020"),
        (1001, [1, 2], "O" * 16, "200021"),
    ],
)
async def test_what_cannot_be_picked_is_refused_in_wechats_words(
    oa: Wechatoa, tid: int, kids: Sequence[int], scene: str, code: str
) -> None:
    with pytest.raises(ProviderRefused) as refused:
        await oa.library.pick(tid, kids, scene)

    assert refused.value.code == code


async def test_the_same_template_is_picked_once_and_25_are_the_most(oa: Wechatoa) -> None:
    for tid in range(1001, 1026):
        await oa.library.pick(tid, [1, 2], "Orders")

    with pytest.raises(ProviderRefused, match="200022"):
        await oa.library.pick(1001, [1, 2], "Orders")
    with pytest.raises(ProviderRefused, match="200012"):
        await oa.library.pick(1026, [1, 2], "Orders")


async def test_a_template_that_is_not_there_cannot_be_deleted(oa: Wechatoa) -> None:
    with pytest.raises(ProviderRefused, match="20002"):
        await oa.library.delete("another")


@pytest.fixture
def told(session: aiohttp.ClientSession, doors: Doors) -> Wechatoa:
    """Talks to `doors` as if they were WeChat, which begin with a token."""
    doors.answer(200, test_wechatoa.TOKEN)
    return test_wechatoa.provider(session, baseUrl=doors.url)


async def test_titles_are_asked_for_as_the_reference_says(told: Wechatoa, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "count": 0, "data": []})

    await told.library.titles([616, 307], start=30, limit=20)

    await doors.report("/cgi-bin/stable_token")
    asked = await doors.report("/wxaapi/newtmpl/getpubtemplatetitles")
    expected = {"access_token": "token-1", "ids": "616,307", "start": "30", "limit": "20"}
    assert (asked.method, asked.query) == ("GET", expected)


@pytest.mark.parametrize("code", [48001, 200100])
async def test_an_account_without_subscription_notifications_has_the_others(
    told: Wechatoa, doors: Doors, code: int
) -> None:
    doors.answer(200, {"template_list": [SAMPLE]})
    doors.answer(200, {"errcode": code, "errmsg": "not granted"})

    assert [template.kind for template in await told.templates()] == [Kind.MESSAGE]


async def test_an_account_that_is_granted_nothing_is_for_the_operator(told: Wechatoa, doors: Doors) -> None:
    for _ in range(2):
        doors.answer(200, {"errcode": 48001, "errmsg": "api unauthorized"})

    with pytest.raises(ProviderRefused, match="48001"):
        await told.templates()


@pytest.mark.parametrize("code", [-1, 20001, 200001, 45009, 45011])
async def test_templates_that_cannot_be_had_now_may_be_had_later(told: Wechatoa, doors: Doors, code: int) -> None:
    doors.answer(200, {"errcode": code, "errmsg": "so it is"})

    with pytest.raises(ProviderBusy, match=f"{code}: so it is"):
        await told.templates()


async def test_a_lost_list_may_be_asked_for_again(told: Wechatoa, doors: Doors) -> None:
    doors.answer(502, b"<html>")

    with pytest.raises(ProviderBusy):
        await told.templates()


@pytest.mark.parametrize(
    "whole", [{}, {"template_list": None}, {"template_list": [1]}, {"template_list": [{"template_id": "T"}]}]
)
async def test_a_list_that_cannot_be_read_is_not_an_empty_one(
    told: Wechatoa, doors: Doors, whole: dict[str, object]
) -> None:
    doors.answer(200, whole)

    with pytest.raises(OutcomeUnknown):
        await told.templates()


async def test_whether_a_template_was_picked_may_be_unknown(told: Wechatoa, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok"})
    with pytest.raises(OutcomeUnknown):
        await told.library.pick(1001, [1, 2], "Orders")

    doors.hang_up()
    with pytest.raises(OutcomeUnknown):
        await told.library.pick(1001, [1, 2], "Orders")

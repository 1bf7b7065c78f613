"""The variables of a template: what a send gives is held against their declaration, and fitted into each type."""

from typing import Any

import pytest

from tests.messaging.sending.test_sensitive_words import LIST, declares
from tests.shop import Shop
from ums.errors import CallerRefused
from ums.messaging.sending.preview import preview
from ums.messaging.sending.render import render

ANN = {"users": {"userIds": ["ann"]}}
TYPED = """---
apiVersion: ums/v1
kind: Template
channel: shop
name: typed
variables:
  who: {maxLength: 5, example: Ann}
  price: {type: number, default: "9.50"}
  link: {type: url, example: "https://shop.example/o"}
  day: {type: date, example: "2026-11-23"}
content:
  app: {platform: all, notification: {alert: '{{who}} {{price}} {{link}} {{day}}'}}
  email: {subject: "For {{who}}", text: "<a href='{{link}}'>{{who}}</a> {{price}} {{day}}"}
"""
RIGHT: dict[str, Any] = {"who": "Bob", "link": "https://a.example/?a=1&b=2", "day": "2026-12-24"}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("who", "Robert", "found 6 characters, expected at most 5, the variable's maxLength"),
        ("who", None, "found null, expected text or a number"),
        ("who", True, "found true, expected text or a number"),
        ("who", ["Bob"], 'found ["Bob"], expected text or a number'),
        ("price", "9,50", "found '9,50', expected a number, as in 12 or 9.50"),
        ("price", "12 yuan", "found '12 yuan', expected a number, as in 12 or 9.50"),
        ("link", "ftp://a", "found 'ftp://a', expected a URL that begins with http:// or https://"),
        ("link", "javascript:a", "found 'javascript:a', expected a URL that begins with http:// or https://"),
        ("day", "24.12.2026", "found '24.12.2026', expected a date, as in 2026-11-23"),
        ("day", "2026-02-30", "found '2026-02-30', which is no day of the calendar"),
    ],
)
async def test_a_value_that_its_variable_does_not_take_is_a_problem(
    shop: Shop, name: str, value: object, message: str
) -> None:
    await declares(shop, TYPED)

    with pytest.raises(CallerRefused) as caught:
        await shop.sends(ANN, template="typed", variables={**RIGHT, name: value})

    [problem] = caught.value.problems
    path = f"input.body.template.variables.{name}"
    assert (problem.code, problem.path, problem.message) == ("invalid_variable", path, message)


async def test_numbers_may_be_given_as_numbers(shop: Shop) -> None:
    await declares(shop, TYPED)

    for price, text in ((12, "12"), (-9.5, "-9.5")):
        message = await shop.sends(ANN, template="typed", variables={**RIGHT, "price": price})
        assert message.content["app"]["notification"]["alert"].split()[1] == text


async def test_a_value_brings_no_markup_into_html_and_stays_itself_elsewhere(shop: Shop) -> None:
    await declares(shop, TYPED)

    message = await shop.sends(ANN, template="typed", variables={**RIGHT, "who": '<b>&"'})

    assert message.content["app"]["notification"]["alert"] == '<b>&" 9.50 https://a.example/?a=1&b=2 2026-12-24'
    assert message.content["email"] == {
        "subject": 'For <b>&"',
        "text": "<a href='https://a.example/?a=1&amp;b=2'>&lt;b&gt;&amp;&quot;</a> 9.50 2026-12-24",
    }


def test_the_articles_of_wecom_take_values_as_text_too() -> None:
    article = {"title": "{{who}}", "thumb_media_id": "m", "content": "<p>{{who}}</p>"}

    made = render({"wecom": {"msgtype": "mpnews", "mpnews": {"articles": [article]}}}, {"who": "<b>&"})

    assert made["wecom"]["mpnews"]["articles"] == [
        {"title": "<b>&", "thumb_media_id": "m", "content": "<p>&lt;b&gt;&amp;</p>"}
    ]


async def test_a_preview_takes_defaults_and_then_examples(shop: Shop) -> None:
    await declares(shop, TYPED)
    snapshot = await shop.engine.snapshots.newest()
    channel = snapshot.channel("shop")
    assert channel is not None

    found = preview(snapshot, channel, "typed", {"who": "Eve"})

    assert found.problems == []
    assert found.content["app"]["notification"]["alert"] == "Eve 9.50 https://shop.example/o 2026-11-23"


async def test_a_preview_has_the_problems_of_a_send(shop: Shop) -> None:
    await declares(shop, TYPED + LIST.replace("lottery", "Eve"))
    snapshot = await shop.engine.snapshots.newest()
    channel = snapshot.channel("shop")
    assert channel is not None

    def problems(name: str, given: Any) -> list[tuple[str, str]]:
        return [(problem.code, problem.path) for problem in preview(snapshot, channel, name, given).problems]

    assert problems("typed", {"who": "Robert"}) == [("invalid_variable", "variables.who")]
    assert problems("typed", {"whom": "Ann"}) == [("unknown_variable", "variables.whom")]
    assert problems("shipped", {}) == [("missing_variable", "variables.name")]
    assert problems("shiped", {}) == [("unknown_template", "name")]
    assert ("sensitive_word", "content.app.notification.alert") in problems("typed", {"who": "Eve"})

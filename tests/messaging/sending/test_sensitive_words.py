"""No message of a Channel goes out with one of its sensitive words, whatever its type and wherever the word stands."""

import pytest

from tests.shop import APP, Shop
from ums.errors import CallerRefused
from ums.messaging.sending.content import word_search
from ums.models import Message
from ums.reconcile import reconcile

ANN = {"users": {"userIds": ["ann"]}}
SMS_CODE = "input.body.content.sms.temp_para.code"
LIST = """---
apiVersion: ums/v1
kind: SensitiveWords
channel: shop
name: law
match: {ignoreSpaces: true}
words: [lottery, {word: parcel, enabled: false}]
"""


async def declares(shop: Shop, added: str = "", *changed: tuple[str, str]) -> None:
    """The shop's file with this behind it, applied."""
    declared = shop.engine.settings.config / "shop.yaml"
    text = declared.read_text() + added
    for old, new in changed:
        assert old in text
        text = text.replace(old, new)
    declared.write_text(text)
    await reconcile(shop.engine.settings, write=True)
    shop.engine.snapshots.look_again()


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"app": {**APP, "notification": {"alert": "a lottery"}}}, "input.body.content.app.notification.alert"),
        ({"app": {**APP, "notification": {"alert": "{{lottery}}"}}}, "input.body.content.app.notification.alert"),
        ({"sms": {"temp_id": 1, "temp_para": {"code": "https://a.example/双11lottery"}}}, SMS_CODE),
        ({"sms": {"temp_id": 1, "temp_para": {"code": "lo ttery"}}}, SMS_CODE),
        ({"email": {"subject": "s", "text": "<p>Lot<b>tery</b></p>"}}, "input.body.content.email.text"),
        ({"email": {"subject": "l.o.t.t.e.r.y", "text": "t"}}, "input.body.content.email.subject"),
    ],
)
async def test_a_send_with_a_sensitive_word_is_refused_at_its_place(
    shop: Shop, content: dict[str, object], path: str
) -> None:
    await declares(shop, LIST)

    with pytest.raises(CallerRefused) as caught:
        await shop.sends(ANN, content=content)

    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("sensitive_word", path)]
    assert await Message.all().count() == 0


async def test_the_value_of_a_variable_is_searched_in_what_it_makes(shop: Shop) -> None:
    await declares(shop, LIST)

    with pytest.raises(CallerRefused) as caught:
        await shop.sends(ANN, template="shipped", variables={"name": "Lottery"})

    problems = {problem.path: problem.message for problem in caught.value.problems}
    where = ("app.notification.alert", "sms.temp_para.name", "email.subject", "email.text")
    assert problems.keys() == {f"input.body.template.{place}" for place in where}
    message = "found 'lottery' of the SensitiveWords law in 'Lottery, your parcel left w...'; say it in other words"
    assert problems["input.body.template.app.notification.alert"] == message


async def test_another_channel_a_link_and_a_word_switched_off_are_free(shop: Shop) -> None:
    await declares(shop, LIST)

    await shop.sends(ANN, "ops", content={"app": {**APP, "notification": {"alert": "a lottery"}}})
    await shop.sends(ANN, content={"app": {**APP, "notification": {"alert": "https://a.example/lottery parcel"}}})


async def test_a_channel_that_switches_it_off_is_not_searched_at_all(shop: Shop) -> None:
    await declares(
        shop, LIST, ("deliveryChannels: [app, sms, mail]", "deliveryChannels: [app, sms, mail]\nsensitiveWords: false")
    )

    await shop.sends(ANN, content={"app": {**APP, "notification": {"alert": "a lottery"}}})


async def test_a_list_that_changes_holds_for_the_next_send(shop: Shop) -> None:
    lottery = {"app": {**APP, "notification": {"alert": "a lottery"}}}
    await shop.sends(ANN, content=lottery)
    await declares(shop, LIST)
    with pytest.raises(CallerRefused):
        await shop.sends(ANN, content=lottery)

    await declares(shop, "", ("words: [lottery, ", "words: [casino, "))

    await shop.sends(ANN, content=lottery)


async def test_the_search_is_kept_across_revisions_that_leave_the_lists_alone(shop: Shop) -> None:
    await declares(shop, LIST)
    await shop.sends(ANN)
    before = await shop.engine.snapshots.newest()
    channel = before.channel("shop")
    assert channel is not None

    await declares(shop, "", ("title: Shop App", "title: Another App"))

    after = await shop.engine.snapshots.newest()
    assert after.revision == before.revision + 1
    assert after.searches.ready("shop", after.word_lists(channel)) is word_search(before, channel)

"""Between a send and its being sent: sensitive words and quiet times, as an application meets them."""

import html
from datetime import UTC, datetime
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any

from tests.api.conftest import Api
from tests.api.test_messages import UPSERT, knows_ann_and_bob
from tests.api.test_scheduled import FORWARD, UPDATE, code
from tests.api.test_sending import CONTENT, SEND, TO_ANN, problems
from tests.test_sensitive import WIDE
from ums.reconcile import reconcile

WORDS = """apiVersion: ums/v1
kind: SensitiveWords
channel: shop
name: law
match: {ignoreSpaces: true}
words: [lottery, {word: parcel, enabled: false}]
"""
# The shop's clock stands at 2027-01-15T08:00Z: midnight there.
NIGHT = """deliveryChannels: [app, sms, mail]
timeZone: America/Los_Angeles
doNotDisturb:
  {mode: %s, priorities: [medium, low], periods: [{from: '12:00', to: '13:00'}, {from: '22:00', to: '07:00'}]}
"""
MORNING = "2027-01-15T15:00:00+00:00"
HOUR = 3_600_000


async def declares(api: Api, old: str, new: str) -> None:
    """The shop's documents with this changed, applied."""
    file = api.engine.settings.config / "shop.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()


async def declares_words(api: Api) -> None:
    first = "# A small shop"
    await declares(api, first, f"{WORDS}---\n{first}")


async def accepted(api: Api, **given: Any) -> str:
    payload = (await api.asks(SEND, input={**TO_ANN, "body": CONTENT, **given}))["sendMessage"]
    assert payload["problems"] == []
    message: str = payload["message"]["id"]
    return message


def passes(api: Api, ms: int) -> None:
    api.engine.clock.passes(ms)  # type: ignore[attr-defined]  # the fixture's own clock


def pushed(api: Api) -> int:
    return len(api.sandbox.record("jpush").addresses)


async def test_a_sensitive_word_in_any_disguise_stops_a_send_and_is_told_where_it_stands(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares_words(api)

    for disguise in ("Lottery", WIDE, "l-o.t t_e*r y", "lot\u200btery"):
        body = {"content": {"app": {"platform": "all", "notification": {"alert": f"win the {disguise} now"}}}}
        ((found, path, message),) = await problems(api, **TO_ANN, body=body)
        assert (found, path) == ("sensitive_word", "input.body.content.app.notification.alert")
        assert message.startswith("found 'lottery' of the SensitiveWords law in 'win the ")
    variables = {"template": {"name": "shipped", "variables": {"name": "Lottery"}}}
    made = {path for _, path, _ in await problems(api, **TO_ANN, body=variables)}
    assert "input.body.template.app.notification.alert" in made
    await api.works()
    assert pushed(api) == 0


async def test_a_word_or_a_channel_that_is_switched_off_stops_nothing(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares_words(api)
    await accepted(api, body={"content": {"app": {"platform": "all", "notification": {"alert": "your parcel"}}}})
    lottery = {"content": {"app": {"platform": "all", "notification": {"alert": "the lottery"}}}}
    assert await problems(api, **TO_ANN, body=lottery) != []

    await declares(api, "[app, sms, mail]", "[app, sms, mail]\nsensitiveWords: false")

    await accepted(api, body=lottery)
    await api.works()
    assert pushed(api) == 2


async def test_a_value_stays_itself_in_a_push_and_brings_no_markup_into_an_email(api: Api) -> None:
    addresses = [{"type": "APP", "bind": "app", "values": ["rid-1"]}, {"type": "EMAIL", "values": ["a@example.org"]}]
    await api.asks(UPSERT, users=[{"userId": "ann", "set": {"addresses": addresses}}])
    name = '"}, {"x": 1} <b>\\n &\t'

    await accepted(api, body={"template": {"name": "shipped", "variables": {"name": name}}})
    await api.works()

    (push,), (mail,) = (api.sandbox.record(platform).accepted for platform in ("jpush", "smtp"))
    assert push["push"]["notification"] == {"alert": f"{name}, your parcel left with our own van"}
    body = message_from_string(mail["raw"], policy=policy.default).get_body(("html",))
    assert isinstance(body, EmailMessage)
    assert body.get_content().strip() == f"<p>Dear {html.escape(name)}, it left with our own van.</p>"


async def test_what_a_send_does_not_say_its_channel_says(api: Api) -> None:
    await knows_ann_and_bob(api)
    defaults = "[app, sms, mail]\ndefaults: {priority: low, policy: app-then-sms}"
    await declares(api, "[app, sms, mail]", defaults)
    body = {"content": {**CONTENT["content"], "sms": {"temp_id": 1}}}
    direct = {"addresses": [{"type": "APP", "addresses": ["rid-9"]}]}

    said = [
        await accepted(api, body=body),
        await accepted(api, body=body, priority="HIGH", policy=""),
        await accepted(api, body=body, deliveryChannels=["app"]),
        await accepted(api, body=body, audience=direct),
    ]

    query = "query ($id: ID!) { message(id: $id) { priority policy } }"
    found = [tuple((await api.asks(query, id=message))["message"].values()) for message in said]
    assert found == [("LOW", "app-then-sms"), ("HIGH", ""), ("LOW", ""), ("LOW", "")]
    needs = "sms needs content of type sms, the body has app"
    assert await problems(api, **TO_ANN, body=CONTENT) == [("no_content", "input.policy", needs)]


async def test_at_night_a_send_is_refused_until_the_morning_of_the_channels_zone(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares(api, "deliveryChannels: [app, sms, mail]\n", NIGHT % "reject")

    for priority in ("MEDIUM", "LOW"):
        ((found, path, message),) = await problems(api, **TO_ANN, body=CONTENT, priority=priority)
        assert (found, path) == ("do_not_disturb", "input.sendAt")
        assert "send at or after 2027-01-15T07:00:00-08:00" in message
    await accepted(api, priority="HIGH")
    await api.works()
    assert pushed(api) == 1
    passes(api, 7 * HOUR - 1)
    assert await problems(api, **TO_ANN, body=CONTENT) != []
    passes(api, 1)
    await accepted(api)
    noon = datetime(2027, 1, 15, 20, 30, tzinfo=UTC).isoformat()
    assert [problem for problem, *_ in await problems(api, **TO_ANN, body=CONTENT, sendAt=noon)] == ["do_not_disturb"]
    await api.works()
    assert pushed(api) == 2


async def test_a_change_and_a_forward_keep_the_words_and_the_quiet_times_too(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares_words(api)
    await declares(api, "deliveryChannels: [app, sms, mail]\n", NIGHT % "reject")
    message = await accepted(api, sendAt=MORNING)
    lottery = {"body": {"content": {"app": {"platform": "all", "notification": {"alert": "the lottery"}}}}}
    night = {"sendAt": datetime(2027, 1, 16, 8, tzinfo=UTC).isoformat()}

    for query, still in ((UPDATE, {}), (FORWARD, {"sendAt": MORNING})):
        for change, found in (({**still, **lottery}, "sensitive_word"), (night, "do_not_disturb")):
            assert code(await api.asks(query, id=message, input=change)) == found
    passes(api, 7 * HOUR)
    await api.works()

    assert [said["push"]["notification"] for said in api.sandbox.record("jpush").accepted] == [{"alert": "hello"}]


async def test_at_night_a_deferred_send_waits_for_the_morning_and_can_be_called_off_until_then(api: Api) -> None:
    await knows_ann_and_bob(api)
    await declares(api, "deliveryChannels: [app, sms, mail]\n", NIGHT % "defer")
    waits, dropped = await accepted(api), await accepted(api, priority="LOW")
    query = "query ($id: ID!) { message(id: $id) { state sendAt deferredFrom } }"

    found = (await api.asks(query, id=waits))["message"]
    await api.asks("mutation ($id: ID!) { recallMessage(id: $id) { problems { code } } }", id=dropped)
    passes(api, 7 * HOUR - 1)
    await api.works()
    early = pushed(api)
    passes(api, 1)
    await api.works()

    assert found == {"state": "WAITING", "sendAt": MORNING, "deferredFrom": "2027-01-15T08:00:00+00:00"}
    assert (early, api.sandbox.record("jpush").addresses) == (0, ["rid-ann"])
    assert (await api.asks(query, id=waits))["message"]["state"] == "DONE"

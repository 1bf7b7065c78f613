"""WeCom: the request as it is sent, every answer as it is read."""

from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, Example, body, each
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Outcome, Submission, Target
from ums.providers.wecom.own_corp import Wecom
from ums.sandbox import Sandbox
from ums.vocabulary import Reason, SandboxAddress, State

TEXT = {"msgtype": "text", "text": {"content": "Hello"}}
EXAMPLE = Example({"corpId": "key", "agentId": 1000002, "secret": "secret"}, TEXT, "u{:06}")
TARGETS = [Target(7, "Ann"), Target(8, "ben")]
SEND, TOKEN, RECALL = "/cgi-bin/message/send", "/cgi-bin/gettoken", "/cgi-bin/message/recall"


def provider(session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **more: object) -> Wecom:
    credentials = {"corpId": "ww8f0b", "agentId": 1000002, "secret": "s&cret+", **more}
    return Wecom(Account("staffwecom", credentials, sandbox), session)


@pytest.fixture
def wecom(session: aiohttp.ClientSession, doors: Doors) -> Wecom:
    """Talks to `doors` as if they were WeCom; they have given it a token."""
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "access_token": "T&1", "expires_in": 7200})
    return provider(session, baseUrl=doors.url)


def submission(content: dict[str, Any] | None = None, key: str = "", targets: list[Target] | None = None) -> Submission:
    return Submission(key, content or TEXT, targets or TARGETS, 0)


async def sent(doors: Doors) -> Any:
    """The JSON of the first message after a token was asked for."""
    await doors.report(TOKEN)
    return body(await doors.report(SEND))


async def test_the_message_is_worded_as_the_reference_says(wecom: Wecom, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": "m-1"})

    answer = await wecom.send(submission(TEXT | {"safe": 1}))

    asked = await doors.report(TOKEN)
    assert (asked.method, asked.query) == ("GET", {"corpid": "ww8f0b", "corpsecret": "s&cret+"})
    message = await doors.report(SEND)
    assert (message.method, message.query) == ("POST", {"access_token": "T&1"})
    assert message.headers["content-type"] == "application/json"
    assert body(message) == {
        "touser": "Ann|ben",
        "msgtype": "text",
        "agentid": 1000002,
        "text": {"content": "Hello"},
        "safe": 1,
    }
    assert each(answer, TARGETS) == [Outcome(7, State.DELIVERED), Outcome(8, State.DELIVERED)]
    assert answer.provider_id == "m-1"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("image", {"media_id": "M"}),
        ("voice", {"media_id": "M"}),
        ("video", {"media_id": "M", "title": "News"}),
        ("file", {"media_id": "M"}),
        ("textcard", {"title": "Order", "description": "It is on its way.", "url": "https://a.example"}),
        ("news", {"articles": [{"title": "Order", "url": "https://a.example"}]}),
        ("mpnews", {"articles": [{"title": "Order", "thumb_media_id": "M", "content": "<p>a</p>"}]}),
        ("markdown", {"content": "**Order**"}),
        ("miniprogram_notice", {"appid": "wx1", "title": "Order sent", "emphasis_first_item": True}),
        ("template_card", {"card_type": "text_notice", "main_title": {"title": "a"}, "card_action": {"type": 1}}),
    ],
)
async def test_every_form_is_passed_on_as_it_is_and_taken(
    session: aiohttp.ClientSession, running: Sandbox, form: str, said: dict[str, Any]
) -> None:
    content = {"msgtype": form, form: said, "text": {"content": "of another form"}}

    answer = await provider(session, running.address).send(submission(content))

    assert {outcome.state for outcome in each(answer, TARGETS)} == {State.DELIVERED}
    assert [stored["message"] for stored in running.record("wecom").accepted] == [{"msgtype": form, form: said}]


async def test_members_that_the_answer_names_are_told_apart(wecom: Wecom, doors: Doors) -> None:
    targets = [*TARGETS, Target(9, "cas"), Target(10, "dan")]
    said = {"errcode": 0, "errmsg": "ok", "invaliduser": "ann|zoe", "unlicenseduser": "cas|ann", "invalidparty": ""}
    doors.answer(200, said | {"msgid": "m-1"})

    answer = await wecom.send(submission(targets=targets))

    fates = [(outcome.state, outcome.reason, outcome.code) for outcome in each(answer, targets)]
    assert fates == [
        (State.INVALID, Reason.INVALID_ADDRESS, "invaliduser"),
        (State.DELIVERED, None, ""),
        (State.REFUSED, Reason.ACCOUNT, "unlicenseduser"),
        (State.DELIVERED, None, ""),
    ]


@pytest.mark.parametrize("address", ["@all", "@ALL", "ann|ben", "|", "an n", "ann\n", ""])
async def test_what_would_reach_others_is_no_address(wecom: Wecom, doors: Doors, address: str) -> None:
    targets = [Target(1, address), Target(2, "ben")]
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": "m-1"})

    told = each(await wecom.send(submission(targets=targets)), targets)

    assert [(outcome.state, outcome.reason) for outcome in told] == [
        (State.INVALID, Reason.INVALID_ADDRESS),
        (State.DELIVERED, None),
    ]
    assert (await sent(doors))["touser"] == "ben"


async def test_nothing_is_asked_when_there_is_nobody_to_send_to(wecom: Wecom, doors: Doors) -> None:
    answer = await wecom.send(submission(targets=[Target(1, "@all")]))

    assert [outcome.state for outcome in answer.outcomes] == [State.INVALID]
    assert doors.reports.empty()


async def test_a_member_spelled_twice_is_written_to_once(wecom: Wecom, doors: Doors) -> None:
    targets = [Target(1, "Ann"), Target(2, "ANN")]
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": "m-1"})

    told = each(await wecom.send(submission(targets=targets)), targets)

    assert [(outcome.state, outcome.reason) for outcome in told] == [
        (State.DELIVERED, None),
        (State.INVALID, Reason.DUPLICATE),
    ]
    assert (await sent(doors))["touser"] == "Ann"


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        *((code, State.INVALID, Reason.INVALID_ADDRESS) for code in (40003, 40031, 46004, 50002, 60011)),
        *((code, State.INVALID, Reason.INVALID_ADDRESS) for code in (60111, 81013, 82001)),
        (43004, State.INVALID, Reason.UNSUBSCRIBED),
        *((code, State.REFUSED, Reason.CONTENT) for code in (40007, 40008, 40035, 40058, 40063, 40074, 41006)),
        *((code, State.REFUSED, Reason.CONTENT) for code in (41011, 41016, 41033, 44004, 45002, 45008, 85002)),
    ],
)
async def test_a_refused_message_is_lost_for_every_member(
    wecom: Wecom, doors: Doors, code: int, state: State, reason: Reason
) -> None:
    doors.answer(200, {"errcode": code, "errmsg": "so it is"})

    answer = await wecom.send(submission())

    expected = [Outcome(target.id, state, reason, str(code), "so it is") for target in TARGETS]
    assert each(answer, TARGETS) == expected
    assert (answer.code, answer.words) == (str(code), "so it is")


async def test_where_all_are_refused_who_is_named_keeps_the_reason(wecom: Wecom, doors: Doors) -> None:
    doors.answer(200, {"errcode": 81013, "errmsg": "all invalid", "unlicenseduser": "ben"})

    told = each(await wecom.send(submission()), TARGETS)

    assert [(outcome.reason, outcome.code) for outcome in told] == [
        (Reason.INVALID_ADDRESS, "81013"),
        (Reason.ACCOUNT, "unlicenseduser"),
    ]


@pytest.mark.parametrize("code", [40013, 40056, 40091, 41002, 48002, 50003, 60020, 301002, 4711])
async def test_what_only_the_operator_can_mend_stops_the_message(wecom: Wecom, doors: Doors, code: int) -> None:
    doors.answer(200, {"errcode": code, "errmsg": "so it is"})

    with pytest.raises(ProviderRefused, match=f"{code}: so it is"):
        await wecom.send(submission())


@pytest.mark.parametrize(("code", "seconds"), [(-1, None), (45009, 60), (45033, None)])
async def test_what_time_mends_is_busy(wecom: Wecom, doors: Doors, code: int, seconds: float | None) -> None:
    doors.answer(200, {"errcode": code, "errmsg": "so it is"})

    with pytest.raises(ProviderBusy, match=f"{code}: so it is") as busy:
        await wecom.send(submission())

    assert busy.value.retry_after == seconds


async def test_a_gateways_own_error_is_unknown_or_for_the_operator(wecom: Wecom, doors: Doors) -> None:
    doors.answer(502, b"<html>Bad Gateway")
    told = each(await wecom.send(submission()), TARGETS)
    assert {outcome.state for outcome in told} == {State.UNKNOWN}

    doors.answer(403, b"<html>Forbidden")
    with pytest.raises(ProviderRefused, match="403: <html>Forbidden"):
        await wecom.send(submission())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"msgtype": "text", "text": {"content": "好" * 683}}, "text.content has 2049 bytes; WeCom takes 2048"),
        ({"msgtype": "markdown", "markdown": {"content": "a" * 2049}}, "markdown.content has 2049"),
        ({"msgtype": "video", "video": {"media_id": "M", "title": "好" * 43}}, "video.title has 129"),
        ({"msgtype": "textcard", "textcard": {"title": "a", "description": "é" * 257}}, "textcard.description has 514"),
        ({"msgtype": "textcard", "textcard": {"title": "a", "url": "https://" + "a" * 2041}}, "textcard.url has 2049"),
        (
            {"msgtype": "news", "news": {"articles": [{"title": "a"}, {"title": "a" * 129}]}},
            "news.articles[1].title has 129",
        ),
        ({"msgtype": "mpnews", "mpnews": {"articles": [{"author": "a" * 65}]}}, "mpnews.articles[0].author has 65"),
        ({"msgtype": "mpnews", "mpnews": {"articles": [{"digest": "a" * 513}]}}, "digest has 513"),
        ({"msgtype": "mpnews", "mpnews": {"articles": [{"content": "a" * 681_985}]}}, "content has 681985"),
    ],
)
async def test_what_wecom_would_cut_off_is_not_sent(
    wecom: Wecom, doors: Doors, content: dict[str, Any], words: str
) -> None:
    answer = await wecom.send(submission(content))

    [told, _] = each(answer, TARGETS)
    assert (told.state, told.reason) == (State.REFUSED, Reason.CONTENT)
    assert words in told.words
    assert doors.reports.empty()


async def test_what_just_fits_is_sent_whole(session: aiohttp.ClientSession, running: Sandbox) -> None:
    longest = {"title": "好" * 42, "description": "d" * 512, "url": "https://a.example/" + "u" * 2030}
    contents = [
        {"msgtype": "text", "text": {"content": "好" * 682}},
        {"msgtype": "textcard", "textcard": longest},
        {"msgtype": "news", "news": {"articles": [longest] * 8}},
    ]

    for content in contents:
        await provider(session, running.address).send(submission(content))

    assert [stored["message"] for stored in running.record("wecom").accepted] == contents


async def test_a_message_is_taken_back_by_its_id(session: aiohttp.ClientSession, running: Sandbox) -> None:
    wecom = provider(session, running.address)
    answer = await wecom.send(submission())
    assert answer.provider_id

    await wecom.recall(answer.provider_id)

    assert wecom.recalls
    assert running.record("wecom").recalled == [answer.provider_id]
    with pytest.raises(ProviderRefused, match="40058"):
        await wecom.recall("another")


async def test_a_recall_is_worded_as_the_reference_says(wecom: Wecom, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok"})
    doors.answer(200, {"errcode": -1, "errmsg": "system busy"})
    doors.hang_up()

    await wecom.recall("m-1")
    with pytest.raises(ProviderBusy):
        await wecom.recall("m-1")
    with pytest.raises(OutcomeUnknown):
        await wecom.recall("m-1")

    await doors.report(TOKEN)
    asked = await doors.report(RECALL)
    assert (asked.method, asked.query, body(asked)) == ("POST", {"access_token": "T&1"}, {"msgid": "m-1"})

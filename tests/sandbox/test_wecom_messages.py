"""What WeCom's stand-in makes of the forms of a message."""

from typing import Any

import pytest

from ums.sandbox.wecom.messages import Refused, shown

ARTICLE = {"title": "a", "url": "https://a.example"}
NOTICE = {"appid": "wx1", "title": "Order sent"}
CARDS: dict[str, dict[str, Any]] = {
    "text_notice": {"main_title": {"title": "a"}, "card_action": {"type": 1, "url": "https://a.example"}},
    "news_notice": {
        "main_title": {"title": "a"},
        "card_action": {"type": 1},
        "card_image": {"url": "https://a.example"},
    },
    "button_interaction": {"task_id": "t-1", "main_title": {"title": "a"}, "button_list": [{"text": "a", "key": "b"}]},
    "vote_interaction": {"task_id": "t@1", "main_title": {"title": "a"}, "checkbox": {"question_key": "q"}}
    | {"submit_button": {"text": "a", "key": "b"}},
    "multiple_interaction": {"task_id": "t_1", "main_title": {"title": "a"}, "select_list": [{"question_key": "q"}]}
    | {"submit_button": {"text": "a", "key": "b"}},
}


def message(form: str, body: object, **more: object) -> dict[str, Any]:
    return {"msgtype": form, "agentid": 1000002, form: body, **more}


@pytest.mark.parametrize("card_type", CARDS)
def test_every_form_of_card_is_known(card_type: str) -> None:
    card = {"card_type": card_type} | CARDS[card_type]

    assert shown(message("template_card", card), cards=True) == {"msgtype": "template_card", "template_card": card}


@pytest.mark.parametrize(
    ("card_type", "missing"),
    [
        ("text_notice", "main_title"),
        ("text_notice", "card_action"),
        ("news_notice", "card_image"),
        ("button_interaction", "task_id"),
        ("button_interaction", "button_list"),
        ("vote_interaction", "checkbox"),
        ("vote_interaction", "submit_button"),
        ("multiple_interaction", "select_list"),
    ],
)
def test_a_card_needs_what_its_form_needs(card_type: str, missing: str) -> None:
    card = {name: value for name, value in CARDS[card_type].items() if name != missing}

    assert code_of(message("template_card", card | {"card_type": card_type})) == 40058


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"msgtype": "rcs", "agentid": 1}, 40008),
        ({"agentid": 1, "text": {"content": "a"}}, 40008),
        ({"msgtype": ["text"], "agentid": 1}, 40008),
        (message("text", {"content": "a"}, agentid="1"), 40056),
        (message("text", {"content": "a"}, agentid=0), 40056),
        (message("text", "a"), 40058),
        (message("text", {}), 44004),
        (message("text", {"content": 7}), 40058),
        (message("image", {}), 41006),
        (message("video", {"title": "a"}), 41006),
        (message("textcard", {"title": "a", "description": "b"}), 40058),
        (message("textcard", {"title": "a", "description": "b", "url": "https://" + "a" * 2041}), 45002),
        (message("textcard", {"title": "a", "description": "b", "url": "c", "btntxt": "12345"}), 40058),
        (message("markdown", {"content": "a" * 2049}), 45002),
        (message("news", {"articles": []}), 45008),
        (message("news", {"articles": [ARTICLE] * 9}), 45008),
        (message("news", {"articles": ["a"]}), 40058),
        (message("news", {"articles": [{"title": "a"}]}), 40058),
        (message("news", {"articles": [{"title": "a", "appid": "wx1"}]}), 40058),
        (message("news", {"articles": [ARTICLE]}, safe=1), 40074),
        (message("mpnews", {"articles": [ARTICLE]}), 40058),
        (message("mpnews", {"articles": [{"title": "a", "thumb_media_id": "M", "content": "a" * 681_985}]}), 45002),
        (message("miniprogram_notice", NOTICE | {"title": "abc"}), 40058),
        (message("miniprogram_notice", NOTICE | {"description": "a" * 13}), 40058),
        (message("miniprogram_notice", NOTICE | {"content_item": [{"key": "a", "value": "b"}] * 11}), 40058),
        (message("miniprogram_notice", NOTICE | {"content_item": [{"key": "a" * 11, "value": "b"}]}), 40058),
        (message("miniprogram_notice", NOTICE | {"content_item": ["a"]}), 40058),
        (message("template_card", {"card_type": "another"}), 40058),
        (message("template_card", {"card_type": "text_notice", "main_title": "a", "card_action": {"type": 1}}), 40058),
        (message("template_card", {"card_type": "text_notice", **CARDS["text_notice"], "action_menu": {}}), 40058),
        (message("template_card", {"card_type": "text_notice", **CARDS["text_notice"], "task_id": "a b"}), 40058),
    ],
)
def test_what_is_not_in_order_is_refused(sent: dict[str, Any], code: int) -> None:
    assert code_of(sent) == code


def test_linked_companies_have_no_cards() -> None:
    card = message("template_card", {"card_type": "text_notice", **CARDS["text_notice"]})

    with pytest.raises(Refused) as refused:
        shown(card, cards=False)

    assert refused.value.code == 40008


def test_a_notice_needs_no_agent() -> None:
    notice = {"msgtype": "miniprogram_notice", "miniprogram_notice": NOTICE}

    assert shown(notice, cards=True) == notice


def test_text_titles_and_descriptions_are_cut_at_whole_characters() -> None:
    text = shown(message("text", {"content": "好" * 683}), cards=True)
    card = shown(message("textcard", {"title": "好" * 43, "description": "b" * 513, "url": "c"}), cards=True)

    assert text["text"] == {"content": "好" * 682}
    assert card["textcard"] == {"title": "好" * 42, "description": "b" * 512, "url": "c"}


def code_of(sent: dict[str, Any]) -> int:
    with pytest.raises(Refused) as refused:
        shown(sent, cards=True)
    return refused.value.code

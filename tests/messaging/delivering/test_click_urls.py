"""Where links are in every form of content, and what is left of it when they are replaced."""

import copy
import html
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ums import schemas
from ums.messaging.delivering.click_urls import replaced, urls
from ums.messaging.delivering.links import MOST, make
from ums.vocabulary import ChannelType

A, B, C = "https://shop.example/a?x=1&y=2", "http://shop.example/b", "https://shop.example/c"
A_HTML = A.replace("&", "&amp;")


def wecom(form: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"msgtype": form, form: body}


def dingtalk(form: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"msg": {"msgtype": form, form: body}}


def oa(kind: int, **links: Any) -> dict[str, Any]:
    return {"type": kind, "template_id": "T", "data": {"thing1": {"value": C}}, **links}


def mail(text: str) -> dict[str, Any]:
    return {"subject": f"See {A}", "text": text}


def card(**parts: Any) -> dict[str, Any]:
    return wecom("template_card", {"card_type": "text_notice", "main_title": {"title": C}, **parts})


def opens(url: str) -> dict[str, Any]:
    return {"type": 1, "title": C, "url": url}


def button(url: str) -> dict[str, Any]:
    return {"title": "a", "action_url": url}


MINI_PROGRAM = {"appid": "wx1", "pagepath": "pages/o"}
ALIPAY = {"head_color": "#fff", "action_name": "see"}
NEWS = {"title": "Order", "picurl": C}
KEPT = {"title": "Order", "thumb_media_id": "M", "content": f'<a href="{C}">c</a>'}
WORDS = {"title": "Order", "description": "sent"}
LINK = {"picUrl": C, "title": "t", "text": C}
CARD = {"title": C, "markdown": f"[b]({B})"}
FORM = {"head": {"text": C}, "body": {"title": C}}

CASES: dict[str, dict[str, tuple[dict[str, Any], list[str]]]] = {
    "SMS": {
        "the variable url": ({"temp_id": 1, "temp_para": {"url": A, "order": B}}, [A]),
        "url is no link": ({"temp_id": 1, "temp_para": {"url": "shop.example/a"}}, []),
        "no variables": ({"temp_id": 1}, []),
        "words for CMPP": ({"content": f"Yours: {A}. See also ({B})!"}, [A, B]),
        "Chinese around it": ({"content": f"点击{A}查看《{B}》。"}, [A, B]),
        "brackets of its own": ({"content": f"{B}_(new)"}, [f"{B}_(new)"]),
        "no scheme of the web": ({"content": "shop.example/a or ftp://shop.example or xhttps://a.b"}, []),
    },
    "EMAIL": {
        "links": (mail(f'<p><a href="{A_HTML}">a</a> <a class=x href={B}>b</a></p>'), [A, B]),
        "quotes, case and space": (mail(f"<A\n  HREF = ' {A_HTML} ' >a</A>"), [A]),
        "an ampersand as it is": (mail(f'<a href="{B}?x=1&copy=2">a</a>'), [f"{B}?x=1&copy=2"]),
        "references": (mail(f'<a href="{B}?x&#61;1&amp;y&notit;">a</a>'), [f"{B}?x=1&y&notit;"]),
        "unsubscribing is a link": (mail(f'<a rel="nofollow" href="{C}">no more</a>'), [C]),
        "no web page": (mail('<a href="mailto:a@b.c">a</a><a href="#top">b</a><a href="tel:1">c</a>'), []),
        "no address": (mail('<a href="/d">d</a><a>e</a><a href>f</a><a href="">g</a>'), []),
        "no <a>": (mail(f'<img src="{A}"><link href="{A}"><abbr href="{A}">{B}</abbr>'), []),
        "a comment": (mail(f'<!-- <a href="{A}"> --><a href="{C}">c</a>'), [C]),
        "style and script": (mail(f'<style>/*<a href="{A}">*/</style><SCRIPT><a href="{B}"></script>'), []),
        "the first href counts": (mail(f'<a data-href="{A}" title="href={A} >" href="{B}" href="{C}">'), [B]),
        "a quote in a word": (mail(f"<a title=it's href={B}>b</a> it's <a href={C}>c</a>"), [B, C]),
        "never closed": (mail(f'<a href="{B}">b</a><a href="{C}'), [B]),
        "an end of line in it": (mail('<a href="https://a.b/&#13;&#10;Set-Cookie:x">a</a>'), []),
    },
    "WECHAT_OA": {
        "a template message": (oa(0, url=A), [A]),
        "a subscription notification": (oa(1, page=B), [B]),
        "the field of the other type": (oa(1, url=A), []),
        "a mini program comes first": (oa(0, url=A, miniprogram=MINI_PROGRAM), []),
        "no link": (oa(0), []),
    },
    "WECHAT_MP": {
        "clicks are never seen": ({"template_id": "T", "page": A, "data": {"thing1": {"value": A}}}, []),
    },
    "APP": {
        "the phone says it": ({"platform": "all", "notification": {"alert": A}}, []),
    },
    "ALIPAY_LIFE": {
        "its link": ({"template_id": "T", "context": {**ALIPAY, "url": A, "first": {"value": B}}}, [A]),
    },
    "WECOM": {
        "text": (wecom("text", {"content": f'{B}, <a href="{A}">{C}</a>; {C}'}), [B, A, C]),
        "text without": (wecom("text", {"content": "sent"}), []),
        "markdown": (wecom("markdown", {"content": f"**[a]({A})** ![p]({C}) [b]({B}_(1))"}), [A, f"{B}_(1)"]),
        "a text card": (wecom("textcard", {**WORDS, "url": A}), [A]),
        "news": (wecom("news", {"articles": [{**NEWS, "url": A}, {**NEWS, "url": B, **MINI_PROGRAM}]}), [A]),
        "mpnews": (wecom("mpnews", {"articles": [{**KEPT, "content_source_url": A}, KEPT]}), [A]),
        "a picture": (wecom("image", {"media_id": "M"}), []),
        "a notice": (wecom("miniprogram_notice", {"appid": "wx1", "page": A, "title": "sent"}), []),
        "what another form says": ({**wecom("text", {"content": "sent"}), "textcard": {**WORDS, "url": A}}, []),
        "a card": (card(card_action=opens(A), jump_list=[opens(B), {"type": 2, **MINI_PROGRAM}]), [A, B]),
        "pictures of a card": (card(card_image={"url": C}, source={"icon_url": C}), []),
        "parts of a card": (card(quote_area=opens(A), image_text_area={**opens(B), "image_url": C}), [A, B]),
        "rows of a card": (card(horizontal_content_list=[{"type": 3, "userid": "u"}, opens(A)]), [A]),
        "buttons of a card": (card(button_list=[{"type": 0, "key": A}, opens(A)]), [A]),
        "no type, no link": (card(card_action={"url": A}, quote_area={"type": 0, "url": A}), []),
    },
    "DINGTALK": {
        "a card": (dingtalk("action_card", {**CARD, "single_title": "see", "single_url": A}), [A, B]),
        "a card with buttons": (dingtalk("action_card", {**CARD, "btn_json_list": [button(A), button(C)]}), [A, C, B]),
        "a link": (dingtalk("link", {**LINK, "messageUrl": A}), [A]),
        "a page of the client": (dingtalk("link", {**LINK, "messageUrl": "dingtalk://dingtalkclient/page/link"}), []),
        "markdown": (dingtalk("markdown", {"title": C, "text": f'![p]({C}) [![p]({C})]({A}) [b](<{B}> "b")'}), [A, B]),
        "a form": (dingtalk("oa", {**FORM, "message_url": A, "pc_message_url": B}), [A, B]),
        "text": (dingtalk("text", {"content": A}), []),
    },
}
TABLE = [(ChannelType[kind], *case) for kind, cases in CASES.items() for case in cases.values()]
NAMES = [f"{kind}: {name}" for kind, cases in CASES.items() for name in cases]


@pytest.mark.parametrize(("kind", "content", "found"), TABLE, ids=NAMES)
def test_links_are_found_where_a_click_can_be_seen_and_replaced_there_alone(
    kind: ChannelType, content: dict[str, Any], found: list[str]
) -> None:
    before = copy.deepcopy(content)
    changed = replaced(kind, content, lambda n: f"https://ums.example/c/{n}")

    assert schemas.check(f"content/{kind.value}", content) == []
    assert urls(kind, content) == found
    assert urls(kind, changed) == [f"https://ums.example/c/{n}" for n in range(len(found))]
    assert content == before
    assert plainly(replaced(kind, changed, lambda n: found[n])) == plainly(content)


def plainly(content: Any) -> Any:
    """HTML that says the same is the same: quotes and references of links."""
    if isinstance(content, dict):
        return {key: plainly(value) for key, value in content.items()}
    if isinstance(content, list):
        return [plainly(item) for item in content]
    if not isinstance(content, str):
        return content
    # Twice: an ampersand may stand there by itself, which unescape mistakes for a reference only the second time.
    return html.unescape(html.unescape(content)).translate(str.maketrans("", "", "\"' "))


def test_only_the_links_of_a_mail_are_touched() -> None:
    text = f"<!doctype html><p title='1 > 0'>Dear Ann &amp; Bob,<br/>see <a class=x href={B} id='b'>{B}</a>&nbsp;</p>"

    changed = replaced(ChannelType.EMAIL, mail(text), lambda n: f'https://u.example/{n}?"<&')

    assert changed["text"] == (
        "<!doctype html><p title='1 > 0'>Dear Ann &amp; Bob,<br/>see "
        f"<a class=x href=\"https://u.example/0?&quot;&lt;&amp;\" id='b'>{B}</a>&nbsp;</p>"
    )


def test_a_sentence_keeps_its_punctuation() -> None:
    changed = replaced(ChannelType.SMS, {"content": f"Yours ({B}). Or {C}!"}, lambda n: f"https://u.example/{n}")

    assert changed["content"] == "Yours (https://u.example/0). Or https://u.example/1!"


def test_links_that_no_token_can_number_stay_as_they_are() -> None:
    key = b"k" * 32
    text = "".join(f'<a href="https://shop.example/{n}">n</a>' for n in range(MOST + 2))

    changed = replaced(ChannelType.EMAIL, mail(text), lambda n: make(key, 1, n))

    assert len(urls(ChannelType.EMAIL, mail(text))) == MOST
    assert changed["text"].endswith(
        f'<a href="{make(key, 1, MOST - 1)}">n</a>'
        '<a href="https://shop.example/256">n</a><a href="https://shop.example/257">n</a>'
    )


TAGS = ("<a ", "<a", " href=", '"', "'", ">", "</a>", "<!--", "-->", "--!>", "<script>", "</script", "<style ")
PLAIN = ("&amp;", "&#61;", "https://a.b/", "https://a.b/?x=1&y=2", "mailto:a@b.c", "x", "点")
MARKS = (" ", "\n", "/", "=", "[", "](", ")", "!", ".")
anything = st.lists(st.sampled_from(TAGS + PLAIN + MARKS), max_size=25).map("".join)


@given(anything)
def test_whatever_the_html_replacing_changes_the_links_and_nothing_around_them(text: str) -> None:
    found = urls(ChannelType.EMAIL, mail(text))
    changed = replaced(ChannelType.EMAIL, mail(text), lambda n: f"https://u.example/{n}")

    assert urls(ChannelType.EMAIL, changed) == [f"https://u.example/{n}" for n in range(len(found))]
    assert plainly(replaced(ChannelType.EMAIL, changed, lambda n: found[n])) == plainly(mail(text))


@given(st.sampled_from(["text", "markdown"]), anything)
def test_whatever_the_text_replacing_leaves_as_many_links(form: str, text: str) -> None:
    content = wecom(form, {"content": text})
    found = urls(ChannelType.WECOM, content)

    changed = replaced(ChannelType.WECOM, content, lambda n: f"https://u.example/{n}")

    assert urls(ChannelType.WECOM, changed) == [f"https://u.example/{n}" for n in range(len(found))]


@pytest.mark.timeout(20)  # a look at each character for every other one would take hours
@pytest.mark.parametrize("piece", ["<!--", "<a ", '<a href="', "<script", "<a x=", "<a href='>", "<a/"])
def test_what_is_never_closed_costs_no_more_than_its_length(piece: str) -> None:
    assert urls(ChannelType.EMAIL, mail(piece * 200_000)) == []

"""WeCom: files are uploaded once, and go into messages by the id that WeCom gave for them."""

from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, body, each
from tests.providers.test_wecom import TARGETS, provider
from ums.errors import ProviderBusy
from ums.providers.contract import Attachment, Submission
from ums.providers.wecom.own_corp import Wecom
from ums.sandbox import Sandbox
from ums.schemas import check
from ums.vocabulary import Reason, State

MENU = Attachment("Menü der Woche.pdf", "application/pdf", b"%PDF-1.7 the week's menu")
COVER = Attachment("cover.png", "image/png", b"\x89PNG a picture of it")
FILE = {"msgtype": "file", "file": {"url": "https://shop.example/menu.pdf"}}
ARTICLE = {"title": "Menu", "thumb_url": "https://shop.example/cover.png", "content": "<p>Soup</p>"}
TOKEN = {"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200}


async def sent(wecom: Wecom, content: dict[str, Any], *files: Attachment) -> Any:
    return await wecom.send(Submission("", content, TARGETS, 0, files=files))


async def test_a_file_is_uploaded_once_and_sent_by_its_id(session: aiohttp.ClientSession, running: Sandbox) -> None:
    wecom = provider(session, running.address)

    for _ in range(2):
        await sent(wecom, FILE, MENU)

    first, second = running.record("wecom").accepted
    assert first["message"]["file"] == second["message"]["file"]
    assert first["media"] == [
        {"kind": "file", "name": "Menü der Woche.pdf", "type": "application/pdf", "size": len(MENU.content)}
    ]
    assert FILE["file"] == {"url": "https://shop.example/menu.pdf"}


async def test_the_upload_is_worded_as_the_reference_says(session: aiohttp.ClientSession, doors: Doors) -> None:
    doors.answer(200, TOKEN)
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "type": "image", "media_id": "m-1", "created_at": "1"})
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": "x"})

    await sent(provider(session, baseUrl=doors.url), {"msgtype": "image", "image": {"url": "https://a.example"}}, COVER)

    await doors.report("/cgi-bin/gettoken")
    upload = await doors.report("/cgi-bin/media/upload")
    assert upload.query == {"access_token": "t", "type": "image"}
    boundary = upload.headers["content-type"].removeprefix("multipart/form-data; boundary=")
    head, _, rest = upload.body.partition(b"\r\n\r\n")
    assert head.decode().splitlines() == [
        f"--{boundary}",
        'Content-Disposition: form-data; name="media"; filename="cover.png"',
        "Content-Type: image/png",
    ]
    assert rest == COVER.content + f"\r\n--{boundary}--\r\n".encode()
    message = body(await doors.report("/cgi-bin/message/send"))
    assert message["image"] == {"media_id": "m-1"}


@pytest.mark.parametrize("form", ["image", "voice", "video", "file"])
async def test_every_form_of_media_takes_a_url_or_an_id(
    session: aiohttp.ClientSession, running: Sandbox, form: str
) -> None:
    by_url, by_id = ({"msgtype": form, form: part} for part in ({"url": "https://a.example/f"}, {"media_id": "M"}))

    await sent(provider(session, running.address), by_url, COVER)
    await sent(provider(session, running.address), by_id)

    assert [check("content/wecom", content) for content in (by_url, by_id)] == [[], []]
    first, second = running.record("wecom").accepted
    assert first["media"][0]["kind"] == form
    assert second["message"][form] == {"media_id": "M"}


async def test_the_pictures_of_articles_are_uploaded_too(session: aiohttp.ClientSession, running: Sandbox) -> None:
    content = {"msgtype": "mpnews", "mpnews": {"articles": [ARTICLE, ARTICLE | {"title": "Again"}]}}
    wecom = provider(session, running.address)

    assert wecom.named(content) == [
        (("mpnews", "articles", n, "thumb_url"), "https://shop.example/cover.png") for n in range(2)
    ]
    await sent(wecom, content, COVER, COVER)

    [accepted] = running.record("wecom").accepted
    articles = accepted["message"]["mpnews"]["articles"]
    assert articles[0]["thumb_media_id"] == articles[1]["thumb_media_id"] != ""
    assert check("content/wecom", content) == []


async def test_an_id_that_wecom_has_lost_is_renewed(session: aiohttp.ClientSession, doors: Doors) -> None:
    uploaded = [{"errcode": 0, "errmsg": "ok", "type": "file", "media_id": name} for name in ("old", "new")]
    lost, taken = {"errcode": 40007, "errmsg": "invalid media_id"}, {"errcode": 0, "errmsg": "ok", "msgid": "x"}
    for one in (TOKEN, uploaded[0], lost, uploaded[1], taken):
        doors.answer(200, one)

    answer = await sent(provider(session, baseUrl=doors.url), FILE, MENU)

    assert {outcome.state for outcome in each(answer, TARGETS)} == {State.DELIVERED}
    reports = [doors.reports.get_nowait() for _ in range(5)]
    assert [body(report)["file"]["media_id"] for path, report in reports if path.endswith("send")] == ["old", "new"]


async def test_a_file_that_wecom_does_not_take_is_the_senders_to_mend(
    session: aiohttp.ClientSession, running: Sandbox
) -> None:
    answer = await sent(provider(session, running.address), FILE, Attachment("empty.pdf", "application/pdf", b"%PDF"))

    assert {(o.state, o.reason, o.code) for o in each(answer, TARGETS)} == {(State.REFUSED, Reason.CONTENT, "40006")}
    assert "empty.pdf" in answer.words
    assert running.record("wecom").accepted == running.record("wecom-linked").accepted


async def test_an_upload_that_is_lost_reaches_nobody_and_is_tried_again(
    session: aiohttp.ClientSession, doors: Doors
) -> None:
    doors.answer(200, TOKEN)
    doors.hang_up()

    with pytest.raises(ProviderBusy):
        await sent(provider(session, baseUrl=doors.url), FILE, MENU)

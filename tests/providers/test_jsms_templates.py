"""JSMS: templates and signatures are made, read, changed and deleted, and reviewed in between."""

from email import message_from_bytes
from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, body
from tests.providers.test_jsms import KEY, SECRET
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Report
from ums.providers.jsms.templates import (
    PNG,
    JsmsSignatures,
    JsmsTemplates,
    KeptSignature,
    KeptTemplate,
    Review,
    SmsSignature,
    SmsTemplate,
)
from ums.sandbox import Sandbox
from ums.sandbox.jsms import templates as jsms_templates
from ums.sandbox.script import Script
from ums.vocabulary import SandboxAddress

CODE = SmsTemplate("Your code is {{code}}.", "verification", 300, "Codes for logging in.")
NOTICE = SmsTemplate("Order {{order}} is on its way.", "notice")
SHOP = SmsSignature("极光推送", "company", "Our company.", [PNG + b"1", b"\xff\xd8\xff2"])


def account(sandbox: SandboxAddress | None = None, **more: object) -> Account:
    return Account("shopsms", {"appKey": KEY, "masterSecret": SECRET, **more}, sandbox)


@pytest.fixture
def templates(session: aiohttp.ClientSession, doors: Doors) -> JsmsTemplates:
    """Talk to `doors` as if they were JSMS."""
    return JsmsTemplates(account(baseUrl=doors.url), session)


@pytest.fixture
def signatures(session: aiohttp.ClientSession, doors: Doors) -> JsmsSignatures:
    """Talk to `doors` as if they were JSMS."""
    return JsmsSignatures(account(baseUrl=doors.url), session)


@pytest.fixture
def reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in's reviewer takes no time."""
    monkeypatch.setattr(jsms_templates, "REVIEW_SECONDS", 0.0)


def parts(report: Report) -> dict[str, tuple[str, bytes]]:
    """The kind and the content of each part of a form."""
    whole = message_from_bytes(b"Content-Type: " + report.headers["content-type"].encode() + b"\r\n\r\n" + report.body)
    found: dict[str, Any] = {}
    for part in whole.get_payload():
        assert not isinstance(part, str)
        found[str(part.get_param("name", header="content-disposition"))] = (
            part.get_content_type(),
            part.get_payload(decode=True),
        )
    return found


async def test_a_template_is_worded_as_the_reference_says(templates: JsmsTemplates, doors: Doors) -> None:
    doors.answer(200, {"temp_id": 37582})
    doors.answer(200, {"temp_id": "37583"})

    assert [await templates.create(CODE), await templates.create(NOTICE)] == [37582, 37583]

    sent = await doors.report("/v1/templates")
    said = {"template": "Your code is {{code}}.", "type": 1, "ttl": 300, "remark": "Codes for logging in."}
    assert (sent.method, body(sent)) == ("POST", said)
    assert body(await doors.report("/v1/templates")) == {"template": "Order {{order}} is on its way.", "type": 2}


async def test_a_template_is_edited_whole(templates: JsmsTemplates, doors: Doors) -> None:
    await templates.edit(37582, NOTICE)

    sent = await doors.report("/v1/templates/37582")
    assert sent.method == "PUT"
    assert body(sent) == {"temp_id": 37582, "template": "Order {{order}} is on its way.", "type": 2}


@pytest.mark.parametrize(
    ("status", "review"),
    [(0, Review.PENDING), (1, Review.APPROVED), (2, Review.REJECTED), ("2", Review.REJECTED), (9, Review.UNKNOWN)],
)
async def test_a_template_is_read_with_its_review(
    templates: JsmsTemplates, doors: Doors, status: object, review: Review
) -> None:
    said = {"template": "Sale! {{url}}", "type": 3, "ttl": None, "remark": None, "status": status}
    doors.answer(200, {"temp_id": 37582} | said)

    assert await templates.read(37582) == KeptTemplate(37582, SmsTemplate("Sale! {{url}}", "marketing"), review)


async def test_what_jsms_does_not_know_is_none_and_is_deleted_already(
    templates: JsmsTemplates, signatures: JsmsSignatures, doors: Doors
) -> None:
    for code in (50013, 50013, 50102, 50102):
        doors.answer(403, {"error": {"code": code, "message": "invalid id"}})

    assert await templates.read(1) is None
    await templates.delete(1)
    assert await signatures.read(1) is None
    await signatures.delete(1)


@pytest.mark.parametrize("said", [{}, {"temp_id": 1}, {"temp_id": 1, "template": "x", "type": 9, "status": 1}])
async def test_what_is_no_template_makes_no_sense(
    templates: JsmsTemplates, doors: Doors, said: dict[str, object]
) -> None:
    doors.answer(200, said)

    with pytest.raises(OutcomeUnknown, match="not a template"):
        await templates.read(1)


async def test_a_refusal_keeps_jsmss_code(templates: JsmsTemplates, doors: Doors) -> None:
    doors.answer(403, {"error": {"code": 50047, "message": "can not be modified"}})

    with pytest.raises(ProviderRefused) as refused:
        await templates.edit(1, NOTICE)

    assert refused.value.code == "50047"


async def test_a_failure_leaves_it_unknown_whether_one_was_made(templates: JsmsTemplates, doors: Doors) -> None:
    doors.answer(500, {"error": {"code": 50019, "message": "server error"}})
    doors.answer(200, {})
    doors.answer(200, b"<html>")
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            await templates.create(NOTICE)

    doors.answer(500, {"error": {"code": 50019, "message": "server error"}})
    with pytest.raises(ProviderBusy):
        await templates.read(1)


async def test_a_signature_goes_in_parts_with_its_images(signatures: JsmsSignatures, doors: Doors) -> None:
    doors.answer(200, {"sign_id": 123})

    assert await signatures.create(SHOP) == 123

    sent = await doors.report("/v1/sign")
    assert sent.method == "POST"
    assert parts(sent) == {
        "sign": ("text/plain", "极光推送".encode()),
        "type": ("text/plain", b"1"),
        "remark": ("text/plain", b"Our company."),
        "image0": ("image/png", PNG + b"1"),
        "image1": ("image/jpeg", b"\xff\xd8\xff2"),
    }


async def test_a_signature_is_edited_by_post_and_deleted(signatures: JsmsSignatures, doors: Doors) -> None:
    await signatures.edit(123, SmsSignature("Shop", "other"))
    await signatures.delete(123)

    edited, deleted = await doors.report("/v1/sign/123"), await doors.report("/v1/sign/123")
    assert (edited.method, deleted.method) == ("POST", "DELETE")
    assert {name: content for name, (_, content) in parts(edited).items()} == {"sign": b"Shop", "type": b"7"}


@pytest.mark.parametrize(
    ("status", "review"),
    [(0, Review.PENDING), (1, Review.APPROVED), (2, Review.REJECTED), (3, Review.DELETED), (4, Review.UNKNOWN)],
)
async def test_a_signature_is_read_with_its_review(
    signatures: JsmsSignatures, doors: Doors, status: int, review: Review
) -> None:
    doors.answer(200, {"sign_id": 123, "sign": "Shop", "status": status, "is_default": 1, "use_status": 0})

    assert await signatures.read(123) == KeptSignature(123, "Shop", review, is_default=True, is_used=False)


async def test_a_templates_life_at_the_stand_in(session: aiohttp.ClientSession, running: Sandbox) -> None:
    templates = JsmsTemplates(account(running.address), session)

    number = await templates.create(CODE)

    assert await templates.read(number) == KeptTemplate(number, CODE, Review.PENDING)
    with pytest.raises(ProviderRefused, match="50047"):
        await templates.edit(number, NOTICE)
    await templates.delete(number)
    assert await templates.read(number) is None


async def test_what_the_reviewer_rejects_can_be_mended(
    session: aiohttp.ClientSession, running: Sandbox, reviewed: None
) -> None:
    templates = JsmsTemplates(account(running.address), session)
    running.play("jsms", Script.parse({"refuse": ["casino"]}))
    number = await templates.create(SmsTemplate("A casino for {{name}}", "notice"))
    assert await templates.read(number) == KeptTemplate(
        number, SmsTemplate("A casino for {{name}}", "notice"), Review.REJECTED
    )

    await templates.edit(number, NOTICE)

    assert await templates.read(number) == KeptTemplate(number, NOTICE, Review.APPROVED)


async def test_a_signatures_life_at_the_stand_in(
    session: aiohttp.ClientSession, running: Sandbox, reviewed: None
) -> None:
    signatures = JsmsSignatures(account(running.address), session)
    running.play("jsms", Script.parse({"refuse": ["Casino"]}))

    first, second = await signatures.create(SHOP), await signatures.create(SmsSignature("Casino", "app"))
    assert await signatures.read(first) == KeptSignature(
        first, "极光推送", Review.APPROVED, is_default=True, is_used=True
    )
    assert await signatures.read(second) == KeptSignature(
        second, "Casino", Review.REJECTED, is_default=False, is_used=False
    )

    await signatures.edit(second, SmsSignature("Shop", "app"))
    mended = await signatures.read(second)
    assert mended
    assert (mended.text, mended.review) == ("Shop", Review.APPROVED)

    await signatures.delete(second)
    assert await signatures.read(second) is None
    with pytest.raises(ProviderRefused, match="50105"):
        await signatures.delete(first)


async def test_one_signature_at_a_time_is_reviewed(session: aiohttp.ClientSession, running: Sandbox) -> None:
    signatures = JsmsSignatures(account(running.address), session)
    await signatures.create(SmsSignature("Shop", "app"))

    with pytest.raises(ProviderRefused, match="50103"):
        await signatures.create(SmsSignature("Bank", "app"))

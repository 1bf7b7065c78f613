"""JSMS's stand-in: templates, signatures and reports that are fetched, request by request."""

import json
from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors
from ums.sandbox import Sandbox
from ums.sandbox.jsms import templates as jsms_templates
from ums.sandbox.script import Script

NOTICE: dict[str, Any] = {"template": "Order {{order}} is on its way.", "type": 2}
PNG = b"\x89PNG\r\n\x1a\n"


async def call(
    running: Sandbox, session: aiohttp.ClientSession, method: str, path: str, sent: object = None, **more: Any
) -> tuple[int, Any]:
    """The HTTP status, and the JSON of the answer or its error's code."""
    data = sent if isinstance(sent, aiohttp.FormData) else json.dumps(sent)
    auth = {"Authorization": aiohttp.encode_basic_auth(more.pop("key", "key"), "secret")}
    async with session.request(method, running.address.http + "/jsms/v1" + path, data=data, headers=auth) as response:
        answered = await response.read()
        answer: Any = json.loads(answered) if answered else None
        return response.status, answer["error"]["code"] if response.status != 200 else answer


def form(**fields: Any) -> aiohttp.FormData:
    made = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        made.add_field(name, value, filename="a.png" if isinstance(value, bytes) else None)
    return made


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"template": ""}, 50042),
        ({"template": "x" * 501}, 50043),
        ({"template": "【Shop】 hello"}, 50052),
        ({"type": 4}, 50044),
        ({"type": "2"}, 50044),
        ({"template": "Order {{the order}}"}, 50044),
        ({"type": 1, "ttl": 60}, 50044),
        ({"type": 1, "template": "{{code}}"}, 50044),
        ({"type": 1, "template": "{{code}}", "ttl": 86_401}, 50044),
        ({"remark": "x" * 101}, 50045),
        ({"template": "See {{url}}"}, 50053),
    ],
)
async def test_a_template_that_is_not_in_order_is_refused(
    running: Sandbox, session: aiohttp.ClientSession, change: dict[str, Any], code: int
) -> None:
    assert await call(running, session, "POST", "/templates", NOTICE | change) == (403, code)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"type": 1, "template": "{{code}}", "ttl": 300},
        {"template": "See {{url}}", "remark": "https://shop.example"},
    ],
)
async def test_a_template_in_order_is_kept_as_it_was_sent(
    running: Sandbox, session: aiohttp.ClientSession, change: dict[str, Any]
) -> None:
    _, made = await call(running, session, "POST", "/templates", NOTICE | change)

    status, kept = await call(running, session, "GET", f"/templates/{made['temp_id']}")

    assert status == 200
    assert kept == {"ttl": None, "remark": None} | NOTICE | change | made | {"status": 0}


@pytest.mark.parametrize(("what", "code"), [("templates", 50013), ("sign", 50102)])
async def test_nobody_sees_anothers(running: Sandbox, session: aiohttp.ClientSession, what: str, code: int) -> None:
    sent = NOTICE if what == "templates" else form(sign="Shop", type="1")
    _, made = await call(running, session, "POST", f"/{what}", sent)
    [number] = made.values()

    for method in ("GET", "DELETE"):
        assert await call(running, session, method, f"/{what}/{number}", key="other") == (403, code)
    assert await call(running, session, "PATCH", f"/{what}/{number}") == (405, 50018)
    assert (await call(running, session, "GET", f"/{what}/{number}"))[0] == 200


async def test_only_an_approved_template_sends(
    running: Sandbox, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, made = await call(running, session, "POST", "/templates", NOTICE)
    message = {"mobile": "13800000001", **made}
    assert await call(running, session, "POST", "/messages", message) == (403, 50020)

    monkeypatch.setattr(jsms_templates, "REVIEW_SECONDS", 0.0)
    running.play("jsms", Script.parse({"refuse": ["Order"]}))
    assert await call(running, session, "POST", "/messages", message) == (403, 50021)

    running.play("jsms", Script())
    assert (await call(running, session, "POST", "/messages", message))[0] == 200


async def test_an_edit_names_its_template_twice(
    running: Sandbox, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsms_templates, "REVIEW_SECONDS", 0.0)
    running.play("jsms", Script.parse({"refuse": ["Order"]}))
    _, made = await call(running, session, "POST", "/templates", NOTICE)
    path = f"/templates/{made['temp_id']}"

    assert await call(running, session, "PUT", path, NOTICE) == (403, 50013)
    assert await call(running, session, "PUT", path, NOTICE | made) == (200, made)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sign": "S"}, 50104),
        ({"sign": "【Shop】"}, 50104),
        ({"sign": "Shop", "type": "8"}, 50104),
        ({"sign": "Shop", "remark": "x" * 101}, 50045),
        ({"sign": "Shop", "image0": b"GIF89a"}, 50101),
        ({"sign": "Shop", "image0": PNG + b"x" * 100}, 50101),
    ],
)
async def test_a_signature_that_is_not_in_order_is_refused(
    running: Sandbox,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, Any],
    code: int,
) -> None:
    monkeypatch.setattr(jsms_templates, "IMAGE_BYTES", 100)

    assert await call(running, session, "POST", "/sign", form(**fields)) == (403, code)


async def test_a_signature_comes_in_parts(running: Sandbox, session: aiohttp.ClientSession) -> None:
    assert await call(running, session, "POST", "/sign", {"sign": "Shop"}) == (415, 50017)

    status, made = await call(running, session, "POST", "/sign", form(sign="Shop", type="1", image0=PNG))
    assert (status, list(made)) == (200, ["sign_id"])


async def test_an_approved_signature_is_changed_no_more(
    running: Sandbox, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsms_templates, "REVIEW_SECONDS", 0.0)
    _, made = await call(running, session, "POST", "/sign", form(sign="Shop"))

    assert await call(running, session, "POST", f"/sign/{made['sign_id']}", form(sign="Bank")) == (403, 50104)


async def test_reports_may_be_fetched_every_five_seconds(running: Sandbox, session: aiohttp.ClientSession) -> None:
    assert await call(running, session, "GET", "/report") == (200, [])
    assert await call(running, session, "GET", "/report") == (403, 50009)
    assert await call(running, session, "GET", "/report", key="other") == (200, [])


async def test_whoever_fetches_gets_nothing_posted(
    running: Sandbox, session: aiohttp.ClientSession, doors: Doors
) -> None:
    running.play("jsms", Script.parse({"receipts": [{"delivered": 1}]}))
    await call(running, session, "GET", "/report")
    message = {"mobile": "13800000001", "temp_id": 1}

    await call(running, session, "POST", "/messages", message)
    await call(running, session, "POST", "/messages", message, key="other")

    await doors.report("/v1/sms/callback")
    assert doors.reports.empty()
    assert running.record("jsms").receipts_posted == 1

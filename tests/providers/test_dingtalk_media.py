"""DingTalk: files are uploaded once, and go into messages by the id that DingTalk gave for them."""

from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, body, each
from tests.providers.test_dingtalk import ANN, BEN, EXAMPLE
from ums.errors import ProviderBusy
from ums.providers.contract import Account, Answer, Attachment, Submission
from ums.providers.dingtalk.provider import Dingtalk
from ums.sandbox import Sandbox
from ums.schemas import check
from ums.vocabulary import Reason, SandboxAddress, State

PLAN = Attachment("Plan.pdf", "application/pdf", b"%PDF-1.7 the plan")
FILE = {"msg": {"msgtype": "file", "file": {"url": "https://house.example/plan.pdf"}}}
TOKEN = {"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200}
TARGETS = [ANN, BEN]


def provider(session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **more: object) -> Dingtalk:
    return Dingtalk(Account("ding", EXAMPLE.credentials | more, sandbox), session)


async def sent(ding: Dingtalk, content: dict[str, Any], *files: Attachment) -> Answer:
    return await ding.send(Submission("", content, TARGETS, 0, files=files))


@pytest.mark.parametrize(("form", "more"), [("image", {}), ("voice", {"duration": "10"}), ("file", {})])
async def test_a_file_is_uploaded_once_and_sent_by_its_id(
    session: aiohttp.ClientSession, running: Sandbox, form: str, more: dict[str, str]
) -> None:
    ding = provider(session, running.address)
    content = {"msg": {"msgtype": form, form: {"url": "https://house.example/plan"} | more}}

    for target in TARGETS:
        await ding.send(Submission("", content, [target], 0, files=[PLAN]))

    assert check("content/dingtalk", content) == []
    assert ding.named(content) == [(("msg", form, "url"), "https://house.example/plan")]
    first, second = running.record("dingtalk").accepted
    assert first["msg"] == second["msg"]
    assert first["msg"][form].keys() == {"media_id", *more}
    assert first["media"] == [{"kind": form, "name": "Plan.pdf", "type": "application/pdf", "size": 17}]


async def test_a_media_id_goes_out_as_it_is(session: aiohttp.ClientSession, running: Sandbox) -> None:
    content = {"msg": {"msgtype": "image", "image": {"media_id": "@lADOADmaWMzazQKA"}}}

    await sent(provider(session, running.address), content)

    assert check("content/dingtalk", content) == []
    assert running.record("dingtalk").accepted[0]["msg"] == content["msg"]


async def test_an_id_that_dingtalk_has_lost_is_renewed(session: aiohttp.ClientSession, doors: Doors) -> None:
    uploaded = [{"errcode": 0, "errmsg": "ok", "type": "file", "media_id": name} for name in ("@old", "@new")]
    lost, taken = {"errcode": 40007, "errmsg": "invalid media_id"}, {"errcode": 0, "errmsg": "ok", "task_id": 7}
    for one in (TOKEN, uploaded[0], lost, uploaded[1], taken):
        doors.answer(200, one)

    answer = await sent(provider(session, baseUrl=doors.url), FILE, PLAN)

    assert {outcome.state for outcome in each(answer, TARGETS)} == {State.SUBMITTED}
    reports = [doors.reports.get_nowait() for _ in range(5)]
    assert [path for path, _ in reports[1::2]] == ["/media/upload"] * 2
    assert reports[1][1].query == {"access_token": "t", "type": "file"}
    assert [body(report)["msg"]["file"] for path, report in reports if path.endswith("asyncsend_v2")] == [
        {"media_id": "@old"},
        {"media_id": "@new"},
    ]


async def test_a_file_that_dingtalk_does_not_take_is_the_senders_to_mend(
    session: aiohttp.ClientSession, running: Sandbox
) -> None:
    answer = await sent(provider(session, running.address), FILE, Attachment("none.pdf", "application/pdf", b""))

    assert {(o.state, o.reason, o.code) for o in each(answer, TARGETS)} == {(State.REFUSED, Reason.CONTENT, "40006")}
    assert running.record("dingtalk").submissions == 0


async def test_an_upload_that_is_lost_reaches_nobody_and_is_tried_again(
    session: aiohttp.ClientSession, doors: Doors
) -> None:
    doors.answer(200, TOKEN)
    doors.hang_up()

    with pytest.raises(ProviderBusy):
        await sent(provider(session, baseUrl=doors.url), FILE, PLAN)

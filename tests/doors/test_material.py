"""`POST /v1/material`, and what may be done with what was uploaded."""

from typing import Any

import aiohttp
import pytest

from tests.api.conftest import Api
from tests.api.conftest import api as api
from tests.api.test_sending import SEND
from ums.database import connection, execute, fetch
from ums.messaging.keeping.retention import expire
from ums.messaging.materials import HOUR, PART, load

AUTH = aiohttp.encode_basic_auth("shop", "sandbox-shop-master-secret")
CONTENT = bytes(range(256)) * 2000


def form(*, content: bytes = CONTENT, name: str = "bill.pdf", **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData(quote_fields=False)  # names as browsers and curl send them
    for key, value in {"type": "attachment", **fields}.items():
        made.add_field(key, value)
    made.add_field("file", content, filename=name, content_type="application/pdf")
    return made


async def uploads(api: Api, given: Any, auth: str = AUTH) -> tuple[int, dict[str, Any]]:
    headers = {"authorization": auth} if auth else {}
    async with api.session.post(f"{api.url}/v1/material", data=given, headers=headers) as response:
        return response.status, await response.json()


def key(url: str) -> str:
    return url.rpartition("/")[2]


def mail(*urls: str) -> dict[str, Any]:
    group = {"type": "EMAIL", "addresses": ["ann@example.org"]}
    content = {"email": {"subject": "Your bill", "text": "<p>Here it is.</p>", "files": list(urls)}}
    return {"audience": {"addresses": [group]}, "body": {"content": content}}


async def test_an_uploaded_file_is_kept_whole_for_its_channel_alone(api: Api) -> None:
    status, answer = await uploads(api, form(name="C:\\docs\\账单.pdf"))

    assert (status, answer["code"]) == (200, 0)
    assert answer["url"].startswith("http://localhost:8000/v1/material/")
    found = await load(api.engine, "shop", key(answer["url"]))
    assert found
    assert (found.name, found.content_type, found.content) == ("账单.pdf", "application/pdf", CONTENT)
    assert len(await fetch(connection(), "SELECT id FROM material_part")) == len(CONTENT) // PART + 1
    assert await load(api.engine, "ops", key(answer["url"])) is None


async def test_nobody_can_download_it(api: Api) -> None:
    _, answer = await uploads(api, form())

    place = answer["url"].replace("http://localhost:8000", api.url)
    async with api.session.get(place, headers={"authorization": AUTH}) as response:
        assert response.status == 404


async def test_a_channel_sends_what_it_uploaded_and_no_other_does(api: Api) -> None:
    _, answer = await uploads(api, form())

    sent = await api.asks(SEND, input=mail(answer["url"]))
    group = {"type": "APP", "addresses": ["rid-1"]}
    app = {"platform": "all", "notification": {"alert": "hello"}}
    foreign = mail(answer["url"])
    foreign["audience"]["addresses"] = [group]
    foreign["body"]["content"]["app"] = app
    refused = await api.answers(SEND, user="ops", password="sandbox-ops-master-secret", input=foreign)

    assert sent["sendMessage"]["problems"] == []
    [problem] = refused["data"]["sendMessage"]["problems"]
    assert (problem["code"], problem["path"]) == ("unknown_material", "input.body.content.email.files[0]")


async def test_a_material_that_will_be_gone_by_then_is_refused(api: Api) -> None:
    _, answer = await uploads(api, form(time_to_live="1"))
    [material] = await fetch(connection(), "SELECT created_at, expires_at FROM material")
    await execute(connection(), "UPDATE material SET expires_at = $1", api.engine.clock())

    refused = await api.asks(SEND, input=mail(answer["url"]))

    assert material["expires_at"] - material["created_at"] == HOUR
    assert [problem["code"] for problem in refused["sendMessage"]["problems"]] == ["material_expires"]


async def test_what_is_over_leaves_the_database(api: Api) -> None:
    await uploads(api, form())
    assert await expire(api.engine) == 0
    await execute(connection(), "UPDATE material SET expires_at = $1", api.engine.clock())

    assert await expire(api.engine) == 3
    assert await fetch(connection(), "SELECT id FROM material_part") == []
    assert await expire(api.engine) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (form(type="image"), "type: found 'image', expected attachment"),
        (form(time_to_live="169"), "time_to_live: found '169', expected 1 to 168 hours"),
        (form(time_to_live="0"), "time_to_live: found '0', expected 1 to 168 hours"),
        (form(time_to_live="a day"), "time_to_live: found 'a day', expected 1 to 168 hours"),
        ({"type": "attachment", "file": "no file"}, "send multipart/form-data with type, file and time_to_live"),
    ],
)
async def test_what_is_no_upload_is_refused_in_words(api: Api, given: Any, message: str) -> None:
    assert await uploads(api, given) == (400, {"code": 4004, "message": message})


async def test_two_files_are_one_too_many(api: Api) -> None:
    two = form()
    two.add_field("file", b"another", filename="b.txt")

    status, answer = await uploads(api, two)

    assert (status, answer["code"]) == (400, 4004)
    assert "Too many files" in answer["message"]


async def test_a_file_that_is_too_large_is_refused_before_all_of_it_was_read(api: Api) -> None:
    async def endless() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(1000):
            yield b"x" * 100_000

    headers = {"authorization": AUTH, "content-type": "multipart/form-data; boundary=x"}
    async with api.session.post(f"{api.url}/v1/material", data=endless(), headers=headers) as response:
        assert response.status == 413
        assert await response.json() == {"code": 4004, "message": "the file is larger than 20 MB"}


@pytest.mark.parametrize(
    ("auth", "status"),
    [
        ("", 401),
        (aiohttp.encode_basic_auth("shop", "guessed"), 401),
        (aiohttp.encode_basic_auth("people", "sandbox-people-secret"), 403),
    ],
)
async def test_only_a_channel_may_upload(api: Api, auth: str, status: int) -> None:
    refused, answer = await uploads(api, form(), auth)

    assert (refused, answer["code"]) == (status, 4005)
    assert await fetch(connection(), "SELECT id FROM material") == []

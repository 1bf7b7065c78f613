"""Secrets that anybody would recognise are planted everywhere, and looked for in everything that UMS says and keeps."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.plants import ENV, edit, generated, leaked, loaded, plant, tables, ums
from tests.processes import Installation
from tests.shop import Time
from ums.database import connection, fetch, opened
from ums.errors import ProviderRefused, SecretMissing
from ums.messaging.engine import running
from ums.providers.contract import Account
from ums.settings import Settings
from ums.snapshot import Snapshots

WRONG = {"accounts": {"app-key": "another", "sms-key": "another", "shop": "another"}}
ADDRESSES = {"APP": "rid-1", "SMS": "13800000001", "EMAIL": "ann@example.org"}
CONTENT = {
    "app": {"platform": "all", "notification": {"alert": "hello"}},
    "sms": {"temp_id": 1, "temp_para": {"code": "1"}},
    "email": {"subject": "hello", "text": "<p>hello</p>"},
}
SEND = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id } problems { message } } }"
EVERYTHING = """{
  config { revision status { status revision commit checkedAt } history { number author commit message }
    drift { path declared live } resources { kind name body status reason } }
  messages { edges { node { id state failure content losses { reason }
    deliveries { edges { node { code words } } } } } }
  __schema { types { name description fields { name description } } } }"""
LIFE = """query ($id: ID!, $target: String!) { lifecycle(messageId: $id, target: $target) {
  progress { what detail } log { verdict code words providerId requestKey } } }"""


@pytest.fixture
def planted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    with plant(settings, monkeypatch) as made:
        yield made


def read_below(folder: Path) -> str:
    return "\n".join(file.read_text() for file in folder.rglob("*") if file.is_file())


async def test_no_command_says_a_secret(planted: Installation) -> None:
    said = [ums(planted, "db", "upgrade")]
    for number, how in enumerate(("text", "json", "github")):
        said += [ums(planted, command, "--format", how) for command in ("validate", "plan", "apply", "drift")]
        edit(
            planted,
            f"Ops {number}\nmasterSecret: {{file: ops.secret}}",
            f"Ops {number + 1}\nmasterSecret: {{generate: true}}",
        )
        edit(planted, f"Ops {number}\n", f"Ops {number + 1}\n")
        said += [ums(planted, command, "--format", how) for command in ("plan", "apply")]
    said += [ums(planted, "history"), ums(planted, "show", "1"), ums(planted, "show", "2", "--format", "json")]
    said += [ums(planted, "secret", "rotate"), ums(planted, "secret", "renew", "Channel/ops", "masterSecret")]
    exported = planted.settings.root / "exported"
    said.append(ums(planted, "export", str(exported)))

    assert leaked("\n".join(said) + read_below(exported), generated(planted)) == []
    assert "masterSecret" in read_below(exported)
    assert "1" not in {one[0] for one in said}, "a command failed and had nothing to say"


async def test_a_secret_that_stands_in_a_file_is_refused_and_not_repeated(planted: Installation) -> None:
    edit(planted, "{env: PLANTED_APP}", "planted-env-app")
    edit(planted, "{generate: true}", "{generate: planted-file-ops}")

    said = "\n".join(ums(planted, "validate", "--format", how) for how in ("text", "json", "github"))

    assert "a secret itself never stands in a file" in said
    assert leaked(said) == []


@pytest.fixture
async def failing(planted: Installation) -> Installation:
    """The service, every process real, and providers that refuse its secrets."""
    ums(planted, "apply")
    stand_ins = planted.settings.sandbox
    planted.start("sandbox", "sandbox", "--address", stand_ins, "--receipts-to", planted.settings.public_url)
    planted.start("api", "api")
    planted.start("worker", "worker")
    await planted.ready()
    for platform in ("jpush", "jsms", "smtp"):
        await planted.plays(platform, **WRONG)
    return planted


async def asks(planted: Installation, secret: str, query: str, **variables: Any) -> str:
    headers = {"authorization": aiohttp.encode_basic_auth("shop", secret)}
    body = {"query": query, "variables": variables}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{planted.settings.public_url}/graphql", json=body) as response,
    ):
        return await response.text()


async def refusals(planted: Installation, number: int) -> str:
    """The log, once the worker has written of so many refusals."""
    until = time.monotonic() + 20
    while (log := planted.log.read_text()).count("provider_refused") < number and time.monotonic() < until:
        await asyncio.sleep(0.1)
    return log


async def test_neither_log_nor_api_nor_database_has_a_secret_when_providers_refuse_it(failing: Installation) -> None:
    secret, said = generated(failing), []
    for kind, address in ADDRESSES.items():
        audience = {"addresses": [{"type": kind, "addresses": [address]}]}
        given = {"audience": audience, "body": {"content": {kind.lower(): CONTENT[kind.lower()]}}}
        said.append(await asks(failing, secret, SEND, input=given))
    log = await refusals(failing, 3)
    for said_of, address in zip(list(said), ADDRESSES.values(), strict=True):
        message = json.loads(said_of)["data"]["sendMessage"]["message"]["id"]
        said.append(await asks(failing, secret, LIFE, id=message, target=address))
    said += [await asks(failing, secret, EVERYTHING), await asks(failing, "planted-wrong", EVERYTHING)]
    kept = await tables(loaded(failing))

    assert log.count("provider_refused") >= 3
    assert "UNAUTHORIZED" in said[-1]
    assert all("errors" not in json.loads(answer) for answer in said[:-1])
    assert {"said": leaked("\n".join(said), secret), "log": leaked(log, secret), "kept": leaked(kept, secret)} == {
        "said": [], "log": [], "kept": [],
    }  # fmt: skip


async def test_what_ums_made_is_kept_encrypted_and_nothing_else_is_kept(planted: Installation) -> None:
    ums(planted, "apply")

    async with opened(loaded(planted)):
        rows = await fetch(connection(), "SELECT kind, name, path, ciphertext FROM stored_secret")
        newest = await Snapshots(Time()).newest()

    assert [(row["kind"], row["name"], row["path"]) for row in rows] == [("Channel", "shop", "masterSecret")]
    assert newest.secret(loaded(planted), "Channel", "shop", "masterSecret") == generated(planted)
    assert leaked(rows[0]["ciphertext"], generated(planted)) == []


async def test_nothing_that_is_printed_for_an_engineer_shows_a_secret(
    planted: Installation,
) -> None:
    ums(planted, "apply")
    secret = generated(planted)
    async with running(loaded(planted), Time()) as engine:
        snapshot = await engine.snapshots.newest()
        opened_ = [await engine.connections.get(snapshot, code) for code in ("app", "sms", "mail")]
        account = Account("app", {"masterSecret": ENV["PLANTED_APP"]})
        things = [engine, engine.settings, snapshot, engine.snapshots, engine.connections, account, *opened_]
        printed = "\n".join(f"{thing!r} {thing!s}" for thing in things)

    assert leaked(printed, secret) == []


async def test_an_error_about_a_secret_names_where_it_comes_from_alone(planted: Installation) -> None:
    ums(planted, "apply")
    (planted.settings.root / "secret.key").write_text("planted-wrong-key")
    (planted.settings.root / "sms.secret").unlink()
    settings = loaded(planted)
    real = Settings(settings.root, settings.config, database_url=settings.database_url, secret_key=settings.secret_key)

    async with running(real, Time()) as engine:
        snapshot = await engine.snapshots.newest()
        with pytest.raises(SecretMissing) as wrong_key:
            snapshot.secret(real, "Channel", "shop", "masterSecret")
        with pytest.raises(ProviderRefused) as missing:
            await engine.connections.get(snapshot, "sms")

    said = [f"{error.value} {error.value!r}" for error in (wrong_key, missing)]
    assert "file secret.key is not the one that encrypted this" in said[0]
    assert "file sms.secret is not set" in said[1]
    assert leaked("\n".join(said), "planted-wrong-key") == []

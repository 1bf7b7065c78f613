"""The story of Members, whole: the first token, people who sign in, what each may do, what is written down, the end."""

import asyncio
import sys

import pytest

from tests.api.browser import ME, Browser
from tests.api.browser import browser as browser
from tests.api.browser import secret as secret
from tests.api.conftest import Api
from tests.api.test_sending import SEND
from tests.members.declared import MEMBERS
from ums.reconcile import reconcile
from ums.vocabulary import system_clock

PHONE = "+8613800000001"
CONTENT = {"content": {"sms": {"temp_id": 7, "temp_para": {"name": "Ann"}}}}
CREATE = 'mutation ($member: String!) { createMemberToken(member: $member, name: "laptop") { text } }'
DELIVERIES = "query ($id: ID!) { message(id: $id) { deliveries { edges { node { state address } } } } }"
RECALL = "mutation ($id: ID!) { recallMessage(id: $id) { problems { code } } }"
LOG = "{ auditLog { edges { node { who means what about problems } } } }"


@pytest.fixture
def more_declared() -> str:
    return MEMBERS


async def _first_token(api: Api) -> str:
    """As whoever runs the server makes it."""
    settings = api.engine.settings
    file = settings.root / "ums.yaml"
    urls = f"database: {{url: '{settings.database_url}'}}\nqueue: {{url: '{settings.queue_url}'}}\n"
    file.write_text(f"apiVersion: ums/v1\nkind: Installation\n{urls}")
    command = [sys.executable, "-m", "ums.cli", "-f", str(file), "member", "token", "create", "root", "--days", "1"]
    run = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    return (await run.communicate())[0].decode().strip()


async def test_members_work_together(browser: Browser) -> None:
    api = browser.api
    api.engine.clock.now = system_clock()  # type: ignore[attr-defined]  # the command goes by the real time
    browser.provider.now = api.engine.clock() // 1000
    root = await _first_token(api)
    vera, chen = [
        (await api.member_answers(CREATE, root, member=login))["data"]["createMemberToken"]["text"]
        for login in ("vera", "chen")
    ]

    await browser.gets("/login")
    direct = {"addresses": [{"type": "SMS", "addresses": [PHONE]}]}
    sent = await browser.asks(SEND, channel="shop", input={"audience": direct, "body": CONTENT})
    message = sent["data"]["sendMessage"]["message"]["id"]
    await api.works()

    async def seen(token: str) -> object:
        return (await api.member_answers(DELIVERIES, token, "shop", id=message))["data"]["message"]["deliveries"]

    assert await seen(vera) == {"edges": [{"node": {"state": "SUBMITTED", "address": "+86138****0001"}}]}
    assert await seen(root) == {"edges": [{"node": {"state": "SUBMITTED", "address": PHONE}}]}
    refused = await api.member_answers(RECALL, vera, "shop", id=message)
    assert refused["errors"][0]["extensions"] == {"code": "FORBIDDEN"}

    log = (await api.member_answers(LOG, chen, "shop"))["data"]["auditLog"]["edges"]
    assert [edge["node"] for edge in log] == [
        {
            "who": "vera", "means": "token laptop", "what": "recallMessage", "about": [f"message:{message}"],
            "problems": ["FORBIDDEN"],
        },
        {"who": "lin", "means": "session", "what": "sendMessage", "about": [f"message:{message}"], "problems": []},
    ]  # fmt: skip
    whole = (await api.member_answers(LOG, root))["data"]["auditLog"]["edges"]
    assert [(edge["node"]["who"], edge["node"]["what"]) for edge in whole[2:-1]] == [
        ("lin", "login"), ("root", "createMemberToken"), ("root", "createMemberToken"),
    ]  # fmt: skip
    assert (whole[-1]["node"]["means"], whole[-1]["node"]["about"]) == ("command line", ["member:root", "name:cli"])

    revoke = 'mutation { revokeMemberToken(member: "vera", name: "laptop") { revoked } }'
    await api.member_answers(revoke, root)
    more = api.engine.settings.config / "more.yaml"
    more.write_text(more.read_text().replace("name: lin\n", "name: lin\nenabled: false\n"))
    await reconcile(api.engine.settings, write=True)
    api.engine.clock.passes(1000)  # type: ignore[attr-defined]
    for answer in (await api.member_answers(ME, vera), await browser.asks(ME)):
        assert answer["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}
    assert (await api.member_answers(ME, chen))["data"] == {"me": {"login": "chen"}}

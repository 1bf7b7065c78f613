"""`ums member`: how the first admin gets in, and how a session of anybody ends."""

import asyncio
from pathlib import Path

from tests.cli.conftest import Terminal
from ums.database import opened
from ums.members import audit_log, sessions
from ums.settings import load_settings
from ums.vocabulary import system_clock

ROOT = """---
apiVersion: ums/v1
kind: Member
name: root
email: root@ops.example
roles: [{role: admin}]
"""


def _applied(ums: Terminal) -> None:
    ums.channel.write_text(ums.channel.read_text() + ROOT)
    assert ums.run("apply")[0] == 0


def test_a_token_is_printed_once_and_listed_without_its_text(ums: Terminal) -> None:
    _applied(ums)

    code, out, _ = ums.run("member", "token", "create", "root", "--name", "laptop")
    listed = ums.run("member", "token", "list")[1]

    assert (code, out[:4]) == (0, "ums_")
    assert listed.splitlines()[1].split()[:2] == ["root", "laptop"]
    assert listed.splitlines()[1].split()[-1] == "never"
    assert out.strip() not in listed


def test_a_revoked_token_is_gone(ums: Terminal) -> None:
    _applied(ums)
    ums.run("member", "token", "create", "root", "--name", "laptop")

    assert ums.run("member", "token", "revoke", "root", "laptop") == (0, "revoked: token laptop of root\n", "")
    assert ums.run("member", "token", "revoke", "root", "laptop") == (1, "", "name: root has no token 'laptop'\n")


def test_a_login_that_is_not_declared_gets_no_token(ums: Terminal) -> None:
    _applied(ums)

    message = "member: there is no Member 'rot' who may get in; did you mean 'root'?\n"
    assert ums.run("member", "token", "create", "rot") == (1, "", message)


def test_two_tokens_of_one_name_are_refused(ums: Terminal) -> None:
    _applied(ums)
    ums.run("member", "token", "create", "root")

    message = "name: root has a token 'cli' already; revoke it, or choose another\n"
    assert ums.run("member", "token", "create", "root") == (1, "", message)


async def test_what_is_done_at_the_command_line_is_in_the_audit_log(ums: Terminal, tmp_path: Path) -> None:
    await asyncio.to_thread(_applied, ums)
    await asyncio.to_thread(ums.run, "member", "token", "create", "root")
    await asyncio.to_thread(ums.run, "member", "token", "revoke", "root", "cli")

    async with opened(load_settings(tmp_path / "ums.yaml")):
        found = await audit_log.page(audit_log.Wanted(), first=5, before_id=None)
    assert [(entry.who, entry.means, entry.what, entry.about, entry.problems) for entry in found] == [
        ("ada", "command line", what, ["member:root", "name:cli"], [])
        for what in ("revokeMemberToken", "createMemberToken")
    ]


async def test_sessions_are_listed_and_revoked_and_that_is_in_the_audit_log(ums: Terminal, tmp_path: Path) -> None:
    await asyncio.to_thread(_applied, ums)
    settings = load_settings(tmp_path / "ums.yaml")
    async with opened(settings):
        for login in ("root", "root", "lin"):
            await sessions.start(login, 12, system_clock())

    listed = await asyncio.to_thread(ums.run, "member", "session", "list")
    said = [await asyncio.to_thread(ums.run, "member", "session", "revoke", "root") for _ in range(2)]

    assert [line.split()[0] for line in listed[1].splitlines()] == ["member", "lin", "root", "root"]
    assert said == [(0, "revoked: 2 sessions of root\n", ""), (1, "", "member: root is signed in nowhere\n")]
    async with opened(settings):
        assert [one.member for one in await sessions.sessions(None, system_clock())] == ["lin"]
        [entry] = await audit_log.page(audit_log.Wanted(), first=5, before_id=None)
    assert (entry.who, entry.what, entry.about) == ("ada", "revokeMemberSessions", ["member:root"])

"""`ums member token`: how the first admin gets in."""

from tests.cli.conftest import Terminal

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

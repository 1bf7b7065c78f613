"""`ums audit list` at a terminal."""

from tests.cli.conftest import Terminal

RULES = """---
apiVersion: ums/v1
kind: Member
name: chen
email: chen@shop.example
roles: [{role: auditor}]
---
apiVersion: ums/v1
kind: AuditRule
channel: shop
name: templates
on: template
levels: [[chen]]
"""
TEMPLATE = """---
apiVersion: ums/v1
kind: Template
channel: shop
name: hello
content:
  app: {platform: all, notification: {alert: hello}}
"""


def test_what_waits_is_listed_with_whose_turn_it_is(ums: Terminal) -> None:
    ums.channel.write_text(ums.channel.read_text() + RULES)
    ums.run("apply")
    nothing = ums.run("audit", "list")
    ums.channel.write_text(ums.channel.read_text() + TEMPLATE)
    ums.run("apply")

    code, said, _ = ums.run("audit", "list", "shop")

    assert nothing == (0, "Nothing waits for a review.\n", "")
    assert (code, said.split()[7:15]) == (0, ["1", "shop", "Template", "shop/hello", "1", "of", "1", "chen"])
    assert ums.run("audit", "list", "ops")[1] == "Nothing waits for a review.\n"


def test_a_plan_of_what_is_declared_and_not_approved_is_empty(ums: Terminal) -> None:
    ums.channel.write_text(ums.channel.read_text() + RULES + TEMPLATE)
    applied = ums.run("apply")

    code, said, _ = ums.run("plan")

    assert "waits for approval by AuditRule templates" in applied[1]
    assert (code, said.splitlines()[:2]) == (
        0,
        ["Declared, and not approved:", "    ? Template/shop/hello: waits for approval, ticket 1; nothing is in use"],
    )
    assert ums.run("drift")[0] == 0

"""Templates at JSMS under an AuditRule: nothing of a new version reaches JSMS before it is approved."""

import pytest

from tests.provider_templates.conftest import DOCUMENTS, applies, documents, performs
from tests.provider_templates.test_make import at_jsms, made, refusal
from tests.shop import Shop
from ums.messaging.after.audited import Decision, approve, reject
from ums.models import AuditTicket

RULE = """apiVersion: ums/v1
kind: Member
name: chen
email: chen@shop.example
roles: [{role: auditor}]
---
apiVersion: ums/v1
kind: AuditRule
channel: shop
name: texts
on: template
templates: [sms]
levels: [[chen]]
---
"""
OTHER = DOCUMENTS.replace("Your code is", "Here is your code:")


@pytest.fixture
def more_declared() -> str:
    return RULE + DOCUMENTS


async def decision() -> Decision:
    """Of chen, about the newest ticket."""
    ticket = await AuditTicket.all().order_by("-id").first()
    assert ticket
    return Decision("shop", ticket.id, ticket.version, "chen", "a word")


async def codes(shop: Shop) -> list[str]:
    """The texts of templates at JSMS, without the signature's."""
    return [text for text in (await at_jsms(shop)).values() if "code" in text]


async def test_a_new_template_is_made_when_it_is_approved(shop: Shop) -> None:
    await performs(shop)
    before = await codes(shop)

    await approve(shop.engine, await decision())
    await performs(shop)

    assert (before, await codes(shop)) == ([], ["Your code is {{code}}."])
    assert await made()


async def test_what_was_approved_stays_at_jsms_until_the_other_text_is(shop: Shop) -> None:
    await approve(shop.engine, await decision())
    await performs(shop)
    await applies(shop, RULE + OTHER)
    before = await codes(shop)

    await reject(shop.engine, await decision())
    await performs(shop)

    assert before == await codes(shop) == ["Your code is {{code}}."]


async def test_a_template_that_is_rejected_is_never_made_and_nothing_is_sent_with_it(shop: Shop) -> None:
    await performs(shop)
    await reject(shop.engine, await decision())
    await performs(shop)

    assert await codes(shop) == []
    assert "login-code" in await refusal(shop)


async def test_what_only_names_a_template_that_was_made_elsewhere_is_not_reviewed(shop: Shop) -> None:
    before = await AuditTicket.all().count()
    text = documents(shop).read_text().replace('text: "Your code is {{code}}."\ntype: verification\nttl: 300', "id: 77")

    await applies(shop, text)

    assert (before, await AuditTicket.all().count()) == (1, 1)
    assert (await AuditTicket.get()).state == "withdrawn"

"""A mail's way out: by a link of his own a reader comes onto the Blacklist that the send named."""

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from tests.messaging.expanding.test_lists import apply
from tests.shop import Shop, person
from ums.database import connection, execute
from ums.messaging.delivering.clicks import follow
from ums.messaging.delivering.links import LinkInvalid
from ums.messaging.delivering.unsubscribing import read, unsubscribe
from ums.models import ListMember
from ums.vocabulary import State

LIST = """
apiVersion: ums/v1
kind: Blacklist
channel: shop
name: no-news
membership: api
unsubscribe: true
"""
MAIL = {"email": {"subject": "News", "text": '<p><a href="https://shop.example/a">All of it</a></p>'}}
PLAIN = {"email": {"subject": "News", "text": "No link at all"}}


@pytest.fixture
def more_declared() -> str:
    return LIST


@pytest.fixture
async def secure(shop: Shop) -> Shop:
    """Reached by https."""
    await shop.knows(person("ann", mail="ann@example.org"), person("bob", mail="bob@example.org"))
    settings = replace(shop.engine.settings, public_url="https://ums.example")
    return replace(shop, engine=replace(shop.engine, settings=settings))


async def mails(shop: Shop, content: object = MAIL, **options: str) -> dict[str, EmailMessage]:
    """What each address got."""
    await shop.sends({"users": {"userIds": ["ann", "bob"]}}, content=content, **options)
    await shop.works()
    stored = shop.sandbox.record("smtp").accepted
    return {m["targets"][0]: message_from_bytes(m["raw"].encode("latin-1"), policy=default) for m in stored}


def token(mail: EmailMessage) -> str:
    link = str(mail["List-Unsubscribe"])
    assert link.startswith("<https://ums.example/u/")
    return link.removeprefix("<https://ums.example/u/").removesuffix(">")


@pytest.mark.parametrize("content", [MAIL, PLAIN], ids=["with links", "the same for all"])
async def test_a_mail_of_a_send_that_names_the_list_has_both_headers_and_each_reader_a_link_of_his_own(
    secure: Shop, content: object
) -> None:
    found = await mails(secure, content, blacklist="no-news")

    assert {str(mail["List-Unsubscribe-Post"]) for mail in found.values()} == {"List-Unsubscribe=One-Click"}
    leaving = {address: (await read(secure.engine, token(mail))).user_id for address, mail in found.items()}
    assert leaving == {"ann@example.org": "ann", "bob@example.org": "bob"}


async def test_whoever_unsubscribes_gets_no_more_of_these_and_asking_twice_changes_nothing(secure: Shop) -> None:
    found = await mails(secure, blacklist="no-news")
    for _ in range(2):
        await unsubscribe(secure.engine, token(found["ann@example.org"]))

    message = await secure.sends({"users": {"userIds": ["ann", "bob"]}}, content=MAIL, blacklist="no-news")
    await secure.works()

    assert await secure.states(message) == {"ann": State.LOST, "bob": State.DELIVERED}
    assert [member.user_id for member in await ListMember.all()] == ["ann"]


async def test_other_sends_and_direct_addresses_have_no_such_header(secure: Shop) -> None:
    found = await mails(secure)
    direct = {"addresses": [{"type": "email", "deliveryChannel": "mail", "addresses": ["eve@example.org"]}]}
    await secure.sends(direct, content=MAIL, blacklist="no-news")
    await secure.works()
    last = message_from_bytes(secure.sandbox.record("smtp").accepted[-1]["raw"].encode(), policy=default)

    assert [mail["List-Unsubscribe"] for mail in [*found.values(), last]] == [None] * 3
    assert last["To"] == "eve@example.org"


async def test_over_http_there_is_a_link_and_no_promise_of_one_click(shop: Shop) -> None:
    await shop.knows(person("ann", mail="ann@example.org"))
    found = await mails(shop, blacklist="no-news")

    assert str(found["ann@example.org"]["List-Unsubscribe"]).startswith("<http://localhost:8000/u/")
    assert found["ann@example.org"]["List-Unsubscribe-Post"] is None


async def test_the_link_outlives_the_message_and_click_links_still_lead_on(secure: Shop) -> None:
    found = await mails(secure, blacklist="no-news")
    mail = found["ann@example.org"]
    body = mail.get_body(("html",))
    assert body
    click = body.get_content().partition("/c/")[2][:26]
    assert await follow(secure.engine, click, counted=False) == "https://shop.example/a"
    await execute(connection(), "DELETE FROM message")

    assert (await unsubscribe(secure.engine, token(mail))).user_id == "ann"


async def test_a_link_that_was_tampered_with_or_whose_list_is_gone_does_nothing(secure: Shop) -> None:
    given = token((await mails(secure, blacklist="no-news"))["ann@example.org"])
    with pytest.raises(LinkInvalid, match="not made here"):
        await unsubscribe(secure.engine, given[:-3] + "AAA")

    (secure.engine.settings.config / "more.yaml").write_text("")
    await apply(secure, prune=True)

    with pytest.raises(LinkInvalid, match="come to its end"):
        await unsubscribe(secure.engine, given)

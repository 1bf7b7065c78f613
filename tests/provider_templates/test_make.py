"""What documents of templates and signatures cause at JSMS."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.provider_templates.conftest import DOCUMENTS, applies, performs
from tests.shop import Shop, person
from ums.database import transaction
from ums.errors import CallerRefused, OutcomeUnknown
from ums.models import Effect, Making, ProviderObject
from ums.provider_objects import rows as provider_objects
from ums.provider_templates.keep import look_at_reviews
from ums.provider_templates.sync import sync
from ums.providers.contract import Provider
from ums.providers.jsms.keeping import Keeping
from ums.providers.keeper import ObjectId, Reviewed
from ums.reconcile.history import shown
from ums.sandbox.jsms import JsmsStandIn
from ums.vocabulary import Review

NOTICE = DOCUMENTS.replace("type: verification\nttl: 300\n", "type: notice\n").replace("code is", "number is")
BY_ID = """apiVersion: ums/v1
kind: ProviderTemplate
channel: shop
name: login-code
deliveryChannel: sms
id: {}
"""


async def made(kind: str = "ProviderTemplate") -> str:
    """The id at JSMS."""
    return (await Making.get(kind=kind)).provider_id


async def provider(shop: Shop) -> Provider:
    return await shop.engine.connections.get(await shop.engine.snapshots.newest(), "sms")


async def at_jsms(shop: Shop) -> dict[str, str]:
    """The words of each template and signature by its id, as the stand-in has them."""
    jsms = shop.sandbox.actors["jsms"]
    assert isinstance(jsms, JsmsStandIn)
    return {str(number): text for number, text in jsms.reviewer.texts().items()}


async def sends(shop: Shop) -> Any:
    return await shop.sends({"users": {"userIds": ["ann"]}}, template="login", variables={"code": "1234"})


async def refusal(shop: Shop) -> str:
    with pytest.raises(CallerRefused) as refused:
        await sends(shop)
    return str(refused.value)


async def last_errors(revision: int) -> dict[str, tuple[str, str]]:
    return {seen.kind: (seen.status, seen.last_error) for seen in (await shown(revision)).effects}


async def test_what_a_document_says_is_made_and_reviewed_before_anything_is_sent_with_it(shop: Shop) -> None:
    await shop.knows(person("ann", phone="13800000001"))
    assert "is not at the provider of sms yet" in await refusal(shop)

    assert await performs(shop) == 0

    assert set((await at_jsms(shop)).values()) == {"Your code is {{code}}.", "ShopNews"}
    assert f"template {await made()} of sms is in review" in await refusal(shop)


async def test_an_approved_template_is_sent_with_its_id(shop: Shop, reviewed: None) -> None:
    await shop.knows(person("ann", phone="13800000001"))
    await performs(shop)
    shop.time.passes(3_600_000)
    await look_at_reviews(shop.engine)
    shop.engine.snapshots.look_again()

    message = await sends(shop)
    await shop.works()

    ids = {"temp_id": int(await made()), "sign_id": int(await made("Signature"))}
    assert message.content["sms"] == {**ids, "temp_para": {"code": "1234"}}
    [accepted] = shop.sandbox.record("jsms").accepted
    assert ids.items() <= accepted.items()


async def test_what_is_there_already_is_not_made_again(shop: Shop) -> None:
    await performs(shop)
    before = await at_jsms(shop)

    await Effect.all().update(status="pending", next_at=shop.time())
    await performs(shop)

    assert await at_jsms(shop) == before


async def test_two_workers_make_one(shop: Shop) -> None:
    await asyncio.gather(*(performs(shop) for _ in range(4)))
    shop.time.passes(10**7)
    await performs(shop)

    assert sorted((await at_jsms(shop)).values()) == ["ShopNews", "Your code is {{code}}."]


async def test_only_what_was_rejected_is_edited(shop: Shop, reviewed: None) -> None:
    shop.plays("jsms", refuse=["code is"])
    await performs(shop)
    first = await made()
    await sync(await provider(shop), shop.time)
    shop.engine.snapshots.look_again()
    assert f"template {first} of sms is rejected" in await refusal(shop)

    await applies(shop, NOTICE)

    assert (await at_jsms(shop))[first] == "Your number is {{code}}."
    assert await made() == first
    assert (await ProviderObject.get(kind="ProviderTemplate")).review == "in_review"


async def test_what_is_approved_stays_as_it_is_and_its_author_is_told_what_to_do(shop: Shop, reviewed: None) -> None:
    await performs(shop)

    await applies(shop, NOTICE)

    status, error = (await last_errors(2))["ProviderTemplate"]
    assert status == "failed"
    assert "is approved with other words, and only what was rejected can be edited; declare another one" in error
    assert (await at_jsms(shop))[await made()] == "Your code is {{code}}."
    assert (await Making.get(kind="ProviderTemplate")).problem == error


async def test_an_edit_waits_for_the_review_of_the_former_words(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.plays("jsms", refuse=["code is"])
    await performs(shop)
    await applies(shop, NOTICE)
    status, error = (await last_errors(2))["ProviderTemplate"]
    assert (status, "is in review with other words" in error) == ("pending", True)

    monkeypatch.setattr("ums.sandbox.jsms.templates.REVIEW_SECONDS", 0.0)
    for _ in range(20):  # a review may take longer than anything is tried
        await Effect.filter(status="pending").update(next_at=shop.time())
        monkeypatch.setattr("ums.sandbox.jsms.templates.REVIEW_SECONDS", 60.0)
        assert await performs(shop) == 1
    monkeypatch.setattr("ums.sandbox.jsms.templates.REVIEW_SECONDS", 0.0)
    shop.time.passes(5 * 60_000)
    assert await performs(shop) == 0

    assert (await at_jsms(shop))[await made()] == "Your number is {{code}}."


async def test_what_no_document_says_any_more_is_deleted_there(shop: Shop) -> None:
    await performs(shop)

    await applies(shop, "", prune=True)

    assert await at_jsms(shop) == {}
    assert (await Making.all().count(), await ProviderObject.all().count()) == (0, 0)


async def test_what_is_renamed_stays_what_it_is_at_jsms(shop: Shop) -> None:
    await performs(shop)
    before = await made()

    renamed = DOCUMENTS.replace("name: login-code", "name: code\nmoved: {from: login-code}")
    await applies(shop, renamed.replace("template: login-code", "template: code"))

    assert (await Making.get(kind="ProviderTemplate")).name == "shop/code"
    assert await made() == before
    assert len(await at_jsms(shop)) == 2


async def test_what_is_known_by_its_id_alone_is_looked_at_and_left_alone(shop: Shop, reviewed: None) -> None:
    template = await (await provider(shop)).make("ProviderTemplate", {"text": "Hello", "type": "notice"})

    await applies(shop, BY_ID.format(template), prune=True)
    known = await ProviderObject.get(provider_id=template)
    assert (known.state, known.review, known.text) == ("normal", "approved", "Hello")

    await applies(shop, "", prune=True)
    assert list((await at_jsms(shop)).values()) == ["Hello"]


async def test_what_has_an_id_and_words_is_taken_over(shop: Shop, reviewed: None) -> None:
    shop.plays("jsms", refuse=["Hello"])
    template = await (await provider(shop)).make("ProviderTemplate", {"text": "Hello", "type": "notice"})

    await applies(shop, BY_ID.format(template) + "text: Good day\ntype: notice\n", prune=True)
    assert await at_jsms(shop) == {template: "Good day"}

    await applies(shop, "", prune=True)
    assert await at_jsms(shop) == {}


async def test_an_id_that_jsms_does_not_know_is_said(shop: Shop) -> None:
    await applies(shop, BY_ID.format(7) + "text: Good day\ntype: notice\n", prune=True)

    assert "sms has none with the id 7: remove the id to have one made" in (await last_errors(2))["ProviderTemplate"][1]
    snapshot = await shop.engine.snapshots.newest()
    assert "is invalid" in snapshot.invalid("shop")["ProviderTemplate", "shop/login-code"]


def dying(real: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[str]]:
    """It is made, and the process ends before anybody hears of it."""

    async def makes_and_dies(*given: Any) -> str:
        await real(*given)
        raise KilledError

    return makes_and_dies


class KilledError(BaseException):
    """As if the process were gone: nothing after it is written."""


async def test_whoever_dies_between_the_making_and_its_note_has_it_made_once_and_found_by_its_review(
    shop: Shop, reviewed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dies:
        dies.setattr(Keeping, "make", dying(Keeping.make))
        with pytest.raises(KilledError):
            await performs(shop)
    [lost] = await at_jsms(shop)

    while await performs(shop):
        shop.time.passes(60_000)
    status, error = (await last_errors(1))["Signature"]
    assert (status, "its answer did not arrive, so it may be there" in error) == ("failed", True)
    assert sorted((await at_jsms(shop)).values()) == ["ShopNews", "Your code is {{code}}."]

    async with transaction() as tx:
        await provider_objects.reviewed(
            tx, "sms", [Reviewed(ObjectId("Signature", lost), Review.APPROVED)], shop.time()
        )
    await look_at_reviews(shop.engine)

    assert await made("Signature") == lost


async def test_a_lost_answer_makes_nothing_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(*_: Any) -> str:
        raise OutcomeUnknown("connection lost")

    monkeypatch.setattr(Keeping, "make", lost)
    await performs(shop)
    monkeypatch.undo()
    shop.time.passes(10**8)
    await performs(shop)

    assert await at_jsms(shop) == {}
    assert {status for status, _ in (await last_errors(1)).values()} == {"failed"}

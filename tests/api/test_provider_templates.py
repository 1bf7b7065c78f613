"""What providers keep, through the API."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.provider_templates.conftest import DOCUMENTS
from tests.provider_templates.test_sync import OFFICIAL
from ums.models import ProviderObject
from ums.reconcile.effects import perform
from ums.sandbox.jsms import templates as reviewer

LIST = """query ($code: String, $first: Int = 10, $after: String) {
  providerTemplates(deliveryChannel: $code, first: $first, after: $after) {
    edges { node { kind deliveryChannel providerId name title text keywords state review reason checkedAt } }
    pageInfo { hasNextPage endCursor } } }"""
SYNC = """mutation ($code: String!) { syncProviderTemplates(deliveryChannel: $code) {
  there new gone problems { code path message } } }"""
IMPORT = """mutation ($code: String!, $id: String!) { importProviderTemplate(deliveryChannel: $code, providerId: $id) {
  document problems { code path message } } }"""
FORGET = """mutation ($code: String!, $id: String!) { forgetProviderTemplate(deliveryChannel: $code, providerId: $id) {
  problems { code path message } } }"""
LIBRARY = """query ($code: String!) { publicTemplates(deliveryChannel: $code, start: 9, limit: 2) {
  count templates { id title isLongTerm } problems { code path message } } }"""
KEYWORDS = """query ($code: String!) { publicTemplateKeywords(deliveryChannel: $code, publicTemplate: 1001) {
  keywords { id name example key } problems { code path message } } }"""
PICK = """mutation ($keywords: [Int!]!) {
  pickProviderTemplate(deliveryChannel: "oa", publicTemplate: 1001, keywords: $keywords, scene: "Orders") {
    document problems { code path message } } }"""
STATUS = "{ config { resources { kind name status reason } } }"


@pytest.fixture
def more_declared() -> str:
    return DOCUMENTS + OFFICIAL


@pytest.fixture(autouse=True)
def reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in's reviewer takes no time."""
    monkeypatch.setattr(reviewer, "REVIEW_SECONDS", 0.0)


async def made(api: Api) -> None:
    await perform(api.engine.settings, api.engine.clock)
    api.engine.snapshots.look_again()


async def news(api: Api, query: str, **variables: Any) -> Any:
    """As Channel `news`."""
    answer = await api.answers(query, user="news", password="sandbox-news-secret", **variables)
    assert "errors" not in answer, answer
    [found] = answer["data"].values()
    return found


async def nodes(api: Api, **variables: Any) -> list[dict[str, Any]]:
    return [edge["node"] for edge in (await api.asks(LIST, **variables))["providerTemplates"]["edges"]]


async def test_what_is_made_is_listed_with_its_review(api: Api) -> None:
    await made(api)
    synced = (await api.asks(SYNC, code="sms"))["syncProviderTemplates"]

    assert synced == {"there": 2, "new": 0, "gone": 0, "problems": []}
    template, signature = await nodes(api)
    assert template.pop("providerId")
    assert template.pop("checkedAt")
    assert template == {
        "kind": "TEMPLATE", "deliveryChannel": "sms", "name": "login-code", "title": "login-code",
        "text": "Your code is {{code}}.", "keywords": [], "state": "NORMAL", "review": "APPROVED", "reason": "",
    }  # fmt: skip
    assert (signature["kind"], signature["name"], signature["review"]) == ("SIGNATURE", "shop", "APPROVED")


async def test_the_list_goes_on_page_by_page(api: Api) -> None:
    first = (await api.asks(LIST, first=1))["providerTemplates"]
    rest = (await api.asks(LIST, first=1, after=first["pageInfo"]["endCursor"]))["providerTemplates"]

    assert [p["pageInfo"]["hasNextPage"] for p in (first, rest)] == [True, False]
    assert [p["edges"][0]["node"]["name"] for p in (first, rest)] == ["login-code", "shop"]
    assert await nodes(api, code="app") == []


async def test_what_cannot_be_used_says_why_in_the_configuration(api: Api) -> None:
    await made(api)
    await api.asks(SYNC, code="sms")
    await ProviderObject.filter(kind="ProviderTemplate").update(review="rejected", reason="too vague", changes=9)
    api.engine.snapshots.look_again()

    found = {r["name"]: r for r in (await api.asks(STATUS))["config"]["resources"]}

    assert found["shop/login-code"]["status"] == "INVALID"
    assert found["shop/login-code"]["reason"].endswith("is rejected: too vague")
    assert found["shop/login"]["reason"].endswith("is rejected: too vague")


async def test_what_is_imported_can_be_committed_and_is_nobody_elses(api: Api) -> None:
    await news(api, SYNC, code="oa")
    [sample] = [e["node"] for e in (await news(api, LIST))["edges"]]
    assert sample["name"] is None

    imported = await news(api, IMPORT, code="oa", id=sample["providerId"])

    assert "channel: news\n" in imported["document"]
    assert [n["name"] for n in await nodes(api)] == ["login-code", "shop"]
    missing = (await news(api, IMPORT, code="oa", id="T"))["problems"]
    assert [(p["code"], p["path"]) for p in missing] == [("unknown_provider_template", "providerId")]


async def test_a_delivery_channel_of_others_is_not_asked(api: Api) -> None:
    for query in (SYNC, IMPORT, FORGET):
        [answer] = (await api.asks(query, code="oa", id="7")).values()
        assert [p["code"] for p in answer["problems"]] == ["not_granted"]


async def test_only_what_is_gone_or_undeclared_is_forgotten(api: Api) -> None:
    await made(api)
    template = (await nodes(api))[0]["providerId"]

    [declared] = (await api.asks(FORGET, code="sms", id=template))["forgetProviderTemplate"]["problems"]
    assert declared["code"] == "declared"
    assert declared["message"].startswith("ProviderTemplate shop/login-code declares it")
    [unknown] = (await api.asks(FORGET, code="sms", id="7"))["forgetProviderTemplate"]["problems"]
    assert unknown["code"] == "unknown_provider_template"

    await ProviderObject.filter(provider_id=template).update(state="invalid", changes=9)
    api.engine.snapshots.look_again()
    assert (await api.asks(FORGET, code="sms", id=template))["forgetProviderTemplate"]["problems"] == []


async def test_a_template_is_picked_from_the_public_library(api: Api) -> None:
    page = await news(api, LIBRARY, code="oa")
    assert page == {
        "count": 40, "problems": [],
        "templates": [
            {"id": 1010, "title": "Order news 10", "isLongTerm": True},
            {"id": 1011, "title": "Order news 11", "isLongTerm": False},
        ],
    }  # fmt: skip
    assert (await news(api, KEYWORDS, code="oa"))["keywords"][1] == {
        "id": 2, "name": "Goods", "example": "Tea", "key": "thing2",
    }  # fmt: skip

    picked = await news(api, PICK, keywords=[1, 2])

    assert picked["document"].endswith("keywords:\n- character_string1\n- thing2\n")
    again = (await news(api, PICK, keywords=[1, 2]))["problems"]
    assert [p["code"] for p in again] == ["provider_refused"]
    [no_library] = (await api.asks(LIBRARY, code="sms"))["publicTemplates"]["problems"]
    assert no_library["code"] == "no_library"

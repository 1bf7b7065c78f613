"""What every provider promises of the templates and signatures that it keeps: shown against its own stand-in."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from tests.providers.test_contract import EXAMPLES, Tried, made
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers import providers
from ums.providers.contract import Provider, Report
from ums.providers.keeper import Kept, ObjectId
from ums.sandbox import Sandbox, free_address
from ums.vocabulary import Review

KEEPING = sorted(name for name, provider in providers().items() if provider.keeps)
MAKING = [(name, kind) for name in KEEPING if providers()[name].makes for kind in providers()[name].keeps]
DECLARED: Mapping[str, Mapping[str, Any]] = {
    "ProviderTemplate": {"text": "Order {{order}} is on its way.", "type": "notice"},
    "Signature": {"text": "Shop", "type": "company"},
}


@pytest.fixture
async def tried(request: pytest.FixtureRequest, running: Sandbox, session: aiohttp.ClientSession) -> Any:
    provider = made(request.param, running.address, session)
    yield Tried(provider, running, EXAMPLES[request.param])
    await provider.close()


@pytest.mark.parametrize("platform", sorted(providers()))
def test_a_provider_has_just_the_methods_that_it_says_it_has(platform: str) -> None:
    provider = providers()[platform]

    def has(method: str) -> bool:
        return getattr(provider, method) is not getattr(Provider, method)

    assert set(provider.keeps) <= set(DECLARED)
    assert has("kept") == bool(provider.keeps)
    assert {has("make"), has("edit"), has("discard")} == {provider.makes}
    assert provider.posts or not has("reviews")
    assert provider.posts or not has("replies")


@pytest.mark.parametrize("platform", sorted(providers()))
async def test_what_a_provider_does_not_keep_it_says_plainly(platform: str, session: aiohttp.ClientSession) -> None:
    provider = made(platform, free_address(), session)

    if not provider.keeps:
        with pytest.raises(NotImplementedError, match=platform):
            await provider.kept([])
    if not provider.makes:
        with pytest.raises(NotImplementedError, match=platform):
            await provider.make("ProviderTemplate", {})
    if type(provider).reviews is Provider.reviews:
        assert provider.reviews(Report("POST", {}, {}, b"")) == []
    await provider.close()


@pytest.mark.parametrize("tried", KEEPING, indirect=True)
async def test_what_is_not_there_is_not_among_what_is_kept(tried: Tried) -> None:
    missing = [ObjectId(kind, "7") for kind in tried.provider.keeps]

    found = await tried.provider.kept(missing)

    assert not {one.object for one in found} & set(missing)
    assert {one.object.kind for one in found} <= set(tried.provider.keeps)
    assert all(one.object.id for one in found)


@pytest.mark.parametrize("tried", KEEPING, indirect=True)
async def test_a_wrong_secret_is_for_the_operator_and_is_not_shown(tried: Tried) -> None:
    tried.play(accounts={"key": "another"})

    with pytest.raises(ProviderRefused) as refused:
        await tried.provider.kept([ObjectId(kind, "7") for kind in tried.provider.keeps])

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("platform", KEEPING)
async def test_a_provider_that_is_not_there_is_worth_another_try(platform: str, session: aiohttp.ClientSession) -> None:
    provider = made(platform, free_address(), session)

    with pytest.raises(ProviderBusy):
        await provider.kept([ObjectId(kind, "7") for kind in provider.keeps])


@pytest.mark.parametrize(("tried", "kind"), MAKING, indirect=["tried"])
async def test_what_is_made_is_kept_in_review_until_it_is_discarded(tried: Tried, kind: str) -> None:
    provider, declared = tried.provider, DECLARED[kind]

    given = ObjectId(kind, await provider.make(kind, declared))

    [found] = await provider.kept([given])
    assert (found.object, found.review, found.text) == (given, Review.IN_REVIEW, declared["text"])
    assert found.said.items() <= declared.items()
    with pytest.raises(ProviderRefused):
        await provider.edit(given, declared)
    await provider.discard(given)
    await provider.discard(given)
    nothing: list[Kept] = []
    assert await provider.kept([given]) == nothing

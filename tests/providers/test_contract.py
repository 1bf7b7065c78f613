"""What every provider promises, whatever its platform: shown against its own stand-in."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Example, each
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers import providers
from ums.providers.contract import Account, Answer, Provider, Submission, Target
from ums.sandbox import Sandbox, free_address, stand_ins
from ums.sandbox.script import Script
from ums.vocabulary import ChannelType, Proof, Reason, SandboxAddress, State


def _example(platform: str) -> Example:
    """The EXAMPLE of the platform's own test file."""
    example = import_module(f"tests.providers.test_{platform.replace('-', '_')}").EXAMPLE
    assert isinstance(example, Example)
    return example


EXAMPLES = {platform: _example(platform) for platform in providers()}
CREATED = 1_700_000_000_000


@dataclass
class Tried:
    """A provider of one platform, and its stand-in."""

    provider: Provider
    running: Sandbox
    example: Example

    @property
    def platform(self) -> str:
        return self.provider.platform

    def play(self, **script: object) -> None:
        self.running.play(self.platform, Script.parse(script))

    async def send(self, targets: list[Target]) -> Answer:
        key = await self.provider.request_key()
        return await self.provider.send(Submission(key, self.example.content, targets, CREATED))

    def targets(self, count: int) -> list[Target]:
        return [Target(number, self.example.address.format(number)) for number in range(1, count + 1)]

    @property
    def accepted(self) -> list[str]:
        """The numbers of the addresses that the stand-in accepted, in order."""
        return sorted(self.running.record(self.platform).addresses)


def made(platform: str, address: SandboxAddress, session: aiohttp.ClientSession) -> Provider:
    return providers()[platform](Account("code", EXAMPLES[platform].credentials, address), session)


@pytest.fixture(params=sorted(providers()))
async def tried(request: pytest.FixtureRequest, running: Sandbox, session: aiohttp.ClientSession) -> Any:
    provider = made(request.param, running.address, session)
    yield Tried(provider, running, EXAMPLES[request.param])
    await provider.close()


async def state(tried: Tried) -> State:
    """Of one target that is sent now; a provider that does not know of any may say so for all at once."""
    targets = tried.targets(1)
    try:
        return each(await tried.send(targets), targets)[0].state
    except OutcomeUnknown:
        return State.UNKNOWN


def test_every_platform_has_a_stand_in() -> None:
    assert providers().keys() == stand_ins().keys()


@pytest.mark.parametrize("platform", sorted(providers()))
def test_a_provider_says_what_it_is(platform: str) -> None:
    provider = providers()[platform]

    assert provider.platform == platform
    assert isinstance(provider.type, ChannelType)
    assert provider.batch_limit >= 1
    assert set(provider.detects) <= {State.DELIVERED, State.CLICKED}
    assert all(isinstance(proof, Proof) for proof in provider.detects.values())
    assert provider.__doc__


async def test_every_target_gets_exactly_one_outcome(tried: Tried) -> None:
    targets = tried.targets(tried.provider.batch_limit)

    answer = await tried.send(targets)

    assert {outcome.state for outcome in each(answer, targets)} <= {State.SUBMITTED, State.DELIVERED}
    assert len(tried.accepted) == len(set(tried.accepted)) == len(targets)


async def test_a_target_whose_receipt_is_to_come_can_be_found_again_by_the_providers_id(tried: Tried) -> None:
    targets = tried.targets(3)

    answer = await tried.send(targets)

    submitted = [outcome for outcome in each(answer, targets) if outcome.state is State.SUBMITTED]
    assert all(outcome.provider_id or answer.provider_id for outcome in submitted)


async def test_a_busy_provider_accepts_nothing_and_is_worth_another_try(tried: Tried) -> None:
    tried.play(busy=100)
    with pytest.raises(ProviderBusy):
        await tried.send(tried.targets(2))
    assert tried.accepted == []

    tried.play()
    await tried.send(tried.targets(2))
    assert len(tried.accepted) == 2


async def test_a_wrong_secret_is_for_the_operator_and_is_not_shown(tried: Tried) -> None:
    tried.play(accounts={"key": "another"})

    with pytest.raises(ProviderRefused) as refused:
        await tried.send(tried.targets(2))

    assert "secret" not in str(refused.value)
    assert tried.accepted == []


async def test_a_lost_answer_leaves_the_outcome_unknown(tried: Tried) -> None:
    tried.play(loseAnswer=1)

    assert await state(tried) is State.UNKNOWN
    assert len(tried.accepted) == 1


async def test_garbage_for_an_answer_leaves_the_outcome_unknown(tried: Tried) -> None:
    tried.play(garbage=1)

    assert await state(tried) is State.UNKNOWN
    assert len(tried.accepted) == 1


async def test_an_invalid_address_is_named_and_does_not_keep_the_others_from_being_sent(tried: Tried) -> None:
    bad, *good = tried.targets(4)
    tried.play(refuse=[bad.address.removeprefix("+86")])

    first = await tried.send([bad, *good])
    told = {outcome.id: outcome for outcome in each(first, [bad, *good])}
    again = [target for target in good if told[target.id].state is State.PLANNED]
    await tried.send(again or good[:0])

    assert (told[bad.id].state, told[bad.id].reason) == (State.INVALID, Reason.INVALID_ADDRESS)
    assert told[bad.id].code
    assert len(tried.accepted) == 3


async def test_only_invalid_addresses_are_each_named(tried: Tried) -> None:
    tried.play(refuse=[""])

    targets = tried.targets(3)

    answer = await tried.send(targets)

    assert [outcome.state for outcome in each(answer, targets)] == [State.INVALID] * 3


@pytest.mark.parametrize("platform", sorted(providers()))
async def test_a_provider_that_is_not_there_is_worth_another_try(platform: str, session: aiohttp.ClientSession) -> None:
    provider, example = made(platform, free_address(), session), EXAMPLES[platform]

    with pytest.raises(ProviderBusy):
        await provider.send(Submission("", example.content, [Target(1, example.address.format(1))], CREATED))

"""What every provider promises, whatever its platform: shown against its own stand-in."""

import asyncio
import time
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, Example, each
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers import providers
from ums.providers.contract import Account, Answer, Provider, Receipt, Submission, Target
from ums.sandbox import Sandbox, free_address, stand_ins
from ums.sandbox.script import Script, happens
from ums.schemas import check
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

    def on_the_wire(self, target: Target) -> str:
        """As the stand-in sees the address."""
        return target.address.removeprefix("+86") if self.provider.type is ChannelType.SMS else target.address

    async def told(self, answer: Answer, targets: list[Target], doors: Doors) -> dict[int, State]:
        """What is told of each target later: at a door, over the connection, or when it is asked."""
        own = {outcome.id: outcome.provider_id for outcome in answer.outcomes}
        by_receipt = {(own.get(t.id) or answer.provider_id, t.address if not own.get(t.id) else ""): t for t in targets}
        told: dict[int, State] = {}
        async with asyncio.timeout(20):
            while len(told) < len(targets):
                for receipt in await self._heard(answer, doors):
                    found = by_receipt.get((receipt.provider_id, receipt.address)) or by_receipt.get(
                        (receipt.provider_id, "")
                    )
                    assert found, f"nobody knows {receipt}"
                    told[found.id] = receipt.state
        return told

    async def _heard(self, answer: Answer, doors: Doors) -> list[Receipt]:
        if self.provider.asked_after:
            assert answer.provider_id
            return await self.provider.ask(answer.provider_id)
        if self.provider.posts:
            _, report = await doors.reports.get()
            return self.provider.receipts(report)
        await asyncio.sleep(0.02)
        return await self.provider.collect()

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


async def state(tried: Tried, number: int = 1) -> State:
    """Of one target that is sent now; what is the same for all may be said of all at once."""
    targets = tried.targets(number)[-1:]
    try:
        return each(await tried.send(targets), targets)[0].state
    except OutcomeUnknown:
        return State.UNKNOWN
    except ProviderBusy:
        return State.PLANNED


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


@pytest.mark.parametrize("platform", sorted(providers()))
def test_a_provider_has_just_the_methods_that_it_says_it_has(platform: str) -> None:
    provider = providers()[platform]

    def has(method: str) -> bool:
        return getattr(provider, method) is not getattr(Provider, method)

    assert has("receipts") == provider.posts
    assert has("recall") == provider.recalls
    assert has("ask") == bool(provider.asked_after)
    assert (provider.detects[State.DELIVERED] is Proof.REAL) == (has("ask") or has("collect") or provider.posts) or (
        platform in {"wechatmp", "smtp"}  # what comes later are second thoughts about what was called sent
    )


@pytest.mark.parametrize("platform", sorted(providers()))
def test_the_example_says_what_the_schema_of_its_type_allows(platform: str) -> None:
    assert check(f"content/{providers()[platform].type.value}", EXAMPLES[platform].content) == []


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


async def test_what_is_said_to_arrive_does_and_what_is_said_not_to_does_not(tried: Tried, doors: Doors) -> None:
    if tried.provider.detects[State.DELIVERED] is Proof.ACCEPTED:
        pytest.skip("its answer is all that is ever known")
    targets = tried.targets(40)
    tried.play(receipts=[{"delivered": 0.9}])
    arriving = [happens(0.9, tried.on_the_wire(target), "delivered") for target in targets]

    answer = await tried.send(targets)
    told = await tried.told(answer, targets, doors)

    wanted = [State.DELIVERED if arrives else State.UNDELIVERED for arrives in arriving]
    assert [told[target.id] for target in targets] == wanted
    assert State.UNDELIVERED in wanted


async def test_what_can_be_taken_back_is_and_the_platform_is_told_which(tried: Tried) -> None:
    targets = tried.targets(2)
    answer = await tried.send(targets)
    if not tried.provider.recalls:
        with pytest.raises(NotImplementedError):
            await tried.provider.recall("1")
        return

    assert answer.provider_id
    await tried.provider.recall(answer.provider_id)

    assert tried.running.record(tried.platform).recalled == [answer.provider_id]


async def test_the_stand_in_takes_its_time_when_told_to(tried: Tried) -> None:
    tried.play(latency=0.25)
    before = time.monotonic()

    await tried.send(tried.targets(1))

    assert time.monotonic() - before >= 0.25
    assert len(tried.accepted) == 1


async def test_what_fails_inside_the_stand_in_reaches_nobody_and_is_not_called_sent(tried: Tried) -> None:
    tried.play(errorRate=1)

    assert await state(tried) not in {State.SUBMITTED, State.DELIVERED}
    assert tried.accepted == []


async def test_a_share_of_errors_is_just_that_share(tried: Tried) -> None:
    tried.play(errorRate=0.5)

    states = [await state(tried) for _ in range(6)]

    assert [each in {State.SUBMITTED, State.DELIVERED} for each in states].count(True) == 3


async def test_more_than_the_rate_allows_is_turned_away(tried: Tried) -> None:
    tried.play(perMinute=2)

    states = [await state(tried, number) for number in range(1, 5)]

    assert states[-1] is State.PLANNED
    assert 2 <= len(tried.accepted) <= 3  # a minute may end meanwhile

"""What an apply causes outside the database: after its commit, again until it succeeds."""

from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from tests.reconcile.test_apply import NOTE, applied, channel
from tests.shop import Time
from ums.errors import UmsError
from ums.models import Effect
from ums.reconcile import Plan, effects
from ums.reconcile.apply import apply
from ums.reconcile.change import Change
from ums.reconcile.effects import Caused, perform
from ums.reconcile.history import history, shown
from ums.reconcile.kinds import Body
from ums.settings import Settings
from ums.vocabulary import Clock

STARTED = 1_700_000_000_000


class Elsewhere:
    """A system that remembers what it was told, and can be down."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.down = ""

    async def tell(self, _: Settings, __: Clock, name: str, body: Body | None) -> None:
        if self.down:
            raise UmsError(self.down)
        self.told.append((name, body and body["title"]))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    made = Elsewhere()
    monkeypatch.setitem(effects.EFFECTS, "tell", Caused("tell", "Channel", made.tell))
    return made


async def test_an_effect_is_done_once_with_what_its_revision_wrote(database: Settings, elsewhere: Elsewhere) -> None:
    await applied(database, channel("shop", title="The shop"))

    assert await perform(database, Time(STARTED)) == 0
    assert await perform(database, Time(STARTED + 10**9)) == 0
    assert elsewhere.told == [("shop", "The shop")]
    assert (await history())[0].effects == {"done": 1}


async def test_a_delete_is_told_without_a_body(database: Settings, elsewhere: Elsewhere) -> None:
    await applied(database, channel("shop"))
    await perform(database, Time(STARTED))
    await applied(database, {})
    await perform(database, Time(STARTED))

    assert elsewhere.told == [("shop", "shop"), ("shop", None)]


async def test_an_effect_that_fails_is_tried_again_later_and_says_why(database: Settings, elsewhere: Elsewhere) -> None:
    elsewhere.down = "out of order"
    await applied(database, channel("shop"))
    time = Time(STARTED)

    assert await perform(database, time) == 1
    time.passes(4_999)
    elsewhere.down = ""
    assert await perform(database, time) == 1
    [seen] = (await shown(1)).effects
    assert (seen.status, seen.attempts, seen.last_error) == ("pending", 1, "out of order")

    time.passes(1)
    assert await perform(database, time) == 0
    assert elsewhere.told == [("shop", "shop")]


async def test_pauses_grow_and_in_the_end_an_effect_has_failed(database: Settings, elsewhere: Elsewhere) -> None:
    elsewhere.down = "out of order"
    await applied(database, channel("shop"))
    pauses = []
    time = Time(STARTED)
    while await perform(database, time):
        due = (await Effect.get()).next_at
        assert due is not None
        pauses.append((due - time.now) // 1000)
        time.now = due

    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120]
    assert (await history())[0].effects == {"failed": 1}


async def test_a_later_revision_comes_instead_of_an_effect_still_to_be_done(
    database: Settings, elsewhere: Elsewhere
) -> None:
    await applied(database, channel("shop", title="Old"))
    await applied(database, channel("shop", title="New"))
    await perform(database, Time(STARTED))

    assert elsewhere.told == [("shop", "New")]
    assert (await shown(1)).effects[0].last_error == "revision 2 came first"


async def test_an_apply_that_fails_causes_nothing(database: Settings, elsewhere: Elsewhere) -> None:
    twice = (Change("Channel", "shop", None, {"a": 1}), Change("Channel", "shop", None, {"a": 2}))

    with pytest.raises(IntegrityError):
        await apply(database, Plan(0, twice), NOTE)

    assert await Effect.all().count() == 0

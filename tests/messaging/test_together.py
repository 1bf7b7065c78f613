"""Many who ask at once are served as one, and the fault of one is nobody else's."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from ums.messaging.together import MOST, Together


class Work:
    """Doubles numbers, remembers its rounds; -1 breaks the round it is in."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.collisions = 0

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.rounds.append(list(items))
        await asyncio.sleep(0)
        if self.collisions:
            self.collisions -= 1
            raise asyncpg.DeadlockDetectedError
        if -1 in items:
            raise ValueError("minus one")
        return [2 * item for item in items]


async def test_whoever_comes_while_the_work_is_done_shares_the_next_round() -> None:
    work = Work()
    together = Together(work)

    results = await asyncio.gather(*(together.join(n) for n in range(10)))

    assert results == [2 * n for n in range(10)]
    assert len(work.rounds) <= 2


async def test_a_round_has_an_end() -> None:
    work = Work()
    together = Together(work)

    await asyncio.gather(*(together.join(n) for n in range(3 * MOST)))

    assert max(map(len, work.rounds)) == MOST


async def test_one_that_breaks_the_round_breaks_alone() -> None:
    together = Together(Work())

    results = await asyncio.gather(*(together.join(n) for n in (1, -1, 3)), return_exceptions=True)

    assert [results[0], results[2]] == [2, 6]
    assert isinstance(results[1], ValueError)


async def test_a_collision_with_another_process_is_tried_again() -> None:
    work = Work()
    work.collisions = 1

    assert await Together(work).join(4) == 8
    assert work.rounds == [[4], [4]]


async def test_one_who_gives_up_waiting_takes_nothing_from_the_others() -> None:
    together = Together(Work())
    impatient = asyncio.create_task(together.join(1))
    patient = asyncio.create_task(together.join(2))
    await asyncio.sleep(0)

    impatient.cancel()

    assert await patient == 4
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_a_database_that_is_away_is_away_for_everybody() -> None:
    rounds = []

    async def away(items: Sequence[int]) -> list[int]:
        rounds.append(items)
        raise ConnectionRefusedError

    together = Together(away)
    results = await asyncio.gather(*(together.join(n) for n in range(5)), return_exceptions=True)

    assert {type(result) for result in results} == {ConnectionRefusedError}
    assert len(rounds) <= 2

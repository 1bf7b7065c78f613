"""How many messages a member may get, counted by one process alone."""

import pytest

from ums.providers.pace import OwnPace
from ums.providers.wecom.application import MEMBER_BOUNDS


class Admission:
    """Who is admitted at which second."""

    def __init__(self) -> None:
        self._now = 0.0
        self._pace = OwnPace(lambda: self._now)

    async def __call__(self, *members: str, at: float, application: str = "corp/1") -> set[str]:
        self._now = at
        return await self._pace.admit(application, members, MEMBER_BOUNDS)


@pytest.fixture
def admitted() -> Admission:
    return Admission()


async def test_thirty_a_minute_are_admitted(admitted: Admission) -> None:
    assert [await admitted("ann", at=second) for second in range(31)] == [{"ann"}] * 30 + [set()]


async def test_each_is_forgotten_after_a_minute(admitted: Admission) -> None:
    for second in range(30):
        await admitted("ann", at=second)

    assert await admitted("ann", at=59.9) == set()
    assert await admitted("ann", at=60) == {"ann"}
    assert await admitted("ann", at=60.5) == set()


async def test_a_thousand_an_hour_are_admitted(admitted: Admission) -> None:
    for number in range(1000):
        assert await admitted("ann", at=number * 3) == {"ann"}

    assert await admitted("ann", at=3599) == set()
    assert await admitted("ann", at=3600) == {"ann"}


async def test_members_do_not_wait_for_each_other_and_neither_do_applications(admitted: Admission) -> None:
    for _ in range(30):
        await admitted("ann", at=0)

    assert await admitted("ann", "ben", at=1) == {"ben"}
    assert await admitted("ann", at=1, application="corp/2") == {"ann"}


async def test_who_was_held_back_is_not_counted(admitted: Admission) -> None:
    for _ in range(100):
        await admitted("ann", at=0)

    assert await admitted("ann", at=60) == {"ann"}

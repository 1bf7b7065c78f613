"""How many messages a member of WeCom may get in a minute and in an hour."""

from ums.providers.wecom.pace import Pace


def test_thirty_a_minute_are_admitted() -> None:
    pace = Pace()

    admitted = [pace.admit(["ann"], now=second) for second in range(31)]

    assert admitted == [{"ann"}] * 30 + [set()]


def test_each_is_forgotten_after_a_minute() -> None:
    pace = Pace()
    for second in range(30):
        pace.admit(["ann"], now=second)

    assert pace.admit(["ann"], now=59.9) == set()
    assert pace.admit(["ann"], now=60) == {"ann"}
    assert pace.admit(["ann"], now=60.5) == set()


def test_a_thousand_an_hour_are_admitted() -> None:
    pace = Pace()
    for number in range(1000):
        assert pace.admit(["ann"], now=number * 3) == {"ann"}

    assert pace.admit(["ann"], now=3599) == set()
    assert pace.admit(["ann"], now=3600) == {"ann"}


def test_members_do_not_wait_for_each_other() -> None:
    pace = Pace()
    for _ in range(30):
        pace.admit(["ann"], now=0)

    assert pace.admit(["ann", "ben"], now=1) == {"ben"}


def test_who_was_held_back_is_not_counted() -> None:
    pace = Pace()
    for _ in range(100):
        pace.admit(["ann"], now=0)

    assert pace.admit(["ann"], now=60) == {"ann"}

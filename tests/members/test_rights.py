"""The table of rights, and what follows from a Member's document."""

import pytest

from ums.members.rights import MAY, PERSONAL, Right, Role, rights_of
from ums.members.roster import Member


def test_every_right_is_somebodys() -> None:
    assert [right for right in Right if not MAY[right]] == []


def test_an_admin_may_everything() -> None:
    assert rights_of([Role.ADMIN]) == set(Right)


def test_a_viewer_only_looks() -> None:
    assert rights_of([Role.VIEWER]) == {Right.READ, Right.READ_PEOPLE, *PERSONAL}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_who_only_reads_sees_no_whole_address(role: Role) -> None:
    assert Right.SEE_ADDRESSES not in rights_of([role])


def test_roles_hold_where_they_are_given() -> None:
    body = {
        "title": "Lin",
        "email": "lin@shop.example",
        "roles": [{"role": "operator", "channels": ["shop"]}, {"role": "viewer", "channels": "all"}],
    }
    lin = Member.of("lin", body)

    assert lin.roles_in("shop") == [Role.OPERATOR, Role.VIEWER]
    assert lin.roles_in("ops") == [Role.VIEWER]
    assert Right.SEND in lin.rights_in("shop")
    assert Right.SEND not in lin.rights_in("ops")
    assert lin.rights_in(None) == PERSONAL

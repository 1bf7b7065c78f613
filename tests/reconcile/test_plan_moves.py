"""`moved: {from: old-name}`: what is renamed, and what is not."""

import pytest

from tests.reconcile.test_plan import APP, HELLO, MAIL, POLICY, SHOP, desired, live, printed
from ums.reconcile.plan import Options, plan
from ums.reconcile.selection import Selection, SelectionInvalid

HELLO_MOVED = {("Template", "shop/hi"): ("Template", "shop/hello")}
HI = HELLO.replace("name: hello", "name: hi") + "title: hello\n"


def test_a_renamed_object_is_one_change() -> None:
    made = plan(desired(APP, MAIL, SHOP, HI), live(APP, MAIL, SHOP, HELLO), Options(prune=True), HELLO_MOVED)

    assert (
        printed(made)
        == """
Template
  ~ shop/hello -> shop/hi
      name: "hello" -> "hi"
0 to create, 1 to update, 0 to delete.
"""
    )


def test_a_rename_that_was_applied_says_nothing_any_more() -> None:
    assert plan(desired(SHOP, HI), live(SHOP, HI), moved=HELLO_MOVED).is_empty


def test_a_rename_of_what_was_never_live_is_a_create() -> None:
    made = plan(desired(SHOP, HI), live(SHOP), moved=HELLO_MOVED)

    assert [str(one) for one in made.changes] == ["+ Template/shop/hi"]


def test_a_name_that_another_object_took_over_is_not_renamed_away() -> None:
    made = plan(desired(SHOP, HELLO, HI), live(SHOP, HELLO), moved=HELLO_MOVED)

    assert [str(one) for one in made.changes] == ["+ Template/shop/hi"]


def test_a_rename_is_selected_by_either_name() -> None:
    for name in ("Template/shop/hello", "Template/shop/hi"):
        made = plan(
            desired(APP, MAIL, SHOP, HI),
            live(APP, MAIL, SHOP, HELLO),
            Options(selection=Selection.of([name], [])),
            HELLO_MOVED,
        )
        assert [str(one) for one in made.changes] == ["~ Template/shop/hello -> shop/hi"]


def test_a_selected_rename_takes_its_name_from_nobody_who_stays() -> None:
    default, renamed = "defaults: {policy: app-then-mail}\n", POLICY.replace("name: app-then-mail", "name: careful")
    moved = {("SendPolicy", "shop/careful"): ("SendPolicy", "shop/app-then-mail")}
    now = desired(APP, MAIL, SHOP + default.replace("app-then-mail", "careful"), renamed)
    only = Options(selection=Selection.of(["SendPolicy/*"], []))

    with pytest.raises(SelectionInvalid) as caught:
        plan(now, live(APP, MAIL, SHOP + default, POLICY), only, moved)

    assert str(caught.value) == (
        "Channel/shop refers to SendPolicy/shop/app-then-mail, which would go, and is not selected; "
        "add --only Channel/shop"
    )

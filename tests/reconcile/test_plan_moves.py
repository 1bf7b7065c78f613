"""`moved: {from: old-name}`: what is renamed, and what is not."""

import pytest

from tests.reconcile.test_plan import APP, HELLO, MAIL, POLICY, SHOP, desired, live, printed
from ums.reconcile.plan import Options, plan
from ums.reconcile.selection import Selection, SelectionInvalid

SHOP_MOVED = {("Channel", "store"): ("Channel", "shop")}
STORE = SHOP.replace("name: shop", "name: store") + "title: shop\nkey: shop\n"


def test_a_renamed_channel_takes_along_what_it_owns() -> None:
    now = desired(APP, MAIL, STORE, HELLO.replace("shop", "store", 1), POLICY.replace("shop", "store", 1))

    made = plan(now, live(APP, MAIL, SHOP, HELLO, POLICY), Options(prune=True), SHOP_MOVED)

    assert (
        printed(made)
        == """
Channel
  ~ shop -> store
      name: "shop" -> "store"
Template
  ~ shop/hello -> store/hello
      channel: "shop" -> "store"
SendPolicy
  ~ shop/app-then-mail -> store/app-then-mail
      channel: "shop" -> "store"
0 to create, 3 to update, 0 to delete.
"""
    )


def test_what_a_renamed_channel_owns_may_have_a_new_name_too() -> None:
    template = HELLO.replace("shop", "store", 1).replace("name: hello", "name: hi")
    moved = {**SHOP_MOVED, ("Template", "store/hi"): ("Template", "store/hello")}

    made = plan(desired(STORE, template), live(SHOP, HELLO), Options(prune=True), moved)

    assert [str(one) for one in made.changes] == ["~ Channel/shop -> store", "~ Template/shop/hello -> store/hi"]


def test_a_rename_that_was_applied_says_nothing_any_more() -> None:
    assert plan(desired(APP, MAIL, STORE), live(APP, MAIL, STORE), moved=SHOP_MOVED).is_empty


def test_a_rename_of_what_was_never_live_is_a_create() -> None:
    made = plan(desired(STORE), live(APP, MAIL), moved=SHOP_MOVED)

    assert [str(one) for one in made.changes] == ["+ Channel/store"]


def test_a_name_that_another_object_took_over_is_not_renamed_away() -> None:
    made = plan(desired(APP, MAIL, SHOP, STORE), live(APP, MAIL, SHOP), moved=SHOP_MOVED)

    assert [str(one) for one in made.changes] == ["+ Channel/store"]


def test_a_rename_is_selected_by_either_name() -> None:
    for name in ("Channel/shop", "Channel/store"):
        made = plan(
            desired(APP, MAIL, STORE),
            live(APP, MAIL, SHOP),
            Options(selection=Selection.of([name], [])),
            SHOP_MOVED,
        )
        assert [str(one) for one in made.changes] == ["~ Channel/shop -> store"]


def test_a_selected_rename_takes_its_name_from_nobody_who_stays() -> None:
    now = desired(APP, MAIL, STORE, HELLO.replace("shop", "store", 1))
    only = Options(selection=Selection.of(["Channel/*"], []))

    with pytest.raises(SelectionInvalid) as caught:
        plan(now, live(APP, MAIL, SHOP, HELLO), only, SHOP_MOVED)

    assert str(caught.value) == (
        "Template/shop/hello refers to Channel/shop, which would go, and is not selected; "
        "add --only Template/shop/hello"
    )

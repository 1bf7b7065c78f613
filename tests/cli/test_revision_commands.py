"""History, and the way back."""

import json
import re

from tests.cli.conftest import CHANNEL, RENAMED, SEGMENT, Terminal


def two_revisions(ums: Terminal) -> None:
    ums.run("apply", "-m", "first")
    ums.channel.write_text(CHANNEL + "title: The shop\n---\n" + CHANNEL.replace("shop", "ops"))
    ums.run("apply", "-m", "second")


def test_history_lists_revisions_the_newest_first(ums: Terminal) -> None:
    two_revisions(ums)

    code, output, errors = ums.run("history")

    assert (code, errors) == (0, "")
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "TIME", output) == (
        "2  TIME  +1 ~1 -0  ada  second\n1  TIME  +1 ~0 -0  ada  first\n"
    )
    assert [one["number"] for one in json.loads(ums.run("history", "--format", "json", "-n", "1")[1])] == [2]


def test_show_says_what_a_revision_changed(ums: Terminal) -> None:
    two_revisions(ums)

    assert ums.run("show", "2")[1].splitlines()[1:] == [
        "Channel",
        "  + ops",
        "  ~ shop",
        '      title: "shop" -> "The shop"',
    ]
    shown = json.loads(ums.run("show", "2", "--format", "json")[1])
    assert (shown["message"], [change["sign"] for change in shown["changes"]]) == ("second", ["+", "~"])


def test_a_rollback_shows_its_plan_and_makes_a_new_revision(ums: Terminal) -> None:
    two_revisions(ums)

    assert ums.run("rollback", "1", "--yes") == (
        0,
        (
            "Channel\n"
            "  ~ shop\n"
            '      title: "The shop" -> "shop"\n'
            "  - ops\n"
            "0 to create, 1 to update, 1 to delete.\n"
            "revision 3 applied\n"
        ),
        "",
    )
    ums.channel.write_text(CHANNEL)
    assert ums.run("plan")[1] == "Nothing to change: revision 3 is what the files say.\n"
    assert "back to revision 1" in ums.run("history")[1]


def test_a_rollback_that_deletes_much_needs_force(ums: Terminal) -> None:
    ums.run("apply")
    ums.channel.write_text("---\n".join(CHANNEL.replace("shop", name) for name in ("shop", "a", "b", "c")))
    ums.run("apply")

    assert ums.run("rollback", "1", "-y")[::2] == (
        1,
        "not applied: it deletes 3 of 4 Channel objects: a, b, c; if that is meant, use --force\n",
    )
    assert ums.run("rollback", "1", "-y", "--force")[0] == 0


def test_a_rollback_to_nowhere_is_said(ums: Terminal) -> None:
    ums.run("apply")

    assert ums.run("rollback", "2") == (1, "", "there is no revision 2; known: 1\n")


def test_a_renamed_object_is_shown_as_one_change(ums: Terminal) -> None:
    ums.channel.write_text(CHANNEL + SEGMENT)
    ums.run("apply")
    ums.channel.write_text(CHANNEL + RENAMED)
    ums.run("apply")

    assert ums.run("show", "2")[1].splitlines()[1:] == [
        "Segment",
        "  ~ shop/vips -> shop/best",
        '      name: "vips" -> "best"',
    ]

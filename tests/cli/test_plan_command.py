"""Drift, saved plans and selections, as a person or CI sees them."""

import json
import sqlite3
from pathlib import Path

from tests.cli.conftest import CHANNEL, RENAMED, SEGMENT, Terminal

HELLO = """---
apiVersion: ums/v1
kind: Template
channel: shop
name: hello
labels: {team: web}
content: {email: {subject: Hello, text: <p>Hello</p>}}
"""


def behind_our_back(statement: str) -> None:
    with sqlite3.connect(Path("var/ums.db")) as database:
        database.execute(statement)
    database.close()


def test_drift_is_told_apart_from_what_the_files_want_and_put_back(ums: Terminal) -> None:
    ums.channel.write_text(CHANNEL + "---\n" + CHANNEL.replace("shop", "ops"))
    ums.run("apply")
    behind_our_back("UPDATE resource SET body = json_set(body, '$.title', 'Hacked') WHERE name = 'shop'")
    ums.channel.write_text(CHANNEL + "---\n" + CHANNEL.replace("shop", "ops") + "title: Operations\n")

    assert ums.run("plan") == (
        2,
        (
            "Channel\n"
            "  ~ ops\n"
            '      title: "ops" -> "Operations"\n'
            "  ~ shop (drift, put back)\n"
            '      title: "Hacked" -> "shop"\n'
            "Drift, live differs from what revision 1 wrote:\n"
            "    ~ Channel/shop\n"
            '        title: "shop" -> "Hacked"\n'
            "0 to create, 2 to update, 0 to delete.\n"
        ),
        "",
    )
    assert ums.run("apply")[0] == 0
    assert ums.run("drift") == (0, "No drift: what is live is what revision 2 wrote.\n", "")
    assert ums.run("plan")[0] == 0


def test_drift_ends_with_2_and_speaks_all_formats(ums: Terminal) -> None:
    ums.run("apply")
    behind_our_back("DELETE FROM resource")

    assert ums.run("drift") == (2, "- Channel/shop\n", "")
    assert ums.run("drift", "--format", "github") == (2, "::warning::- Channel/shop\n", "")
    code, output, _ = ums.run("drift", "--format", "json")
    assert (code, json.loads(output)) == (
        2,
        {
            "revision": 1,
            "changed": [{"sign": "-", "kind": "Channel", "name": "shop", "fields": []}],
            "switched": [],
        },
    )


def test_an_object_that_somebody_deleted_is_made_again(ums: Terminal) -> None:
    ums.run("apply")
    behind_our_back("DELETE FROM resource")

    assert ums.run("apply")[:2] == (
        0,
        (
            "Channel\n"
            "  + shop (drift, put back)\n"
            "Drift, live differs from what revision 1 wrote:\n"
            "    - Channel/shop\n"
            "1 to create, 0 to update, 0 to delete.\n"
            "revision 2 applied\n"
        ),
    )
    assert ums.run("drift")[0] == 0


def test_what_the_files_say_by_now_ends_drift_too(ums: Terminal) -> None:
    ums.run("apply")
    behind_our_back("UPDATE resource SET body = json_set(body, '$.title', 'The shop')")
    ums.channel.write_text(CHANNEL + "title: The shop\n")

    assert ums.run("apply")[1].startswith("Channel\n  ~ shop\nDrift, live differs")
    assert ums.run("drift")[0] == 0
    assert ums.run("plan")[0] == 0


def test_a_runtime_switch_is_drift_until_an_apply_adopts_the_files(ums: Terminal) -> None:
    ums.run("apply")
    behind_our_back(
        "INSERT INTO override (kind, name, path, value, created_at, author)"
        " VALUES ('Channel', 'shop', 'title', '\"Closed\"', 1, 'bob')"
    )
    switched = '! Channel/shop title: switched to "Closed" by bob at runtime'

    assert ums.run("drift") == (2, f"{switched}\n", "")
    assert ums.run("plan") == (
        0,
        (
            "Drift, live differs from what revision 1 wrote:\n"
            f"    {switched}\n"
            "Nothing to change: revision 1 is what the files say.\n"
        ),
        "",
    )
    assert ums.run("apply", "--adopt") == (
        0,
        (
            "Drift, live differs from what revision 1 wrote:\n"
            f"    {switched} (ends)\n"
            "1 runtime switch to end.\n"
            "revision 2 applied\n"
        ),
        "",
    )
    assert ums.run("drift")[0] == 0


def test_an_apply_that_says_otherwise_ends_a_runtime_switch(ums: Terminal) -> None:
    ums.run("apply")
    behind_our_back(
        "INSERT INTO override (kind, name, path, value, created_at, author)"
        " VALUES ('Channel', 'shop', 'title', '\"Closed\"', 1, 'bob')"
    )
    ums.channel.write_text(CHANNEL + "description: still switched\n")
    ums.run("apply")
    assert ums.run("drift")[0] == 2

    ums.channel.write_text(CHANNEL + "title: The shop\n")
    ums.run("apply")

    assert ums.run("drift")[0] == 0


def test_a_saved_plan_is_applied_exactly_whatever_the_files_say_by_then(ums: Terminal) -> None:
    ums.channel.write_text(CHANNEL + "title: Planned\n")
    assert ums.run("plan", "-o", "plan.json")[0] == 2
    ums.channel.write_text("[")

    assert ums.run("apply", "plan.json") == (
        0,
        "Channel\n  + shop\n1 to create, 0 to update, 0 to delete.\nrevision 1 applied\n",
        "",
    )
    ums.channel.write_text(CHANNEL + "title: Planned\n")
    assert ums.run("plan")[0] == 0


def test_the_same_plan_is_saved_as_the_same_file_without_any_secret(ums: Terminal) -> None:
    ums.run("apply")
    _, secret, _ = ums.run("secret", "show", "Channel/shop", "masterSecret")
    ums.channel.write_text(CHANNEL + "title: Planned\n")
    ums.run("plan", "-o", "one.json")
    ums.run("plan", "-o", "two.json")

    text = Path("one.json").read_text()
    assert text == Path("two.json").read_text()
    assert secret.strip() not in text


def test_a_stale_plan_says_what_moved(ums: Terminal) -> None:
    ums.run("apply", "-m", "first")
    ums.channel.write_text(CHANNEL + "title: Mine\n")
    ums.run("plan", "-o", "plan.json")
    ums.channel.write_text(CHANNEL + "title: Theirs\n")
    ums.run("apply", "-m", "second")

    assert ums.run("apply", "plan.json") == (
        1,
        "",
        (
            "the plan was made on revision 1, which is not the latest any more; plan again. Since then:\n"
            "revision 2 (ada: second)\n"
            "  ~ Channel/shop\n"
        ),
    )


def test_a_plan_that_was_edited_or_is_none_is_refused(ums: Terminal) -> None:
    ums.run("plan", "-o", "plan.json")
    Path("plan.json").write_text(Path("plan.json").read_text().replace('"shop"', '"shap"'))
    Path("none.json").write_text("[]")

    edited = "plan.json was changed since it was made, or by another version of UMS; plan again\n"
    assert ums.run("apply", "plan.json") == (1, "", edited)
    assert ums.run("apply", "none.json") == (
        1,
        "",
        "none.json is not a plan; make one with: ums plan -o none.json\n",
    )
    assert ums.run("apply", "gone.json") == (1, "", "gone.json cannot be read: No such file or directory\n")
    assert ums.run("apply", "plan.json", "--prune")[2] == (
        "a saved plan is applied as it is; give --prune, --adopt, --only and --label to ums plan\n"
    )


def test_only_what_is_selected_is_planned_and_applied(ums: Terminal) -> None:
    ums.channel.write_text(CHANNEL + HELLO)
    ums.run("apply")
    ums.channel.write_text(CHANNEL + "title: The shop\n" + HELLO.replace("Hello,", "Hi,"))

    assert ums.run("plan", "--only", "Template/*")[1] == (
        'Template\n  ~ shop/hello\n      content.email.subject: "Hello" -> "Hi"\n'
        "0 to create, 1 to update, 0 to delete.\n"
    )
    assert ums.run("apply", "--label", "team=web")[0] == 0
    assert ums.run("plan")[1] == (
        'Channel\n  ~ shop\n      title: "shop" -> "The shop"\n0 to create, 1 to update, 0 to delete.\n'
    )


def test_a_selection_that_refers_to_what_is_not_there_is_an_error(ums: Terminal) -> None:
    ums.channel.write_text(CHANNEL + HELLO)

    expected = "Template/shop/hello refers to Channel/shop, which is neither applied yet nor selected"
    assert ums.run("apply", "--only", "Template/shop/hello") == (
        1,
        "",
        f"{expected}; add --only Channel/shop\n1 problem\n",
    )
    assert ums.run("apply", "--only", "Template/shop/hello", "--only", "Channel/shop")[0] == 0


def test_a_selection_of_nothing_is_a_slip(ums: Terminal) -> None:
    assert ums.run("plan", "--only", "Channel/shap") == (
        1,
        "",
        "--only Channel/shap matches nothing; did you mean 'Channel/shop'?\n1 problem\n",
    )
    assert ums.run("plan", "--label", "team=web") == (1, "", "--label team=web matches nothing\n1 problem\n")
    assert ums.run("plan", "--label", "team") == (
        1,
        "",
        "found the label 'team', expected key=value, as in team=shop\n1 problem\n",
    )


def test_a_renamed_object_is_neither_deleted_nor_created(ums: Terminal) -> None:
    ums.channel.write_text(CHANNEL + SEGMENT)
    ums.run("apply")
    ums.channel.write_text(CHANNEL + RENAMED)

    assert ums.run("apply", "--prune")[:2] == (
        0,
        (
            "Segment\n"
            "  ~ shop/vips -> shop/best\n"
            '      name: "vips" -> "best"\n'
            "0 to create, 1 to update, 0 to delete.\n"
            "revision 2 applied\n"
        ),
    )
    assert ums.run("plan", "--prune")[1] == "Nothing to change: revision 2 is what the files say.\n"


def test_other_refusals_annotate_too(ums: Terminal) -> None:
    ums.run("apply")

    assert ums.run("show", "7", "--format", "github") == (1, "::error::there is no revision 7; known: 1\n", "")
    code, output, _ = ums.run("show", "7", "--format", "json")
    assert (code, json.loads(output)["problems"][0]["message"]) == (1, "there is no revision 7; known: 1")

"""What a person or CI sees: whole output texts and exit codes."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CHANNEL, HEAD, Terminal
from ums.schemas import schemas


def test_validate_says_how_many_documents_are_valid(ums: Terminal) -> None:
    assert ums.run("validate") == (0, "1 document is valid.\n", "")


def test_validate_prints_every_problem_with_its_place(ums: Terminal) -> None:
    ums.channel.write_text(CHANNEL.replace("name", "nmae"))

    assert ums.run("validate") == (
        1,
        "",
        (
            "config/shop.yaml:1:1 $: 'name' is missing; add it, such as name: shop\n"
            "config/shop.yaml:3:1 $.nmae: unknown property 'nmae'; did you mean 'name'?\n"
            "2 problems\n"
        ),
    )


def test_validate_annotates_a_pull_request(ums: Terminal) -> None:
    ums.channel.write_text(CHANNEL + "protect: 100%\n")

    assert ums.run("validate", "--format", "github") == (
        1,
        "::error file=config/shop.yaml,line=6,col=10::$.protect: found '100%25', expected true or false\n",
        "",
    )


def test_validate_speaks_json(ums: Terminal) -> None:
    ums.channel.write_text(CHANNEL.replace("Channel\n", "Chanel\n"))

    code, output, _ = ums.run("validate", "--format", "json")

    assert (code, json.loads(output)) == (
        1,
        {
            "problems": [
                {
                    "file": "config/shop.yaml",
                    "line": 2,
                    "column": 7,
                    "path": "$.kind",
                    "code": "unknown_kind",
                    "message": "unknown kind 'Chanel'; did you mean 'Channel'?",
                    "severity": "error",
                }
            ]
        },
    )


def test_validate_needs_neither_database_nor_secret(ums: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ums.yaml").write_text(HEAD + "database: {url: {env: UNSET_DATABASE_URL}}\n")

    assert ums.run("validate") == (0, "1 document is valid.\n", "")


def test_plan_ends_with_2_when_something_would_change_and_writes_nothing(ums: Terminal) -> None:
    assert ums.run("plan") == (2, "Channel\n  + shop\n1 to create, 0 to update, 0 to delete.\n", "")
    assert not Path("var").exists()


def test_apply_prints_the_plan_and_its_revision_and_the_next_plan_is_empty(ums: Terminal) -> None:
    assert ums.run("apply", "-m", "first") == (
        0,
        "Channel\n  + shop\n1 to create, 0 to update, 0 to delete.\nrevision 1 applied\n",
        "",
    )
    assert ums.run("plan") == (0, "Nothing to change: revision 1 is what the files say.\n", "")
    assert ums.run("apply") == (0, "Nothing to change: revision 1 is what the files say.\n", "")


def test_an_update_is_printed_field_by_field(ums: Terminal) -> None:
    ums.run("apply")
    ums.channel.write_text(CHANNEL + "title: The shop\n")

    assert ums.run("plan") == (
        2,
        'Channel\n  ~ shop\n      title: "shop" -> "The shop"\n0 to create, 1 to update, 0 to delete.\n',
        "",
    )


def test_plan_speaks_json(ums: Terminal) -> None:
    ums.run("apply")
    ums.channel.write_text(CHANNEL + "title: The shop\n")

    code, output, _ = ums.run("plan", "--format", "json")

    assert (code, json.loads(output)) == (
        2,
        {
            "base": 1,
            "revision": 2,
            "summary": {"create": 0, "update": 1, "delete": 0},
            "changes": [
                {
                    "sign": "~",
                    "kind": "Channel",
                    "name": "shop",
                    "fields": [{"path": "title", "before": '"shop"', "after": '"The shop"'}],
                    "cause": "files",
                    "waitsFor": [],
                    "touches": None,
                }
            ],
            "drift": {"changed": [], "switched": []},
            "waiting": [],
            "unmanaged": [],
            "excessive": [],
            "warnings": [],
        },
    )


def test_nothing_is_deleted_without_prune_nor_much_without_force(ums: Terminal) -> None:
    ums.channel.write_text(CHANNEL + "---\n" + CHANNEL.replace("shop", "ops"))
    ums.run("apply")
    ums.channel.write_text("")

    assert ums.run("apply") == (
        0,
        (
            "Only live, in no file; left alone (--prune deletes what is not protected):\n"
            "    Channel/ops\n"
            "    Channel/shop\n"
            "Nothing to change: revision 1 is what the files say.\n"
        ),
        "",
    )
    assert ums.run("apply", "--prune") == (
        1,
        "",
        "not applied: it deletes 2 of 2 Channel objects: ops, shop; if that is meant, use --force\n",
    )
    assert ums.run("apply", "--prune", "--force") == (
        0,
        (
            "Channel\n"
            "  - shop\n"
            "  - ops\n"
            "0 to create, 0 to update, 2 to delete.\n"
            "Too much to apply without --force: it deletes 2 of 2 Channel objects: ops, shop\n"
            "revision 2 applied\n"
        ),
        "",
    )


def test_plan_and_apply_report_problems_as_validate_does(ums: Terminal) -> None:
    ums.channel.write_text("[")

    for command in ("validate", "plan", "apply"):
        code, output, _ = ums.run(command, "--format", "github")
        assert (code, output[:43]) == (1, "::error file=config/shop.yaml,line=2,col=1:")


def test_a_generated_secret_is_shown_by_one_command_alone(ums: Terminal) -> None:
    _, applied, _ = ums.run("apply")
    code, secret, errors = ums.run("secret", "show", "Channel/shop", "masterSecret")

    assert (code, len(secret.strip()), errors) == (0, 43, "")
    assert secret.strip() not in applied
    assert ums.run("secret", "show", "Channel/ops", "masterSecret") == (
        1,
        "",
        "Channel/ops has no generated masterSecret; UMS keeps no secret that comes from elsewhere\n",
    )


def test_db_upgrade_says_what_it_did_and_then_that_nothing_is_left(ums: Terminal) -> None:
    code, output, _ = ums.run("db", "upgrade")

    assert (code, output.splitlines()[0]) == (0, "applied 0001_initial")
    assert ums.run("db", "upgrade") == (0, "the schema is up to date\n", "")


def test_a_database_without_tables_is_said_with_what_to_do(ums: Terminal) -> None:
    Path("var").mkdir()
    Path("var/ums.db").touch()

    assert ums.run("plan") == (
        1,
        "",
        "the database has not the tables of this version of UMS; run: ums db upgrade\n",
    )


def test_schema_lists_and_prints(ums: Terminal) -> None:
    assert ums.run("schema")[1].splitlines() == [*schemas(), "graphql"]
    assert json.loads(ums.run("schema", "channel")[1])["title"] == "Channel"
    assert ums.run("schema", "graphql")[1] == (Path(__file__).parents[2] / "schemas" / "ums.graphql").read_text()
    assert ums.run("schema", "chanel") == (1, "", "no schema 'chanel'; did you mean 'channel'?\n")


def test_another_installation_is_named_by_option_or_environment(ums: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.yaml").write_text(HEAD + "config: nowhere\n")
    expected = (1, "", "nowhere:1:1 found no such folder; make it, or change config in ums.yaml\n1 problem\n")

    assert ums.run("-f", "other.yaml", "validate") == expected
    monkeypatch.setenv("UMS_FILE", "other.yaml")
    assert ums.run("validate") == expected


def test_a_command_line_that_cannot_be_read_is_no_plan_with_changes(ums: Terminal) -> None:
    assert ums.run("validte") == (1, "", "No such command 'validte'. Did you mean 'validate'?; see: ums --help\n")

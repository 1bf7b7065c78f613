"""What UMS writes into folders: a first installation, an export, the schemas."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CHANNEL, Terminal
from ums.schemas import schemas

REPOSITORY = Path(__file__).parents[2]


def test_init_writes_an_installation_that_is_valid(ums: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output, errors = ums.run("init", "new")
    monkeypatch.chdir("new")

    assert (code, errors) == (0, "")
    assert output.startswith(f"wrote ums.yaml, config/ and schemas/ to {Path.cwd()}\n")
    assert ums.run("validate")[0] == 0
    assert (Path("schemas/channel.json")).is_file()
    assert "$schema=../../schemas/channel.json" in Path("config/channels/shop.yaml").read_text()


def test_init_leaves_a_folder_alone_that_is_not_empty(ums: Terminal) -> None:
    before = ums.channel.read_text()

    code, output, errors = ums.run("init")

    assert (code, output) == (1, "")
    assert errors == f"{Path.cwd()} is not empty; name a folder that is empty or not there yet\n"
    assert ums.channel.read_text() == before


def test_init_works_in_a_fresh_git_checkout(ums: Terminal) -> None:
    Path("new/.git").mkdir(parents=True)

    assert ums.run("init", "new")[0] == 0


def test_an_export_of_the_example_imports_to_an_empty_plan(ums: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    ums.run("init", "one")
    ums.run("init", "two")
    monkeypatch.chdir("one")
    ums.run("apply")
    code, output, _ = ums.run("export", "out")
    monkeypatch.chdir("../two")
    imported = ums.run("import", "../one/out", "-m", "from one")

    assert (code, imported[0]) == (0, 0)
    assert "revision 1 applied" in imported[1].splitlines()
    assert output.startswith("wrote ")
    code, planned, _ = ums.run("plan")
    assert (code, planned.splitlines()[-1]) == (0, "Nothing to change: revision 1 is what the files say.")


def test_an_export_holds_references_and_no_secret(ums: Terminal) -> None:
    ums.run("apply")
    secret = ums.run("secret", "show", "Channel/shop", "masterSecret")[1].strip()
    ums.run("export", "out")

    text = Path("out/channel/shop.yaml").read_text()
    assert "masterSecret:\n  generate: true\n" in text
    assert secret not in text


def test_an_export_does_not_mix_with_what_is_there(ums: Terminal) -> None:
    ums.run("apply")

    assert ums.run("export", "config") == (
        1,
        "",
        "config is not empty; name a folder that is empty or not there yet\n",
    )
    assert ums.channel.read_text() == CHANNEL


def test_schema_writes_all_of_them(ums: Terminal) -> None:
    code, output, _ = ums.run("schema", "--write", "out")

    assert (code, output) == (0, f"wrote {len(schemas()) + 1} files to out\n")
    assert json.loads(Path("out/content/app.json").read_text()) == schemas()["content/app"]
    assert Path("out/ums.graphql").read_text() == (REPOSITORY / "schemas" / "ums.graphql").read_text()

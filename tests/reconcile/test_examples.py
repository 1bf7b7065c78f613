"""Each file in `valid/` and `invalid/` is a test; it says first what is wrong with it, or doubtful, line by line."""

from pathlib import Path

import pytest

from ums.errors import ConfigInvalid
from ums.reconcile import checked
from ums.reconcile.kinds import BY_NAME, KINDS, Kind

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parents[1]
VALID = sorted((FOLDER / "valid").glob("*.yaml"))
INVALID = sorted((FOLDER / "invalid").glob("*.yaml"))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `config` folder in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    return Path("config")


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_a_valid_file_has_no_problems(file: Path, config: Path) -> None:
    (config / "it.yaml").write_text(file.read_text())

    found = checked(config)

    assert found.bodies
    assert _said(file, "# warn: ") == [str(problem).removeprefix("config/it.yaml:") for problem in found.warnings]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_is_shown_right_three_times_and_wrong_six_times(kind: Kind) -> None:
    assert len([file for file in VALID if file.name.startswith(f"{kind.schema}-")]) >= 3
    assert len([file for file in INVALID if file.name.startswith(f"{kind.schema}-")]) >= 6


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_an_invalid_file_has_exactly_the_problems_that_it_says(file: Path, config: Path) -> None:
    (config / "it.yaml").write_text(file.read_text())

    with pytest.raises(ConfigInvalid) as caught:
        checked(config)

    assert _said(file, "# expect: ") == [
        str(problem).removeprefix("config/it.yaml:") for problem in caught.value.problems
    ]


def _said(file: Path, mark: str) -> list[str]:
    return [line.removeprefix(mark) for line in file.read_text().splitlines() if line.startswith(mark)]


def test_no_message_repeats_a_secret(config: Path) -> None:
    for file in INVALID:
        (config / file.name).write_text(file.read_text())

    with pytest.raises(ConfigInvalid) as caught:
        checked(config)

    assert "hunter2" not in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert "correct horse" not in str(caught.value)


def test_the_example_installation_is_valid() -> None:
    found = checked(REPOSITORY / "config")

    assert set(BY_NAME) == {kind for kind, _ in found.bodies}
    assert found.warnings == []


def test_problems_of_all_files_come_in_one_run_by_file_and_line(config: Path) -> None:
    (config / "b.yaml").write_text("kind: Channel\n---\nkind: Chanel\n")
    (config / "a.yaml").write_text("kind: [\n")
    (config / "sub").mkdir()
    (config / "sub" / "c.yml").write_text("- 1\n")

    with pytest.raises(ConfigInvalid) as caught:
        checked(config)

    assert list(dict.fromkeys((problem.file, problem.line) for problem in caught.value.problems)) == [
        ("config/a.yaml", 2),
        ("config/b.yaml", 1),
        ("config/b.yaml", 3),
        ("config/sub/c.yml", 1),
    ]


def test_hidden_files_and_policy_tests_are_not_read(config: Path) -> None:
    (config / ".swap.yaml").write_text("[")
    (config / ".git").mkdir()
    (config / ".git" / "x.yaml").write_text("[")
    (config / "otp.test.yaml").write_text("[")

    assert checked(config).bodies == {}


def test_a_config_folder_that_is_not_there_is_a_problem(config: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"conf:1:1 found no such folder; make it, or change config in ums.yaml"):
        checked(Path("conf"))


def test_a_file_that_cannot_be_read_is_a_problem(config: Path) -> None:
    (config / "gone.yaml").symlink_to("nowhere")

    with pytest.raises(ConfigInvalid, match=r"config/gone.yaml:1:1 cannot be read: No such file or directory"):
        checked(config)

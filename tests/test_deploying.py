"""What docs/deploying.md and docs/deploy/ tell people to run is there to be run."""

import configparser
import json
import re
import shlex
from collections.abc import Iterator
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ums.cli import main
from ums.settings import load_settings

REPOSITORY = Path(__file__).parents[1]
DEPLOY = REPOSITORY / "docs" / "deploy"
PAGE = REPOSITORY / "docs" / "deploying.md"
UNITS = sorted((DEPLOY / "systemd").iterdir())
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "ums"}


def is_known(command: list[str]) -> bool:
    """Whether `ums` has this command with these options: they are read before the help that is asked for."""
    assert Path(command[0]).name == "ums"
    with pytest.raises(SystemExit) as ended:
        main([*command[1:], "--help"])
    return ended.value.code == 0


def commands(line: str) -> Iterator[list[str]]:
    """Those of a shell line that call `ums`."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    for is_between, words in groupby(lexer, key=lambda word: set(word) <= set(";&|")):
        command = list(words)
        if not is_between and Path(command[0]).name == "ums":
            yield command


def unit(file: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read_string(file.read_text())
    return parser


def shown() -> list[list[str]]:
    """The commands of `ums` in the page's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [command for line in lines for command in commands(line)]


def example_environment() -> dict[str, str]:
    lines = (DEPLOY / "ums.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_a_command_that_is_not_there_would_be_found() -> None:
    assert [is_known(["ums", "serve"]), is_known(["ums", "api", "--prot", "1"])] == [False, False]


def test_there_is_a_unit_for_every_process() -> None:
    assert [file.name for file in UNITS] == ["ums-api.service", "ums-up.service", "ums-worker@.service"]


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_a_unit_runs_a_command_that_is_there(file: Path) -> None:
    service = unit(file)["Service"]

    assert is_known(shlex.split(service["ExecStart"]))
    assert service["Restart"] == "always"
    assert unit(file)["Install"]["WantedBy"] == "multi-user.target"


def test_a_worker_gets_longer_to_stop_than_a_provider_to_answer() -> None:
    assert int(unit(DEPLOY / "systemd" / "ums-worker@.service")["Service"]["TimeoutStopSec"]) > 60
    assert COMPOSE["services"]["worker"]["stop_grace_period"] == "90s"


def test_compose_has_every_process_of_the_scaled_form() -> None:
    assert set(COMPOSE["services"]) == {"postgres", "redis", "setup", "api", "worker"}
    assert set(OURS) == {"setup", "api", "worker"}


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_compose_runs_commands_that_are_there(name: str) -> None:
    words = OURS[name]["command"]
    found = list(commands(words[2])) if words[:2] == ["sh", "-c"] else [words]

    assert found
    assert [command for command in found if not is_known(command)] == []


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_compose_names_files_and_services_that_are_there(name: str) -> None:
    service, context = OURS[name], DEPLOY / OURS[name]["build"]["context"]

    assert (context / service["build"]["dockerfile"]).is_file()
    assert [volume for volume in service["volumes"] if not (DEPLOY / volume.split(":")[0]).exists()] == []
    assert [file for file in service["env_file"] if not (DEPLOY / f"{file}.example").is_file()] == []
    assert set(service["depends_on"]) <= set(COMPOSE["services"])


def test_the_image_is_made_of_what_is_there_and_runs_a_command_that_is_there() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    (command,) = (line.removeprefix("CMD ") for line in lines if line.startswith("CMD "))

    assert copied
    assert [name for name in copied if not (REPOSITORY / name).exists()] == []
    assert is_known(json.loads(command))


def test_the_example_environment_is_what_an_installation_reads() -> None:
    environ = example_environment()

    settings = load_settings(REPOSITORY / "ums.yaml", environ)

    assert settings.public_url == environ["UMS_PUBLIC_URL"]
    assert (settings.database_url, settings.queue_url) == (environ["UMS_DATABASE_URL"], environ["UMS_QUEUE_URL"])
    assert settings.people_secret
    assert settings.people_secret.env in environ
    declared = "\n".join(file.read_text() for file in (REPOSITORY / "config").rglob("*.yaml"))
    assert [name for name in environ if name.startswith("SHOP_") and f"{{env: {name}}}" not in declared] == []


def test_the_page_shows_commands_that_are_there() -> None:
    assert ["ums", "db", "upgrade"] in shown()
    assert [command for command in shown() if not is_known(command)] == []


def test_the_page_speaks_of_commands_that_are_there() -> None:
    spoken = {" ".join(takewhile(_is_word, said.split())) for said in re.findall("`(ums [^`]+)`", PAGE.read_text())}

    assert {"ums api", "ums worker", "ums up"} <= spoken
    assert [command for command in spoken if not is_known(command.split())] == []


def _is_word(part: str) -> bool:
    return not part.startswith("-")


def test_the_page_links_to_files_that_are_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text())

    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []

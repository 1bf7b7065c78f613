"""What a folder declares, beyond single files: warnings, renames, lists beside documents."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reconcile.mutated import PLACES, VALUES, replaced
from ums.documents import read
from ums.errors import ConfigInvalid, Severity
from ums.reconcile import Checked, checked
from ums.reconcile.kinds import BY_NAME, KINDS
from ums.reconcile.load import Declared
from ums.reconcile.validate import validate
from ums.schemas import schemas

SHOP = """
apiVersion: ums/v1
kind: Channel
name: shop
masterSecret: {generate: true}
deliveryChannels: []
"""
LIST = """
apiVersion: ums/v1
kind: Blacklist
channel: shop
name: opted-out
membersFile: people/out.csv
members: [u3, u1]
"""
WORDS = """
apiVersion: ums/v1
kind: SensitiveWords
channel: shop
name: law
wordsFile: words.txt
words: [{word: lottery, enabled: false}, casino]
"""
DOUBTFUL = """
apiVersion: ums/v1
kind: Template
channel: shop
name: hello
content: {email: {subject: a, text: b}}
"""


def declared(folder: Path, *documents: str) -> Checked:
    (folder / "it.yaml").write_text("---".join((SHOP, *documents)))
    return checked(folder)


def wrong(folder: Path, *documents: str) -> list[str]:
    with pytest.raises(ConfigInvalid) as caught:
        declared(folder, *documents)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_a_warning_is_handed_back_and_stops_nothing(tmp_path: Path) -> None:
    found = declared(tmp_path, DOUBTFUL)

    assert [problem.severity for problem in found.warnings] == [Severity.WARNING]
    assert ("Template", "shop/hello") in found.bodies


def test_an_error_brings_the_warnings_with_it(tmp_path: Path) -> None:
    found = wrong(tmp_path, DOUBTFUL, LIST.replace("shop", "shpo"))

    assert [line.split(" ")[1] for line in found] == ["warning:", "$.channel:", "$.membersFile:"]


def test_what_was_renamed_is_told_apart_from_what_it_is(tmp_path: Path) -> None:
    found = declared(tmp_path, DOUBTFUL + "moved: {from: hi}\n")

    assert found.moved == {("Template", "shop/hello"): ("Template", "shop/hi")}
    assert "moved" not in found.bodies["Template", "shop/hello"]


def test_two_objects_cannot_both_have_had_a_name(tmp_path: Path) -> None:
    moved = DOUBTFUL + "moved: {from: hi}\n"

    assert wrong(tmp_path, moved, moved.replace("hello", "goodbye"))[-1:] == [
        "it.yaml:20:15 $.moved.from: shop/hello in it.yaml:8 was 'hi' too; one of them only can have been"
    ]


def test_members_in_the_file_and_in_the_document_are_one_list_in_one_order(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "out.csv").write_text("userId\nu2\nu1\nu2\n")

    body = declared(tmp_path, LIST).bodies["Blacklist", "shop/opted-out"]

    assert body["members"] == ["u1", "u2", "u3"]
    assert "membersFile" not in body


def test_words_of_the_file_come_on_top(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("jackpot\ncasino\n")

    body = declared(tmp_path, WORDS).bodies["SensitiveWords", "shop/law"]

    assert body["words"] == [
        {"word": "casino", "enabled": True},
        {"word": "jackpot", "enabled": True},
        {"word": "lottery", "enabled": False},
    ]


def test_a_wrong_row_is_a_problem_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "out.csv").write_text("u1\nu 2\n")

    assert wrong(tmp_path, LIST)[0].startswith("people/out.csv:2:1 found 'u 2', expected a user id")


def test_a_word_that_is_on_in_the_file_and_off_in_the_document_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("lottery\n")

    assert wrong(tmp_path, WORDS) == ["it.yaml:13:8 $.words: 'lottery' is listed as enabled and as not; remove one"]


def test_the_first_address_is_the_default_when_none_says_so(tmp_path: Path) -> None:
    addresses = "callbacks: {addresses: [https://a.example, {url: 'https://b.example'}]}\n"

    (tmp_path / "it.yaml").write_text(SHOP + addresses)

    assert checked(tmp_path).bodies["Channel", "shop"]["callbacks"]["addresses"] == [
        {"url": "https://a.example", "default": True},
        {"url": "https://b.example", "default": False},
    ]


EXAMPLES = [example for kind in KINDS for example in schemas()[kind.schema]["examples"]]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(range(len(EXAMPLES))), PLACES, VALUES)
def test_documents_with_anything_in_their_midst_are_judged_and_never_an_exception(
    number: int, place: list[int], new: object
) -> None:
    changed = replaced(EXAMPLES[number], place, new)
    whole = [*EXAMPLES[:number], changed, *EXAMPLES[number + 1 :]]
    documents, _ = read("it.yaml", yaml.safe_dump_all(whole, allow_unicode=True).encode())
    declared = [
        Declared(BY_NAME[one.body["kind"]], one)
        for one in documents
        if isinstance(one.body, dict) and one.body.get("kind") in list(BY_NAME)
    ]

    assert all(problem.line >= 1 for problem in validate(declared))

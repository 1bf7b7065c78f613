from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ums.documents import MAX_BYTES, json_path, read

FRAGMENTS = [
    *(b"&a ", b"*a ", b"[", b"]", b"{", b"}", b": ", b"<<: ", b"- ", b"\n", b"  ", b'"', b"'", b",", b"? ", b"|", b">"),
    *(
        b"---\n",
        b"...\n",
        b"%YAML 1.1\n",
        b"\\0",
        b"~",
        b"=",
        b"x",
        b"1",
        b"0.",
        b"1e9",
        b"\t",
        b"\xef\xbb\xbf",
        b"\xff",
    ),
    *(b"!!int ", b"!!map ", b"!!seq ", b"!!str ", b"!!merge ", b"!!null ", b"!!bool ", b"!!float ", b"!!set ", b"!x "),
]


def body(text: str) -> Any:
    documents, problems = read("it.yaml", text.encode())
    assert problems == []
    return documents[0].body


def problems(content: bytes) -> list[str]:
    return [str(problem) for problem in read("it.yaml", content)[1]]


@settings(max_examples=500)
@example(b"\xef\xbb\xbf\x00\x80")
@given(st.binary() | st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(b"".join))
def test_any_bytes_give_documents_or_problems_and_never_an_exception(content: bytes) -> None:
    documents, found = read("it.yaml", content)

    assert all(document.place() >= (1, 1) for document in documents)
    assert all(problem.line >= 1 and problem.column >= 1 for problem in found)


@pytest.mark.parametrize(
    "scalar",
    [
        *("no", "on", "Yes", "TRUE", "NULL", "=", "2020-01-01", "1:30", "12:30:00", "123456789012345678"),
        *("0755", "0x1f", "1_000", "+1", "1e3", ".5", ".inf"),
    ],
)
def test_what_only_looks_like_another_type_stays_text(scalar: str) -> None:
    assert scalar == body(f"{{a: {scalar}}}")["a"]


def test_booleans_numbers_and_nothing_are_read() -> None:
    assert body("{a: true, b: false, c: -12, d: 1.5, e: null, f: ~}") == {
        "a": True,
        "b": False,
        "c": -12,
        "d": 1.5,
        "e": None,
        "f": None,
    }


def test_several_documents_of_a_file_know_their_lines() -> None:
    documents, _ = read("it.yaml", b"a: 1\n---\n# nothing\n---\nb:\n  - c: 2\n")

    assert [document.place() for document in documents] == [(1, 1), (5, 1)]
    assert documents[1].place(("b", 0, "c")) == (6, 8)
    assert documents[1].place(("b", 0, "c"), key=True) == (6, 5)


def test_a_place_that_is_not_there_is_that_of_its_nearest_parent() -> None:
    document = read("it.yaml", b"a:\n  b: [x]\n")[0][0]

    assert str(document.problem(("a", "b", 0, "name"), "is wrong")) == "it.yaml:2:7 $.a.b[0]: is wrong"
    assert str(document.problem(("a", "z"), "is wrong")) == "it.yaml:2:3 $.a: is wrong"


def test_a_merged_value_stands_where_it_was_written() -> None:
    document = read("it.yaml", b"a: &a\n  x: 1\n  y: 2\nb:\n  <<: *a\n  y: 3\n")[0][0]

    assert document.body["b"] == {"x": 1, "y": 3}
    assert document.place(("b", "x")) == (2, 6)
    assert document.place(("b", "y")) == (6, 6)


def test_of_several_merged_mappings_the_first_counts() -> None:
    document = read("it.yaml", b"a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc:\n  <<: [*a, *b]\n")[0][0]

    assert document.body["c"] == {"x": 1, "y": 3}
    assert document.place(("c", "x")) == (1, 11)
    assert document.place(("c", "y")) == (2, 17)


def test_keys_that_are_no_plain_words_are_written_in_brackets() -> None:
    assert json_path(("a", 0, "b c", "d-e")) == "$.a[0]['b c'].d-e"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: 1\na: 2\n", "it.yaml:2:1 found the key 'a' twice; remove one"),
        (b"1: x\n", "it.yaml:1:1 found a key that is not text; put it in quotes"),
        (b"a: !!python/name:os.system x", "it.yaml:1:4 found the tag 'tag:yaml.org,2002:python/name:os.system'"),
        (b"a: !!int x\n", "it.yaml:1:4 found the tag 'tag:yaml.org,2002:int'; remove it"),
        (b'a: "\\0"\n', "it.yaml:1:4 found a NUL character; remove it"),
        (b"a:\n  b: \x07\n", "it.yaml:2:6 found the control character #x0007; remove it"),
        (b"a:\n  b: \xff\n", "it.yaml:2:6 found bytes that are not UTF-8; save it as UTF-8"),
        (b"&a [*a]\n", "it.yaml:1:1 found aliases that stand for more than 200000 values; write fewer"),
        (b"[" * 500, "it.yaml:1:41 found more than 40 levels; write it flatter"),
        (b"- " * 100_000, "it.yaml:1:81 found more than 40 levels; write it flatter"),
        (b"? [a]\n: b\n", "it.yaml:1:3 found a key that is not text; put it in quotes"),
        (b"{<<: 5}", "it.yaml:1:6 found no mapping behind '<<', expected one, or a list of them"),
        (b"{<<: {a: 1}, <<: {b: 1}}", "it.yaml:1:14 found the key '<<' twice; remove one"),
        (b"[&a x, &a y]", "it.yaml:1:8 found the anchor 'a' twice; rename one"),
        (b"a: *b\n", "it.yaml:1:4 not YAML: found undefined alias"),
        (b"a: [\n", "it.yaml:2:1 not YAML while parsing a flow node: did not find expected node content"),
        (b"#" * (MAX_BYTES + 1), "it.yaml:1:1 found 1000001 bytes, expected at most 1000000; split it"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(content: bytes, expected: str) -> None:
    assert [message[: len(expected)] for message in problems(content)] == [expected]


def test_a_few_aliases_that_stand_for_billions_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    assert problems("\n".join(lines).encode()) == [
        "it.yaml:1:1 found aliases that stand for more than 200000 values; write fewer"
    ]


def test_documents_before_a_broken_one_are_given() -> None:
    documents, found = read("it.yaml", b"a: 1\n---\nb: 1\nb: 2\n")

    assert [document.body for document in documents] == [{"a": 1}]
    assert found[0].line == 4


def test_a_file_that_nests_without_end_is_refused_before_it_is_read_to_its_end() -> None:
    [found] = problems(b"[" * 100_000)

    assert found.endswith("found more than 40 levels; write it flatter")

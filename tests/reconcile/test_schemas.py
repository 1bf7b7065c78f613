from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.reconcile.mutated import PLACES, VALUES, replaced
from ums.platforms import PLATFORMS
from ums.schemas import check, explained_by, names, passes, schemas, with_defaults

WHOLE = [name for name in schemas() if name != "parts"]


def properties(schema: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every property that a schema describes, at any depth."""
    if isinstance(schema, dict):
        for name, part in schema.get("properties", {}).items():
            yield f"{path}.{name}", part
        for key, part in schema.items():
            if key not in {"examples", "default", "const", "enum"}:
                yield from properties(part, f"{path}.{key}")
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part, path)


def examples(name: str) -> list[Any]:
    found: list[Any] = schemas()[name].get("examples", [])
    return found


@pytest.mark.parametrize("name", schemas())
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(schemas()[name])

    assert schemas()[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", schemas())
def test_every_property_has_a_description_that_an_editor_can_show(name: str) -> None:
    assert [path for path, part in properties(schemas()[name], name) if not part.get("description")] == []


@pytest.mark.parametrize("name", WHOLE)
def test_every_example_is_valid(name: str) -> None:
    assert examples(name)
    assert [problem for example in examples(name) for problem in check(name, example)] == []


@pytest.mark.parametrize("name", WHOLE)
def test_examples_of_properties_are_valid(name: str) -> None:
    for path, part in properties(schemas()[name], name):
        for example in part.get("examples", []):
            assert _problems_of_property(name, part, example) == [], path


def _problems_of_property(name: str, part: Any, example: Any) -> list[str]:
    """By the property's own keywords; references are covered by the examples of whole schemas."""
    elsewhere = {"$ref", "properties", "additionalProperties", "propertyNames", "items"}
    plain = {key: value for key, value in part.items() if key not in elsewhere}
    return [error.message for error in Draft202012Validator(plain).iter_errors(example)]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", WHOLE)
def test_the_compiled_gate_and_the_one_who_explains_agree(name: str, data: st.DataObject) -> None:
    example = data.draw(st.sampled_from(examples(name)))
    value = replaced(example, data.draw(PLACES), data.draw(VALUES))

    assert passes(name, value) == (list(explained_by(name).iter_errors(value)) == [])


def test_a_value_is_checked_the_same_way_however_often() -> None:
    first = check("content/sms", {"temp_id": 0})
    for _ in range(300):
        check("content/sms", {"temp_id": 1})

    assert first == check("content/sms", {"temp_id": 0})


def test_a_default_fills_in_the_same_value_twice() -> None:
    once = with_defaults("ums", {"apiVersion": "ums/v1", "kind": "Installation"})

    assert once == with_defaults("ums", once)
    assert check("ums", once) == []
    assert once["workers"] == {"high": 2, "medium": 2, "low": 2}


def test_platforms_are_the_schemas_of_providers() -> None:
    assert set(names("providers")) == set(PLATFORMS)
    assert set(schemas()["delivery-channel"]["properties"]["platform"]["enum"]) == set(PLATFORMS)


def test_a_value_without_a_document_is_told_its_path_alone() -> None:
    problems = check("content/sms", {"temp_id": "x"}, within=("body", "content", "sms"))

    assert list(map(str, problems)) == ["$.body.content.sms.temp_id: found 'x', expected a whole number"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("content/email", {"subject": "a\nb", "text": "c"}, "$.subject: found 'a\\nb', expected one line of text"),
        ("content/email", {"subject": "a\n", "text": "c"}, "$.subject: found 'a\\n', expected one line of text"),
        (
            "content/email",
            {"subject": "a\u2028b", "text": "c"},
            "$.subject: found 'a\\u2028b', expected one line of text",
        ),
        ("content/email", {"subject": "a\x1bb", "text": "c"}, "$.subject: found 'a\\x1bb', expected one line of text"),
        ("content/email", [], "$: found a list, expected a mapping"),
        ("content/app", {"platform": "all"}, "$: found a mapping, expected a notification, a message, or both"),
        (
            "content/app",
            {"platform": "al", "message": {"msg_content": "x"}},
            "$.platform: found 'al', expected all, or a list of android, ios, hmos and quickapp",
        ),
        (
            "content/app",
            {"platform": ["ios", "ios"], "message": {"msg_content": "x"}},
            "$.platform: found the same item twice; remove one",
        ),
        ("content/sms", {"temp_id": 0}, "$.temp_id: found 0, expected at least 1"),
        (
            "content/sms",
            {"temp_id": 1, "temp_para": {"a": 1}},
            "$.temp_para.a: found 1, expected text; put it in quotes",
        ),
    ],
)
def test_a_message_says_what_was_found_and_what_is_expected(name: str, value: Any, message: str) -> None:
    assert [message] == list(map(str, check(name, value)))

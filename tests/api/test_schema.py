"""The exported schema, and what protects the server from a query."""

from pathlib import Path

from tests.api.conftest import Api
from ums.api.schema import schema

EXPORTED = Path(__file__).parents[2] / "schemas" / "ums.graphql"


def test_the_exported_schema_is_the_one_that_is_served() -> None:
    assert EXPORTED.read_text() == schema.as_str() + "\n", "write it anew: ums schema graphql > schemas/ums.graphql"


async def test_a_query_too_long_is_refused(api: Api) -> None:
    answer = await api.answers("{ config { " + "revision " * 5000 + "} }")

    assert answer["errors"][0]["message"] == "Syntax Error: Document contains more than 4000 tokens. Parsing aborted."


async def test_too_many_aliases_are_refused(api: Api) -> None:
    answer = await api.answers("{" + " ".join(f"a{n}: config {{ revision }}" for n in range(20)) + "}")

    assert "aliases" in answer["errors"][0]["message"]

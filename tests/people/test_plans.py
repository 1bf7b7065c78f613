"""Large audiences are found by index: the plans of the statements that a send really runs."""

import logging
import re
from collections.abc import Sequence
from typing import Any

import pytest

from tests.messaging.expanding.test_lists import declare
from tests.shop import Shop, person
from ums.database import connection, execute, is_sqlite, transaction

PEOPLE = re.compile(r"\b(user_account|tag|address|list_member)\b")

# As SQLite says it: everything of a table, by the table's name or by the name that a statement gives it.
SCAN = re.compile(r"^SCAN (user_account|tag|address|list_member|recipient|delivery|[uotamrd])\b")


@pytest.fixture
async def crowd(shop: Shop) -> Shop:
    """People, tags, lists and Segments enough for a plan."""
    names = [f"u{n}" for n in range(200)]
    await shop.knows(*(person(name, app=[name], tags=["vip"] if n % 2 else ["new"]) for n, name in enumerate(names)))
    await declare(shop, "Blacklist", "quiet", f"members: [{', '.join(names[::5])}]")
    await declare(shop, "Whitelist", "pilot", f"members: [{', '.join(names[::3])}]")
    await declare(shop, "Segment", "named", f"members: [{', '.join(names[::4])}]")
    await declare(shop, "Segment", "ruled", "rules: {tags: {all: [vip], any: [vip, x], none: [new]}, has: [app]}")
    await declare(shop, "Segment", "either", "rules: {tags: {any: [vip, new]}}")
    return shop


Statements = Sequence[tuple[str, list[Any]]]


async def plans(statements: Statements, *, as_if_large: bool = True) -> list[str]:
    """What the database would do, line by line; PostgreSQL perhaps as if the tables were large."""
    lines: list[str] = []
    async with transaction() as tx:
        if as_if_large and not is_sqlite(tx):
            await tx.execute_query("SET LOCAL enable_seqscan = off")
        for statement, values in statements:
            word = "EXPLAIN QUERY PLAN" if is_sqlite(tx) else "EXPLAIN"
            lines += [str(list(row.values())[-1]) for row in await tx.execute_query_dict(f"{word} {statement}", values)]
    return lines


def scans(lines: Sequence[str]) -> list[str]:
    """Those that read all of a table of people, since no index serves."""
    return [line for line in lines if SCAN.match(line.strip()) or ("Seq Scan on" in line and PEOPLE.search(line))]


async def ran_on_people(shop: Shop, caplog: pytest.LogCaptureFixture) -> Statements:
    """What the worker asked of the tables of people."""
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        await shop.works()
    ran = [record.args for record in caplog.records if record.name == "tortoise.db_client"]
    return [
        (str(args[0]), list(args[1] or []))  # type: ignore[call-overload]  # what a log record holds
        for args in ran
        if isinstance(args, tuple) and PEOPLE.search(str(args[0]))
    ]


@pytest.mark.parametrize(
    ("audience", "options", "index"),
    [
        ({"users": {"tags": ["vip"]}}, {}, "tag_users"),
        ({"users": {"tags": ["vip", "new"]}}, {"blacklist": "quiet"}, "list_member"),
        ({"users": {"segment": "named"}}, {}, "list_member_account"),
        ({"users": {"segment": "ruled"}}, {}, "tag_users"),
        ({"users": {"segment": "either", "userIds": ["u1"]}}, {"whitelist": "pilot"}, "list_member"),
        ({"users": {"userIds": ["u1", "u2"]}}, {"blacklist": "quiet"}, "list_member"),
        ({"broadcast": True}, {"blacklist": "quiet"}, "list_member"),
    ],
)
async def test_no_statement_of_a_send_reads_a_whole_table_of_people(
    crowd: Shop, caplog: pytest.LogCaptureFixture, audience: dict[str, Any], options: dict[str, str], index: str
) -> None:
    await crowd.sends(audience, "shop", **options)
    of_people = await ran_on_people(crowd, caplog)

    lines = await plans(of_people)

    assert len(of_people) >= 3
    assert scans(lines) == []
    assert [line for line in lines if index in line]


@pytest.mark.parametrize("settings", ["postgres"], indirect=True)
async def test_among_a_million_people_postgresql_finds_those_who_are_meant_by_index(
    crowd: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    for statement in (*MILLION, "ANALYZE user_account", "ANALYZE address", "ANALYZE tag", "ANALYZE list_member"):
        await execute(connection(), statement)
    for audience, options in (
        ({"users": {"tags": ["vip"]}}, {"blacklist": "quiet"}),
        ({"users": {"segment": "named"}}, {"whitelist": "pilot"}),
        ({"users": {"segment": "ruled"}}, {}),
        ({"users": {"userIds": ["u1", "u2"]}}, {"blacklist": "quiet"}),
    ):
        await crowd.sends(audience, "shop", **options)

    of_people = await ran_on_people(crowd, caplog)

    lines = await plans(of_people, as_if_large=False)
    assert len(of_people) >= 8
    assert scans(lines) == []


# Nobody of them is meant by anything that the crowd is sent.
MILLION = (
    """INSERT INTO user_account (id, user_id, created_at, updated_at)
    SELECT n, 'm' || n, 1, 1 FROM generate_series(1000000, 1999999) AS n""",
    """INSERT INTO address (user_id, type, bind, value)
    SELECT n, 'app', 'app', 'rid-' || n FROM generate_series(1000000, 1999999) AS n""",
    """INSERT INTO tag (user_id, bind, tag)
    SELECT n, 'all', 'tag' || n % 100 FROM generate_series(1000000, 1999999) AS n""",
    """INSERT INTO list_member (list_id, user_id, account)
    SELECT l.id, 'm' || n, n FROM people_list l, generate_series(1000000, 1099999) AS n WHERE l.kind = 'Blacklist'""",
)


async def test_a_scan_would_be_seen(crowd: Shop) -> None:
    lines = await plans([("SELECT t.id FROM tag t WHERE t.tag LIKE '%p'", [])])

    assert len(scans(lines)) == 1

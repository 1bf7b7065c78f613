"""`ums message`, `ums stats` and `ums check` at a terminal."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.cli.conftest import Terminal
from ums.database import connection, execute, opened, transaction
from ums.messaging.counts import Tally
from ums.messaging.ledger import Entry, record
from ums.settings import load_settings
from ums.vocabulary import Reason, State, system_clock

MESSAGE = """
INSERT INTO message (id, channel, revision, created_at, priority, state, audience, content, template, policy, steps,
    send_no, owner, input_hash, send_at, lease_until, lease_token, expanded, cursor, recipients, deliveries)
VALUES (1, 'shop', 1, $1, 1, 'done', '{}', '{}', '', '', '[]', '', '', '', $1, 0, '', true, 0, 4, 4)"""
RECIPIENT = "INSERT INTO recipient (id, message_id, target, state, reason, step) VALUES ($1, 1, $2, 0, '', 0)"
DELIVERY = """
INSERT INTO delivery (id, recipient_id, delivery_channel, step, address, state, reason, code, words, planned_at)
VALUES ($1, $1, 'app', 0, $2, 0, '', '', '', 1)"""

NIGHT = """
INSERT INTO night (task, channel, day, lease_until, done_at, found, words)
VALUES ('check', 'shop', '2027-01-15', 0, 1, 2, 'this one')"""


async def sent() -> None:
    """A message to four: one clicked, one delivered, one undelivered, one still planned."""
    now, first = system_clock(), 1 << 32
    await execute(connection(), MESSAGE, now)
    async with transaction() as tx:
        tally = Tally()
        for n in range(1, 5):
            await execute(tx, RECIPIENT, first + n, f"u{n}")
            await execute(tx, DELIVERY, first + n, f"a{n}")
            tally.cells.update({(1, "", 0, ""): 1, (1, "app", 0, ""): 1})
        tally.cells[1, "", -1, ""] += 1
        await tally.count(tx, now)
    async with transaction() as tx:
        entries = [Entry(first + 1, State.CLICKED, now), Entry(first + 2, State.DELIVERED, now)]
        entries.append(Entry(first + 3, State.UNDELIVERED, now, Reason.UNREACHABLE, "4009", "out of reach"))
        await record(tx, entries, now)


def on_the_database(work: Callable[[], Awaitable[object]]) -> None:
    async def run() -> None:
        async with opened(load_settings(Path("ums.yaml"))):
            await work()

    asyncio.run(run())


def test_a_message_is_drawn_with_its_losses(ums: Terminal) -> None:
    assert ums.run("apply")[0] == 0
    on_the_database(sent)

    code, output, errors = ums.run("message", "1")

    assert (code, errors) == (0, "")
    rows = [line for line in output.splitlines() if "│ app" in line or "│ users" in line]
    assert [row.split("│")[2:7] for row in rows] == [
        [" 4       ", " 4         ", " 3    ", " 2         ", " 1       "]
    ] * 2
    assert "█" * 4 + "▓" * 4 + "▒" * 4 + "·" * 4 in rows[0]
    assert "lost: 1 of app, sent to delivered: unreachable (1 x 4009 out of reach)" in output
    assert "app: delivered 66.7%, usually -; clicked 50.0%, usually -" in output


def test_the_trend_of_a_channel_is_drawn_by_day(ums: Terminal) -> None:
    assert ums.run("apply")[0] == 0
    on_the_database(sent)

    code, output, errors = ums.run("stats", "shop", "--days", "3")

    assert (code, errors) == (0, "")
    days = [line for line in output.splitlines() if line.startswith("│ 20")]
    assert len(days) == 3
    assert days[-1].split("│")[2].strip() == "1"
    assert "counters of" not in output
    on_the_database(lambda: execute(connection(), NIGHT))
    assert "2 counters of 2027-01-15 are wrong; see them with: ums check\nthis one\n" in ums.run("stats", "shop")[1]
    assert ums.run("stats", "shpo")[2] == "no Channel 'shpo' is live; did you mean 'shop'?\n"
    assert ums.run("message", "7")[2] == "there is no message 7, or it is not kept any more\n"


def test_a_wrong_counter_is_told_and_set_right(ums: Terminal) -> None:
    assert ums.run("apply")[0] == 0
    on_the_database(sent)
    assert ums.run("check") == (0, "every counter is right\n", "")
    on_the_database(lambda: execute(connection(), "UPDATE message_count SET number = 9 WHERE state = 60"))

    code, output, _ = ums.run("check")
    assert code == 1
    assert output.startswith("message_count 1  60 : 9 kept, 1 found\nmessage_count 1 app 60 : 9 kept, 1 found\n")

    assert ums.run("check", "--repair")[0] == 0
    assert ums.run("check") == (0, "every counter is right\n", "")


def test_the_statistics_of_a_channel_go_into_a_file(ums: Terminal) -> None:
    assert ums.run("apply")[0] == 0
    on_the_database(sent)

    assert ums.run("stats", "shop", "--days", "3", "--to", "stats.csv")[0] == 0
    assert ums.run("stats", "shop", "--days", "1", "--by", "hour", "--to", "stats.xlsx")[0] == 0

    lines = Path("stats.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len([line for line in lines if ",users," in line]) == 3
    assert lines[-1].split(",")[1:8] == ["app", "", "4", "4", "3", "2", "1"]
    assert Path("stats.xlsx").read_bytes().startswith(b"PK")
    assert "expected a name that ends in .csv or .xlsx" in ums.run("stats", "shop", "--to", "stats.txt")[2]
    assert "expected day or hour" in ums.run("stats", "shop", "--by", "week", "--to", "stats.csv")[2]

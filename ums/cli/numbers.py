"""`ums message`, `ums stats` and `ums check`: the numbers at the terminal, and whether they are right."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ums.cli.terminal import app, installation
from ums.database import opened
from ums.errors import UmsError
from ums.messaging.calendar import DAY, HOUR, day_start, local
from ums.messaging.keeping.recount import Difference, differences
from ums.messaging.reading import statistics
from ums.messaging.reading.history import Funnel, Loss, Numbers, numbers
from ums.messaging.reading.sheets import Sheet, sheet
from ums.models import Message
from ums.schemas import did_you_mean
from ums.settings import Settings
from ums.snapshot import Body, Snapshot, Snapshots
from ums.vocabulary import system_clock

_STEPS = ("planned", "effective", "sent", "delivered", "clicked")
_WIDE = 16
"""Characters of the longest bar."""


class NotThere(UmsError):
    """The caller must act: what was named is not there."""


@app.command()
def message(number: Annotated[int, typer.Argument(metavar="ID", help="As sendMessage returned it.")]) -> None:
    """Draw the funnel of a message, whom it lost and why, and how it compares."""
    sent, found, means = asyncio.run(_message(installation(), number))
    out = Console(highlight=False)
    out.print(f"message {sent.id} of Channel {sent.channel}: {sent.state}{f', {sent.failure}' * bool(sent.failure)}")
    _print_funnels(out, found)
    for mean in means:
        usual = mean.mean
        out.print(
            f"{mean.delivery_channel}: delivered {_percent(mean.message.delivery_rate)}, usually "
            f"{_percent(usual.delivery_rate)}; clicked {_percent(mean.message.click_rate)}, usually "
            f"{_percent(usual.click_rate)}"
        )


@app.command()
def stats(
    channel: Annotated[str, typer.Argument(help="Its name.")],
    days: Annotated[int, typer.Option("--days", min=1, max=99, help="The last so many, today with them.")] = 7,
    by: Annotated[str, typer.Option("--by", help="day or hour, in the file.")] = DAY,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Instead, a .csv or .xlsx for each --by.")
    ] = None,
) -> None:
    """Draw the trend of a Channel by day of the send, and today's losses as they were heard of."""
    if to is not None:
        _export(to, *asyncio.run(_periods(installation(), channel, days, by)))
        return
    body, trend, today, checked = asyncio.run(_trend(installation(), channel, days))
    out = Console(highlight=False)
    table = Table("", "messages", *_STEPS, "", title=f"Channel {channel}, targets by day", title_justify="left")
    most = max(1, *(period.targets.planned for period in trend))
    for period in trend:
        day = local(period.begin, statistics.zone_of(body)).date().isoformat()
        table.add_row(day, str(period.requests), *_values(period.targets), _bar(period.targets, most))
    out.print(table)
    out.print("heard of today:")
    _print_funnels(out, today.numbers)
    if checked and checked.wrong:
        out.print(f"{checked.wrong} counters of {checked.day} are wrong; see them with: ums check\n{checked.first}")
    elif checked:
        out.print(f"the counters of {checked.day} were checked, and are right")


@app.command()
def check(
    repair: Annotated[bool, typer.Option("--repair", help="Set them right; nothing need be stopped.")] = False,
) -> None:
    """Hold every counter against the rows that it counts. Exit code 1: some are wrong."""
    found = asyncio.run(_wrong(installation(), repair=repair))
    for difference in found:
        print(difference)
    if not found:
        print("every counter is right")
    elif repair:
        print(f"{len(found)} counters were wrong, and are right now")
    else:
        print(f"{len(found)} counters are wrong; set them right with: ums check --repair")
        raise typer.Exit(1)


def _export(to: Path, body: Body, found: Sequence[statistics.PeriodNumbers]) -> None:
    kinds = {f".{kind.value}": kind for kind in Sheet}
    if (kind := kinds.get(to.suffix.lower())) is None:
        raise typer.BadParameter(f"found {to.name}, expected a name that ends in {' or '.join(kinds)}")
    to.write_bytes(sheet(found, statistics.zone_of(body), kind))
    print(f"{to}: {len(found)} periods")


async def _message(settings: Settings, number: int) -> tuple[Message, Numbers, Sequence[statistics.Mean]]:
    async with opened(settings):
        sent = await Message.get_or_none(id=number)
        if sent is None:
            raise NotThere(f"there is no message {number}, or it is not kept any more")
        found = (await numbers([number]))[number]
        return sent, found, await statistics.means(sent, found)


async def _trend(
    settings: Settings, name: str, days: int
) -> tuple[Body, Sequence[statistics.PeriodNumbers], statistics.PeriodNumbers, statistics.Check | None]:
    async with opened(settings):
        body = _declared(await Snapshots(system_clock).newest(), name)
        now = system_clock()
        trend = await statistics.messages(body, _begin(body, days, now), now + 1, DAY)
        return body, trend, (await statistics.today(body, now))[0], await statistics.last_check(body)


async def _periods(
    settings: Settings, name: str, days: int, by: str
) -> tuple[Body, Sequence[statistics.PeriodNumbers]]:
    if by not in (DAY, HOUR):
        raise typer.BadParameter(f"found {by!r}, expected {DAY} or {HOUR}", param_hint="--by")
    async with opened(settings):
        body, now = _declared(await Snapshots(system_clock).newest(), name), system_clock()
        return body, await statistics.messages(body, _begin(body, days, now), now + 1, by)


def _begin(body: Body, days: int, now: int) -> int:
    """Of the first of the last so many days; by noon, as not all days have 24 hours."""
    zone = statistics.zone_of(body)
    return day_start(day_start(now, zone) - (days - 1) * 86_400_000 + 43_200_000, zone)


def _declared(snapshot: Snapshot, name: str) -> Body:
    body = snapshot.all("Channel").get(name)
    if body is None:
        raise NotThere(f"no Channel {name!r} is live{did_you_mean(name, snapshot.all('Channel'))}")
    return {**body, "name": name}


async def _wrong(settings: Settings, *, repair: bool) -> list[Difference]:
    async with opened(settings):
        declared = (await Snapshots(system_clock).newest()).all("Channel")
        retention = {name: body["retentionDays"] for name, body in declared.items()}
        return [found async for found in differences(retention, system_clock(), repair=repair)]


def _print_funnels(out: Console, found: Numbers) -> None:
    table = Table("", *_STEPS, "")
    funnels = {"users": found.users, **found.delivery_channels}
    most = max(1, *(funnel.planned for funnel in funnels.values()))
    for name, funnel in funnels.items():
        table.add_row(name, *_values(funnel), _bar(funnel, most))
    out.print(table)
    for loss in found.losses:
        out.print(_lost(loss), markup=False)


def _lost(loss: Loss) -> str:
    said = ", ".join(f"{s.number} x {s.code} {s.words}".rstrip() for s in loss.said if s.code or s.words)
    who = loss.delivery_channel or "users"
    reason = loss.reason or "no reason given"
    return f"lost: {loss.number} of {who}, {loss.stage}: {reason}{f' ({said})' if said else ''}"


def _values(funnel: Funnel) -> list[str]:
    return [str(getattr(funnel, step)) for step in _STEPS]


def _bar(funnel: Funnel, most: int) -> str:
    """Planned as dots, and over them sent, delivered and clicked, each darker."""
    marks = [(funnel.clicked, "█"), (funnel.delivered, "▓"), (funnel.sent, "▒"), (funnel.planned, "·")]
    drawn = ""
    for number, mark in marks:
        drawn += mark * (round(_WIDE * max(number, 0) / most) - len(drawn))
    return drawn


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"

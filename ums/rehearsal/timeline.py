"""What happened as text: one line an event, what was expected beside what came."""

from collections.abc import Iterable, Sequence

from ums.durations import spelled
from ums.rehearsal.case import Happened, Played

_OUT = "goes out"

_Row = tuple[int, str, str, Happened | None]
"""When, who, what was expected, what happened."""


def side_by_side(played: Played) -> str:
    """All that happened to the people of a failed test, and beside it what was expected of them."""
    case = played.case
    rows: list[_Row] = [(h.at, h.person, "", h) for h in played.timeline if h.what != _OUT]
    came = {(h.person, h.delivery_channel, h.at): h for h in played.timeline if h.what == _OUT}
    wanted = {(p, code, at) for p, steps in case.steps.items() for code, at in steps.items()}
    wanted |= {(person, f"lost by {reason}", 0) for person, reason in case.lost.items()}
    for person, code, at in wanted | set(came):
        expected = code if (person, code, at) in wanted else "(not checked)" if person not in case.steps else "-"
        rows.append((at, person, expected, came.get((person, code, at))))
    lines = [("time", "person", "expected", "what happened", "why"), *_lines(rows)]
    return aligned(lines, marked=True)


def _lines(rows: Iterable[_Row]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for at, person, expected, happened in sorted(rows, key=lambda row: (row[0], row[1], row[2], str(row[3]))):
        got = what(happened) if happened else "-"
        found.append((spelled(at), person, expected, got, happened.why if happened else ""))
    return found


def what(happened: Happened) -> str:
    """`shopapp1 goes out`, `shopapp1 delivered`, `lost`."""
    return f"{happened.delivery_channel} {happened.what}".strip()


def told(timeline: Sequence[Happened]) -> str:
    """What happened, alone."""
    return aligned([(spelled(h.at), h.person, what(h), h.why) for h in timeline])


def aligned(lines: Sequence[tuple[str, ...]], *, marked: bool = False) -> str:
    """Columns as wide as they need to be; with `marked` a `>` before the lines in which the two differ."""
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    text = []
    for line in lines:
        cells = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        text.append(f"{'>' if _differs(line) else ' '} {cells}" if marked else f"  {cells}")
    return "\n".join(text)


def _differs(line: tuple[str, ...]) -> bool:
    _, _, expected, got, _ = line
    return expected == "-" or (got == "-" and expected != "")

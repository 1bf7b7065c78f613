"""Providers that answer late, wrongly, half or not at all: every target has one outcome, and nobody gets it twice."""

from typing import Any

from tests.faults.accounts import accounted, verdicts
from tests.faults.conftest import play_slowly
from tests.faults.load import Load

FAULTS: dict[str, dict[str, Any]] = {
    "429, and when to come again": {"busy": 4},
    "500, and nothing was accepted": {"errorRate": 0.5},
    "garbage": {"garbage": 4},
    "half an answer": {"half": 4},
    "the connection ends without an answer": {"loseAnswer": 0.5},
}
SENDS = 6
"""With each of them."""


async def test_every_target_has_one_outcome_whatever_providers_answer(sqlite_load: Load) -> None:
    load = sqlite_load
    for turn, script in enumerate(FAULTS.values()):
        for platform in ("jpush", "jsms"):
            await load.installation.plays(platform, latency=0.05, **script)
        await load.streams(turn * SENDS + 1, (turn + 1) * SENDS, pause=0.1)
    await play_slowly(load.installation)
    await load.settled(40)

    assert await accounted(load) == 0
    # An open breaker may keep a provider from being asked while it would have lost the answer.
    assert {"answered", "busy"} <= await verdicts(load)

"""From the accept of an urgent message to its provider: idle, and while a broadcast runs in the LOW lane.

    python bench/bench_latency.py [people of the broadcast, 300,000 unless given]

HIGH sends to one address each go out 40 times a second, each whether or not those before it have arrived; the sandbox
says when it accepted each. Times are from the moment the GraphQL call returned, and in brackets from the moment it was
made. On SQLite. The bare floor is a second stream between them: one insert into an SQLite database of its own and one
post to the same sandbox; it tells what the busy machine alone costs. Three rounds; read the ratio of the 99th
percentiles, busy over idle (target: 2).
"""

import asyncio
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from application import PUSH, Application, application, direct
from installation import SECRETS, api, forget, installation, peak_mb, record, upload, worker

from ums.settings import Settings

EVERY = 1 / 40
IDLE_SECONDS = 5


@dataclass
class Stream:
    """When each address was sent to, and when the call that did it returned, in epoch ms."""

    sent: dict[str, float] = field(default_factory=dict)
    returned: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Times:
    """50th and 99th percentile, ms."""

    p50: float
    p99: float

    @classmethod
    def of(cls, begun: dict[str, float], accepted: dict[str, int]) -> "Times":
        cuts = statistics.quantiles([accepted[address] - at for address, at in begun.items()], n=100)
        return cls(cuts[49], cuts[98])

    def __str__(self) -> str:
        return f"{self.p50:.0f}/{self.p99:.0f}"


class Sender:
    """Two streams side by side: through UMS, and bare."""

    def __init__(self, settings: Settings, shop: Application, session: aiohttp.ClientSession) -> None:
        self._shop, self._session = shop, session
        self._database = sqlite3.connect(settings.root / "bare.db", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("CREATE TABLE IF NOT EXISTS sent (address TEXT)")
        self._number = 0
        self.ums, self.bare = Stream(), Stream()

    async def until(self, is_over: Callable[[], bool]) -> None:
        """Send at an even pace until then, and wait for the calls that are under way."""
        self.ums, self.bare = Stream(), Stream()
        due, calls = time.monotonic(), []
        while not is_over():
            self._number += 1
            calls.append(asyncio.create_task(self._through_ums(f"urgent-{self._number}")))
            await asyncio.sleep(due + EVERY / 2 - time.monotonic())
            calls.append(asyncio.create_task(self._directly(f"bare-{self._number}")))
            due += EVERY
            await asyncio.sleep(due - time.monotonic())
        await asyncio.gather(*calls)

    async def _through_ums(self, address: str) -> None:
        self.ums.sent[address] = time.time() * 1000
        await self._shop.sends(direct("APP", [address]), PUSH, priority="HIGH")
        self.ums.returned[address] = time.time() * 1000

    async def _directly(self, address: str) -> None:
        self.bare.sent[address] = time.time() * 1000
        self._database.execute("INSERT INTO sent VALUES (?)", (address,))
        push = PUSH["app"] | {"audience": {"registration_id": [address]}}
        async with self._session.post("/jpush/v3/push", json=push) as response:
            assert response.status == 200


async def measured(settings: Settings, sender: Sender, is_over: Callable[[], bool]) -> tuple[Times, Times, Times]:
    """From the return of the call, from its beginning, and bare."""
    await forget(settings)
    await sender.until(is_over)
    async with asyncio.timeout(60):
        while True:
            kept = (await record(settings, 20_000))["accepted"]
            accepted = {submission["targets"][0]: submission["at"] for submission in kept}
            if accepted.keys() >= sender.ums.sent.keys() | sender.bare.sent.keys():
                break
            await asyncio.sleep(0.2)
    starts = (sender.ums.returned, sender.ums.sent, sender.bare.sent)
    of_ums, with_the_call, bare = (Times.of(begun, accepted) for begun in starts)
    return of_ums, with_the_call, bare


async def rounds(settings: Settings, number: int, pids: list[int]) -> None:
    headers = {"authorization": aiohttp.encode_basic_auth("app-key", SECRETS["APP_SECRET"])}
    async with (
        application(settings, 100) as shop,
        aiohttp.ClientSession(f"http://{settings.sandbox}", headers=headers) as session,
    ):
        sender = Sender(settings, shop, session)
        for _ in range(3):
            over = time.monotonic() + IDLE_SECONDS
            idle = await measured(settings, sender, lambda over=over: time.monotonic() > over)
            message = await shop.sends({"broadcast": True}, PUSH, priority="LOW")
            broadcast = asyncio.create_task(shop.ended(message))
            busy = await measured(settings, sender, broadcast.done)
            await broadcast
            memory = " + ".join(str(peak_mb(pid)) for pid in pids)
            print(
                f"p50/p99 ms, idle: {idle[0]} ({idle[1]}), bare {idle[2]}; "
                f"beside {number} people: {busy[0]} ({busy[1]}), bare {busy[2]}, {len(sender.ums.sent)} sends; "
                f"ratio of p99 {busy[0].p99 / idle[0].p99:.2f} ({busy[1].p99 / idle[1].p99:.2f}), "
                f"bare {busy[2].p99 / idle[2].p99:.2f}; worker + API {memory} MB"
            )


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with installation() as installed:
        asyncio.run(upload(installed, number))
        with worker(installed) as working, api(installed) as (settings, serving):
            asyncio.run(rounds(settings, number, [working.pid, serving.pid]))


if __name__ == "__main__":
    main()

"""Reports that wait at JSMS to be fetched: https://docs.jiguang.cn/jsms/server/rest_api_jsms_inquire

Whoever has fetched once is taken for an application without a callback address: from then on nothing is posted to it.
"""

import heapq
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

from ums.sandbox.jsms.refusals import Refused

SECONDS = 5.0
"""Between two calls of one application."""
AT_ONCE = 500
"""In one answer."""

Report = Mapping[str, Any]


class Reports:
    """Of every application, by its key."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[float, int, Report]]] = {}
        self._fetched_at: dict[str, float] = {}
        self._number = count()

    def fetches(self, key: str) -> bool:
        return key in self._fetched_at

    def keep(self, key: str, after: float, report: Report) -> None:
        """It is there `after` seconds from now."""
        due = (time.monotonic() + after, next(self._number), report)
        heapq.heappush(self._waiting.setdefault(key, []), due)

    def fetch(self, key: str) -> list[Report]:
        """What is there, oldest first; it is handed out once. Raises Refused when it is too soon."""
        now = time.monotonic()
        if now - self._fetched_at.get(key, -SECONDS) < SECONDS:
            raise Refused(403, 50009, "out of freq")
        self._fetched_at[key] = now
        waiting, found = self._waiting.setdefault(key, []), list[Report]()
        while waiting and waiting[0][0] <= now and len(found) < AT_ONCE:
            found.append(heapq.heappop(waiting)[2])
        return found

"""What monitoring asks of the traffic: how much, how far it came, what waits, and how quick providers are."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ums.database import Rows, connection, fetch
from ums.messaging.counts import LOSSES, REQUEST, USERS, Attribution
from ums.vocabulary import Priority, State

_REACHED = {"accepted": State.PLANNED, "submitted": State.SUBMITTED, "delivered": State.DELIVERED,
            "clicked": State.CLICKED}  # fmt: skip
RECENT = 5 * 60_000
"""ms; the calls to providers that are looked at."""
_MOST_CALLS = 5_000
_QUANTILES = (0.5, 0.9, 0.99)


async def traffic(now: int) -> list[Metric]:
    """From the counters, which a scrape only reads: its cost does not depend on how much was sent."""
    ever = await fetch(connection(), _EVER, int(Attribution.EVER))
    lanes = await fetch(connection(), _LANES, now)
    calls = await fetch(connection(), _CALLS, now - RECENT, _MOST_CALLS)
    checks = await fetch(connection(), _CHECKS)
    return [*_counted(ever), *_waiting(lanes, now), *_latency(calls), *_checked(checks)]


# One row a state and reason of each DeliveryChannel of each Channel.
_EVER = """
SELECT channel, delivery_channel, state, reason, number FROM channel_count WHERE attribution = $1
ORDER BY channel, delivery_channel, state, reason"""

_LANES = """
SELECT priority, count(*) AS batches, CAST(sum(last_id - first_id + 1) AS bigint) AS targets, min(due_at) AS oldest
FROM batch WHERE done_at IS NULL AND due_at <= $1 AND lease_until <= $1 GROUP BY priority"""

# The last rows by their id: nothing needs an index by time for this.
_CALLS = """
SELECT delivery_channel, verdict, took_ms FROM (SELECT * FROM attempt ORDER BY id DESC LIMIT $2) AS latest
WHERE started_at >= $1"""


# The newest of each Channel.
_CHECKS = """
SELECT channel, done_at, found FROM night WHERE task = 'check' AND done_at IS NOT NULL AND day = (
    SELECT max(n.day) FROM night n WHERE n.task = 'check' AND n.channel = night.channel AND n.done_at IS NOT NULL)
ORDER BY channel"""


def _checked(checks: Rows) -> Iterator[Metric]:
    wrong = GaugeMetricFamily(
        "ums_counters_wrong", "Counters that the last nightly check found wrong.", labels=["channel"]
    )
    at = GaugeMetricFamily("ums_counters_checked_seconds", "When that was, since the epoch.", labels=["channel"])
    for row in checks:
        wrong.add_metric([row["channel"]], row["found"])
        at.add_metric([row["channel"]], row["done_at"] / 1000)
    yield from (wrong, at)


def _counted(ever: Rows) -> Iterator[Metric]:
    sums = Counter[tuple[str, str, str]]()
    failed = GaugeMetricFamily(
        "ums_targets_failed",
        "Targets lost, by reason; falls when a later receipt disproves a failure.",
        labels=["channel", "delivery_channel", "reason"],
    )
    lost = Counter[tuple[str, str, str]]()
    requests = CounterMetricFamily("ums_messages", "Messages whose audience was worked out.", labels=["channel"])
    for row in ever:
        channel, code, state, number = row["channel"], row["delivery_channel"], row["state"], row["number"]
        if state == REQUEST:
            requests.add_metric([channel], number)
        elif code != USERS:
            for name, least in _REACHED.items():
                sums[channel, code, name] += number if state >= least else 0
            if state in LOSSES:
                lost[channel, code, row["reason"] or "none"] += number
    for labels, number in lost.items():
        failed.add_metric(list(labels), number)
    yield requests
    for name in _REACHED:
        family = CounterMetricFamily(f"ums_targets_{name}", f"Targets {name}.", labels=["channel", "delivery_channel"])
        for (channel, code, reached), number in sums.items():
            if reached == name:
                family.add_metric([channel, code], number)
        yield family
    yield failed
    yield _lost(ever)


def _lost(ever: Rows) -> Metric:
    users = GaugeMetricFamily(
        "ums_users_lost", "Users to whom nothing could be sent, by reason.", labels=["channel", "reason"]
    )
    for row in ever:
        if row["delivery_channel"] == USERS and row["state"] == State.LOST:
            users.add_metric([row["channel"], row["reason"]], row["number"])
    return users


def _waiting(lanes: Rows, now: int) -> Iterator[Metric]:
    """Every lane, the empty ones too: an alert on a missing series never rings."""
    depth = GaugeMetricFamily("ums_lane_due_targets", "Targets that are due and that nobody is at.", labels=["lane"])
    batches = GaugeMetricFamily("ums_lane_due_batches", "Batches that are due and that nobody is at.", labels=["lane"])
    oldest = GaugeMetricFamily("ums_lane_oldest_due_seconds", "For how long the oldest has been due.", labels=["lane"])
    by_lane = {row["priority"]: row for row in lanes}
    for lane in Priority:
        row, labels = by_lane.get(int(lane)), [lane.name.lower()]
        depth.add_metric(labels, row["targets"] if row else 0)
        batches.add_metric(labels, row["batches"] if row else 0)
        oldest.add_metric(labels, (now - row["oldest"]) / 1000 if row else 0)
    yield from (depth, batches, oldest)


def _latency(calls: Rows) -> Iterator[Metric]:
    took: defaultdict[str, list[int]] = defaultdict(list)
    verdicts = Counter[tuple[str, str]]()
    for row in calls:
        took[row["delivery_channel"]].append(row["took_ms"])
        verdicts[row["delivery_channel"], row["verdict"]] += 1
    latency = GaugeMetricFamily(
        "ums_provider_call_seconds",
        "How long calls of the last five minutes took.",
        labels=["delivery_channel", "quantile"],
    )
    for code, found in sorted(took.items()):
        for quantile in _QUANTILES:
            latency.add_metric([code, str(quantile)], _quantile(sorted(found), quantile) / 1000)
    recent = GaugeMetricFamily(
        "ums_provider_calls_recent",
        "Calls of the last five minutes, by how they ended; at most the last 5,000.",
        labels=["delivery_channel", "verdict"],
    )
    for (code, verdict), number in sorted(verdicts.items()):
        recent.add_metric([code, verdict], number)
    yield from (latency, recent)


def _quantile(found: Sequence[int], share: float) -> int:
    return found[min(int(len(found) * share), len(found) - 1)]

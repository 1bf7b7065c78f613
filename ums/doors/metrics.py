"""What monitoring asks for, as text: https://prometheus.io/docs/instrumenting/exposition_formats/"""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge, Metric, generate_latest
from prometheus_client.registry import Collector

from ums.audit import lists
from ums.doors.traffic_metrics import traffic
from ums.messaging.engine import Engine
from ums.messaging.reading.standing import Standing, standings
from ums.models import WatchStatus
from ums.reconcile.watch import Sync
from ums.snapshot import Snapshot


async def metrics(engine: Engine) -> bytes:
    """The live revision, how the DeliveryChannels are, the traffic, and how the last round of `ums watch` ended."""
    registry = CollectorRegistry()
    snapshot = await engine.snapshots.newest()
    Gauge("ums_config_revision", "The revision that this process reads.", registry=registry).set(snapshot.revision)
    doing = Gauge(
        "ums_delivery_channel_standing", "1 for how it is doing.", ["delivery_channel", "standing"], registry=registry
    )
    for found in await standings(snapshot.all("DeliveryChannel").keys(), engine.clock()):
        for standing in Standing:
            doing.labels(found.delivery_channel, standing.value).set(standing is found.standing)
    if watched := await WatchStatus.get_or_none(id=1):
        states = Gauge(
            "ums_watch_status", "1 for how the last round of ums watch ended.", ["status"], registry=registry
        )
        for status in Sync:
            states.labels(status.value).set(status.value == watched.status)
        checked = Gauge("ums_watch_checked_seconds", "When that was, seconds since the epoch.", registry=registry)
        checked.set(watched.checked_at / 1000)
    await _tickets(snapshot, registry)
    registry.register(_Found(await traffic(engine.clock())))
    return generate_latest(registry)


async def _tickets(snapshot: Snapshot, registry: CollectorRegistry) -> None:
    """Of every Channel that has AuditRules, those with none as well: an alert on a missing series never rings."""
    waiting = Gauge("ums_audit_tickets_waiting", "Tickets that wait.", ["channel", "on"], registry=registry)
    for rule in snapshot.all("AuditRule").values():
        waiting.labels(rule["channel"], rule["on"]).set(0)
    for row in await lists.open_numbers():
        waiting.labels(row["channel"], "template" if row["kind"] else "message").inc(row["number"])


class _Found(Collector):
    """What was read already, as a registry takes it."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        return self._metrics

"""What monitoring asks for, as text: https://prometheus.io/docs/instrumenting/exposition_formats/"""

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from ums.messaging.engine import Engine
from ums.messaging.standing import Standing, standings
from ums.models import WatchStatus
from ums.reconcile.watch import Sync


async def metrics(engine: Engine) -> bytes:
    """The revision that is live here, how the DeliveryChannels are, and how the last round of `ums watch` ended."""
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
    return generate_latest(registry)

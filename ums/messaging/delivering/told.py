"""What became of a batch, told to the log, where it did not go well, and to the traces."""

import structlog

from ums.messaging.delivering.deliver import Exchange, Verdict
from ums.messaging.engine import Engine
from ums.tracing import Act

log = structlog.get_logger()


def tell(engine: Engine, exchange: Exchange, now: int) -> None:
    """After the commit; `now` is when it was written down."""
    if exchange.verdict is not Verdict.ANSWERED and exchange.targets:
        _log(exchange)
    if engine.tracing.on and exchange.verdict is not Verdict.LATE:
        engine.tracing.tell(*_acts(exchange, engine.worker, now))


def _log(exchange: Exchange) -> None:
    lease = exchange.lease
    said = {
        "message": lease.message_id, "batch": lease.id, "delivery_channel": lease.delivery_channel,
        "first_delivery": exchange.targets[0].id, "targets": len(exchange.targets), "attempt": lease.attempts,
        "code": exchange.code, "words": exchange.words,
    }  # fmt: skip
    match exchange.verdict:
        case Verdict.REFUSED:
            log.error("provider_refused", **said, then="it is tried again until its deadline; the operator must act")
        case Verdict.UNKNOWN:
            log.error("outcome_unknown", **said, then="it is not sent again")
        case Verdict.LATE:
            log.error("batch_too_late", **said, then="its targets have failed")
        case _:
            log.warning("provider_busy", **said, then="it is tried again")


def _acts(exchange: Exchange, worker: str, now: int) -> tuple[Act, Act]:
    """The batch on its way, and the call to the provider in it."""
    lease, failed = exchange.lease, exchange.verdict is not Verdict.ANSWERED
    key = f"deliver {lease.id} {lease.attempts}"
    failure = f"{exchange.verdict.value} {exchange.code} {exchange.words}".strip() if failed else ""
    batch: dict[str, str | int] = {
        "batch": lease.id, "delivery_channel": lease.delivery_channel, "targets": len(exchange.targets),
        "attempt": lease.attempts, "worker": worker,
    }  # fmt: skip
    call: dict[str, str | int] = {
        "delivery_channel": lease.delivery_channel, "verdict": exchange.verdict.value, "code": exchange.code,
        "provider_id": (exchange.answer.provider_id if exchange.answer else None) or "",
    }  # fmt: skip
    began = exchange.started_at
    return (
        Act("deliver", lease.message_id, began, now, batch, key=key, failure=failure),
        Act("provider", lease.message_id, began, exchange.ended_at, call, under=key, outward=True, failure=failure),
    )

"""What was done for a message, told to OpenTelemetry where it is installed and an exporter is configured.

One message is one trace. Its id and the ids of its spans come from the installation's `publicUrl` and the numbers of
message and batch, so every process of every machine tells parts of the same trace, and nothing is stored with the
message. Acts are told when they are over and known to be true, hence after the commit.
"""

import importlib
import importlib.util
import os
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

import structlog

log = structlog.get_logger()

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""One of them configures the exporter: https://opentelemetry.io/docs/specs/otel/protocol/exporter/"""

ACCEPT = "accept"
"""The act that all others of a message stand under."""

asked_by: ContextVar[str] = ContextVar("asked_by", default="")
"""The `traceparent` header of the request that is being answered: https://www.w3.org/TR/trace-context/"""


@dataclass(frozen=True)
class Act:
    """Something that was done for a message. Times are ms since the epoch."""

    name: str
    message_id: int
    begin: int
    end: int
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    key: str = ""
    """What tells it apart among the acts of its message, where others stand under it."""
    under: str = ACCEPT
    """The key of the act that it is a part of."""
    outward: bool = False
    """A call to somebody else."""
    failure: str = ""
    """Why it did not come to what it should."""
    link: str = ""
    """A `traceparent` of whoever asked for it."""


class Tracing(Protocol):
    """Whom acts are told."""

    @property
    def on(self) -> bool:
        """Whether anybody listens; else nothing need be put together."""

    def tell(self, *acts: Act) -> None:
        """Returns at once; never raises."""

    def close(self) -> None:
        """What was told is sent."""


class Untraced:
    """Nobody listens."""

    on = False

    def tell(self, *acts: Act) -> None:
        """Nothing happens."""

    def close(self) -> None:
        """Nothing is left."""


def open_tracing(installation: str) -> Tracing:
    """By the standard environment variables; OpenTelemetry is imported only where one of ENDPOINTS is set.

    `installation` makes the ids of its traces its own.
    """
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return Untraced()
    if importlib.util.find_spec("opentelemetry") is None:
        log.warning(
            "not_traced", because="OpenTelemetry is configured and not installed", then="pip install 'ums[otel]'"
        )
        return Untraced()
    tracing: Tracing = importlib.import_module("ums.tracing.otel").exporting(installation)
    return tracing

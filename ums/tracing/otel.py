"""Acts as spans of OpenTelemetry; imported only where it is used: https://opentelemetry.io/docs/specs/otel/trace/api/"""

import re
from hashlib import blake2b

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from ums.tracing import ACCEPT, Act

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Told(IdGenerator):
    """Gives out the ids that are put in; all is done in one go on one thread."""

    trace_id = span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id

    def is_trace_id_random(self) -> bool:
        return False


class OtelTracing:
    """Tells acts to a provider of tracers that takes its ids from `ids`."""

    on = True

    def __init__(self, provider: TracerProvider, ids: Told, installation: str) -> None:
        self._provider, self._ids, self._installation = provider, ids, installation
        self._tracer = provider.get_tracer("ums")

    def tell(self, *acts: Act) -> None:
        for act in acts:
            self._tell(act)

    def close(self) -> None:
        self._provider.shutdown()

    def trace_id(self, message_id: int) -> int:
        return self._id(16, message_id)

    def _id(self, size: int, *of: object) -> int:
        named = "/".join(map(str, (self._installation, *of)))
        return int.from_bytes(blake2b(named.encode(), digest_size=size).digest()) or 1

    def _tell(self, act: Act) -> None:
        trace_id, key = self.trace_id(act.message_id), act.key or f"{act.name} {act.begin}"
        # Whether a trace is kept is decided by its id, the same in every process.
        decision: Decision = self._provider.sampler.should_sample(None, trace_id, ACCEPT).decision
        if decision is not Decision.RECORD_AND_SAMPLE:
            return
        self._ids.trace_id, self._ids.span_id = trace_id, self._id(8, act.message_id, key)
        parent = SpanContext(trace_id, self._id(8, act.message_id, act.under), True, TraceFlags(TraceFlags.SAMPLED))
        span = self._tracer.start_span(
            f"ums {act.name}",
            None if key == ACCEPT else set_span_in_context(NonRecordingSpan(parent)),
            SpanKind.CLIENT if act.outward else SpanKind.INTERNAL,
            {"ums.message": act.message_id, **{f"ums.{name}": value for name, value in act.attributes.items()}},
            _links(act.link),
            act.begin * 1_000_000,
        )
        if act.failure:
            span.set_status(Status(StatusCode.ERROR, act.failure))
        span.end(act.end * 1_000_000)


def _links(traceparent: str) -> list[Link]:
    """To the span that a `traceparent` names; to none when it is not well-formed."""
    if (found := _TRACEPARENT.fullmatch(traceparent.strip())) is None:
        return []
    context = SpanContext(int(found[1], 16), int(found[2], 16), True, TraceFlags(int(found[3], 16)))
    return [Link(context)] if context.is_valid else []


def exporting(installation: str) -> OtelTracing:
    """To where the standard environment variables say, over HTTP, in batches and in a thread of its own."""
    ids = Told()
    resource = Resource.create({"service.name": "ums"})  # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before
    provider = TracerProvider(resource=resource, id_generator=ids)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OtelTracing(provider, ids, installation)

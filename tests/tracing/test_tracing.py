"""Traces of messages, in the SDK's own memory exporter."""

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import capture_logs

from tests.shop import SECOND, Shop, person
from ums.tracing import Untraced, open_tracing
from ums.tracing.otel import OtelTracing, Told
from ums.vocabulary import State

TO = {"users": {"userIds": ["ann", "bob"]}}


class Traced:
    def __init__(self) -> None:
        ids = Told()
        self.exporter, self.provider = InMemorySpanExporter(), TracerProvider(id_generator=ids)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = OtelTracing(self.provider, ids, "https://ums.example.org")

    def spans(self) -> dict[str, ReadableSpan]:
        """By name; of several the last."""
        return {span.name.removeprefix("ums "): span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def traced() -> Traced:
    return Traced()


@pytest.fixture
async def shop_traced(shop: Shop, traced: Traced) -> AsyncIterator[Shop]:
    engine = replace(shop.engine, tracing=traced.tracing, _rounds={}, _timers={}, _waking={})
    yield replace(shop, engine=engine)
    await engine.forget_wakes()


async def test_accept_expand_deliver_provider_receipt_and_click_are_one_trace(
    shop_traced: Shop, traced: Traced
) -> None:
    shop = shop_traced
    await shop.knows(person("ann", app=["rid-ann"]), person("bob", app=["rid-bob"]))
    message = await shop.sends(TO)
    await shop.works()
    await shop.hears(message, State.DELIVERED, "rid-ann")

    spans = traced.spans()

    assert list(spans) == ["accept", "expand", "deliver", "provider", "receipt"]
    traces = {span.context.trace_id for span in spans.values() if span.context}
    assert traces == {traced.tracing.trace_id(message.id)}
    ids = {name: span.context.span_id if span.context else 0 for name, span in spans.items()}
    parents = {name: span.parent.span_id if span.parent else None for name, span in spans.items()}
    accepted = ids["accept"]
    assert parents == {
        "accept": None, "expand": accepted, "deliver": accepted, "provider": ids["deliver"], "receipt": accepted,
    }  # fmt: skip
    assert spans["provider"].kind is SpanKind.CLIENT
    said = spans["deliver"].attributes or {}
    assert (said["ums.message"], said["ums.delivery_channel"], said["ums.targets"]) == (message.id, "app", 2)
    assert said["ums.worker"] == shop.engine.worker
    assert (spans["provider"].start_time, spans["accept"].end_time) == (shop.time() * 10**6,) * 2


async def test_a_call_that_failed_says_why(shop_traced: Shop, traced: Traced) -> None:
    shop = shop_traced
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", busy=1)
    await shop.sends(TO)
    with capture_logs() as logs:
        await shop.works()

    span = traced.spans()["provider"]
    assert span.status.status_code is StatusCode.ERROR
    assert (span.status.description or "").startswith("busy 2002")
    [line] = [line for line in logs if line["event"] == "provider_busy"]
    assert (line["message"], line["delivery_channel"], line["attempt"], line["code"]) == (1, "app", 1, "2002")
    assert (line["first_delivery"], line["targets"], line["batch"]) == ((1 << 32) + 1, 1, 1)


async def test_each_attempt_is_a_span_of_its_own(shop_traced: Shop, traced: Traced) -> None:
    shop = shop_traced
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", busy=1)
    await shop.sends(TO)
    await shop.works()
    shop.time.passes(10 * SECOND)
    await shop.works()

    attempts = [span for span in traced.exporter.get_finished_spans() if span.name == "ums deliver"]
    assert [(span.attributes or {})["ums.attempt"] for span in attempts] == [1, 2]
    assert len({span.context.span_id for span in attempts if span.context}) == 2


async def test_what_the_sampler_leaves_out_is_left_out_whole(shop_traced: Shop, traced: Traced) -> None:
    traced.provider.sampler = ALWAYS_OFF
    await shop_traced.sends(TO)
    await shop_traced.works()

    assert traced.spans() == {}


def test_nothing_is_imported_where_nothing_is_configured() -> None:
    code = """
import sys, ums.web, ums.messaging.worker
from ums.tracing import open_tracing
assert not open_tracing("x").on
assert "ums.tracing.otel" not in sys.modules"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PATH": ""})


def test_an_endpoint_switches_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_tracing("x"), Untraced)

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    tracing = open_tracing("x")

    assert isinstance(tracing, OtelTracing)
    tracing.close()

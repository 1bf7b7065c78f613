"""Whoever sends with a trace of his own finds the message's from there."""

from tests.api.conftest import Api
from tests.api.test_messages import knows_ann_and_bob
from tests.api.test_sending import CONTENT, SEND, TO_ANN
from tests.tracing.test_tracing import Traced


async def test_the_callers_trace_is_linked(api: Api) -> None:
    traced = Traced()
    object.__setattr__(api.engine, "tracing", traced.tracing)
    await knows_ann_and_bob(api)
    body = {"query": SEND, "variables": {"input": {**TO_ANN, "body": CONTENT}}}
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"authorization": "Basic c2hvcDpzYW5kYm94LXNob3AtbWFzdGVyLXNlY3JldA==", "traceparent": traceparent}
    async with api.session.post(f"{api.url}/graphql", json=body, headers=headers):
        pass
    await api.asks(SEND, input={**TO_ANN, "body": CONTENT})

    first, second = traced.exporter.get_finished_spans()
    assert [f"{link.context.trace_id:032x}-{link.context.span_id:016x}" for link in first.links] == [traceparent[3:52]]
    assert second.links == ()

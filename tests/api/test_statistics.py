"""`statistics`, and a message against the usual, over the API."""

import pytest

from tests.api.conftest import Api
from tests.api.test_messages import knows_ann_and_bob, sent
from tests.api.test_sending import CONTENT
from ums.messaging.keeping.nights import look
from ums.reconcile import reconcile

EARLY = """
apiVersion: ums/v1
kind: Segment
channel: shop
name: early
members: [ann, bob]
"""


@pytest.fixture
async def early(api: Api) -> Api:
    """With a Segment."""
    (api.engine.settings.config / "early.yaml").write_text(EARLY)
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()
    return api


DAY = {"from": "2027-01-15T00:00:00Z", "before": "2027-01-16T00:00:00Z"}
PAGES = """query ($range: RangeInput!) { statistics {
  today { soFar { from before requests users { planned sent } targets { sent deliveryRate } losses { share } }
          hours { from requests } }
  messages(range: $range) { from before requests deliveryChannels { deliveryChannel funnel { sent } } }
  hours: messages(range: $range, by: HOUR) { requests }
  requests(range: $range) clicksByHour(range: $range) } }"""


async def test_the_pages_of_a_channel(api: Api) -> None:
    await knows_ann_and_bob(api)
    await sent(api)
    await api.works()

    found = (await api.asks(PAGES, range=DAY))["statistics"]

    assert found["today"]["soFar"] == {
        "from": "2027-01-15T00:00:00+00:00",
        "before": "2027-01-16T00:00:00+00:00",
        "requests": 1,
        "users": {"planned": 2, "sent": 2},
        "targets": {"sent": 2, "deliveryRate": 0},
        "losses": [],
    }
    assert found["today"]["hours"][-1] == {"from": "2027-01-15T08:00:00+00:00", "requests": 1}
    [day] = found["messages"]
    assert (day["requests"], day["deliveryChannels"]) == (1, [{"deliveryChannel": "app", "funnel": {"sent": 2}}])
    assert [hour["requests"] for hour in found["hours"]] == [0] * 8 + [1] + [0] * 15
    assert (found["requests"], found["clicksByHour"]) == (1, [0] * 24)


async def test_another_channel_sees_none_of_it(api: Api) -> None:
    await knows_ann_and_bob(api)
    await sent(api)
    await api.works()

    answer = await api.answers(PAGES, user="ops", password="sandbox-ops-master-secret", range=DAY)

    found = answer["data"]["statistics"]
    assert (found["requests"], found["messages"][0]["requests"], found["today"]["soFar"]["requests"]) == (0, 0, 0)


async def test_a_range_that_is_none_or_too_long_is_refused(api: Api) -> None:
    ask = "query ($range: RangeInput!) { statistics { requests(range: $range) } }"
    for before in ("2027-01-15T00:00:00Z", "2027-05-15T00:00:00Z"):
        answer = await api.answers(ask, range={**DAY, "before": before})
        assert "range must end" in answer["errors"][0]["message"]


async def test_a_message_says_how_it_compares(api: Api) -> None:
    await knows_ann_and_bob(api)
    number = await sent(api)
    await api.works()

    found = await api.asks(
        """query ($id: ID!) { message(id: $id) { comparison { deliveryChannel deliveryRate meanDeliveryRate }
        losses { said { code words number } } } }""",
        id=number,
    )

    comparison = [{"deliveryChannel": "app", "deliveryRate": 0, "meanDeliveryRate": None}]
    assert found["message"] == {"comparison": comparison, "losses": []}


SEGMENT = """query ($name: String!) { statistics { segment(name: $name) { name users
  contacts { type users addresses } sizes { day users } sent { messages users { planned sent deliveryRate } } } } }"""


async def test_a_segment_is_analysed_for_its_own_channel_only(early: Api) -> None:
    await knows_ann_and_bob(early)
    await look(early.engine)
    send = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id } problems { message } } }"
    audience = {"users": {"userIds": [], "tags": [], "segment": "early"}}
    answer = await early.asks(send, input={"audience": audience, "body": CONTENT})
    assert answer["sendMessage"]["problems"] == []
    await early.works()

    found = (await early.asks(SEGMENT, name="early"))["statistics"]["segment"]

    assert (found["users"], found["sizes"]) == (2, [{"day": "2027-01-15", "users": 2}])
    assert found["contacts"][0] == {"type": "APP", "users": 2, "addresses": 2}
    assert found["sent"] == {"messages": 1, "users": {"planned": 2, "sent": 2, "deliveryRate": 0}}
    other = await early.answers(SEGMENT, user="ops", password="sandbox-ops-master-secret", name="early")
    assert other["errors"][0]["extensions"] == {"code": "UNKNOWN_SEGMENT"}

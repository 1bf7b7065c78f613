"""Which address is chosen, row by row, and which bindings may be uploaded."""

from collections.abc import Sequence

import pytest

from tests.messaging.expanding.test_lists import apply
from tests.shop import Shop, Time
from ums.database import connection, fetch
from ums.people.targets import binds
from ums.people.users import Bindings, Scope, Upload, upsert
from ums.settings import Settings
from ums.vocabulary import ChannelType

APP, OA, MP, SMS = ChannelType.APP, ChannelType.WECHAT_OA, ChannelType.WECHAT_MP, ChannelType.SMS
EMAIL, ALIPAY, DING, WECOM = ChannelType.EMAIL, ChannelType.ALIPAY_LIFE, ChannelType.DINGTALK, ChannelType.WECOM

DOCUMENTS = """
{apiVersion: ums/v1, kind: DeliveryChannel, name: oa, title: OA, platform: wechatoa, credentials: {appId: wx1, appSecret: {env: A}, token: {env: B}}}
---
{apiVersion: ums/v1, kind: DeliveryChannel, name: mp, title: MP, platform: wechatmp, credentials: {appId: wx2, appSecret: {env: A}, token: {env: B}}}
---
{apiVersion: ums/v1, kind: DeliveryChannel, name: friends, title: Friends, platform: wecom-linked, credentials: {corpId: ww1, agentId: 5, secret: {env: A}, linkedCorps: [{corpId: x, name: X}, {corpId: y, name: Y}]}}
---
{apiVersion: ums/v1, kind: Channel, name: all-of-them, key: whole, masterSecret: {env: C}, deliveryChannels: [app, sms, mail, oa, mp, corp, friends, ding]}
"""  # noqa: E501  # a document a line

CONTENT = {
    APP: {"platform": "all", "notification": {"alert": "hello"}},
    OA: {"type": 0, "template_id": "T", "data": {"thing1": {"value": "x"}}},
    MP: {"template_id": "T", "data": {"thing1": {"value": "x"}}},
    SMS: {"temp_id": 7},
    EMAIL: {"subject": "Hello", "text": "<p>Hello</p>"},
    DING: {"msg": {"msgtype": "text", "text": {"content": "Hello"}}},
    WECOM: {"msgtype": "text", "text": {"content": "Hello"}},
}

SCOPE = Scope(frozenset({"whole", "shop"}), frozenset({"app", "sms", "mail", "oa", "mp", "corp", "ding"}))

Bound = Sequence[tuple[str, Sequence[str]]]
"""What somebody has, by bind."""

CHOICES: list[tuple[ChannelType, str, list[tuple[Bound, list[str]]]]] = [
    (APP, "app", [
        ([("app", ["r1"])], ["r1"]),
        ([("app", ["r2", "r3"])], ["r2", "r3"]),  # several devices
        ([("mail", ["r4"])], []),  # of another DeliveryChannel
        ([("app", ["r5"]), ("mail", ["r6"])], ["r5"]),
        ([], []),
    ]),
    (OA, "oa", [([("oa", ["o1"])], ["o1"]), ([("mp", ["o2"])], []), ([("oa", ["o3"]), ("mp", ["o4"])], ["o3"])]),
    (MP, "mp", [([("mp", ["m1"])], ["m1"]), ([("oa", ["m2"])], []), ([("mp", ["m3"]), ("oa", ["m4"])], ["m3"])]),
    (SMS, "sms", [
        ([("whole", ["+8613800000001"])], ["+8613800000001"]),
        ([("all", ["+8613800000002"])], ["+8613800000002"]),
        ([("whole", ["+8613800000003"]), ("all", ["+8613800000004"])], ["+8613800000003"]),
        ([("shop", ["+8613800000005"])], []),  # of another Channel
        ([("shop", ["+8613800000006"]), ("all", ["+8613800000007"])], ["+8613800000007"]),
    ]),
    (EMAIL, "mail", [
        ([("whole", ["a@example.com"])], ["a@example.com"]),
        ([("all", ["b@example.com"])], ["b@example.com"]),
        ([("whole", ["c@example.com"]), ("all", ["d@example.com"])], ["c@example.com"]),
        ([("shop", ["e@example.com"])], []),
    ]),
    (DING, "ding", [([("all", ["d1"])], ["d1"]), ([], [])]),
    (WECOM, "corp", [([("all", ["w1"])], ["w1"]), ([("all", ["w2"]), ("linked", ["x/w3"])], ["w2"]), ([], [])]),
    (WECOM, "friends", [
        ([("linked", ["x/w1"])], ["x/w1"]),
        ([("linked", ["x/w2", "y/w3"])], ["x/w2", "y/w3"]),  # in several companies
        ([("all", ["w4"]), ("linked", ["y/w5"])], ["y/w5"]),
        ([("all", ["w6"])], []),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "code", "people"), CHOICES, ids=[row[1] for row in CHOICES])
async def test_the_address_that_serves_is_chosen(
    shop: Shop, kind: ChannelType, code: str, people: list[tuple[Bound, list[str]]]
) -> None:
    (shop.engine.settings.config / "whole.yaml").write_text(DOCUMENTS)
    await apply(shop)
    uploads = [
        Upload(f"u{n}", set=Bindings((), [(kind, bind, values) for bind, values in bound]))
        for n, (bound, _) in enumerate(people)
    ]
    assert await upsert(uploads, SCOPE, shop.time()) == (len(people), [])

    message = await shop.sends(
        {"broadcast": True}, "whole", content={kind.value: CONTENT[kind]}, delivery_channels=[code]
    )
    await shop.works()

    found = await fetch(connection(), _CHOSEN, message.id)
    chosen = [[row["address"] for row in found if row["target"] == f"u{n}"] for n in range(len(people))]
    assert chosen == [expected for _, expected in people]


async def test_a_person_has_one_id_in_our_company_and_several_in_linked_ones(sqlite_database: Settings) -> None:
    def of(bind: str, *values: str) -> Bindings:
        return Bindings((), ((WECOM, bind, values),))

    two_of_ours, two_of_theirs = Upload("ann", set=of("all", "w1", "w2")), Upload("bob", add=of("linked", "x/1", "y/2"))
    ours_there, nobodys = Upload("eve", add=of("linked", "w1")), Upload("kim", set=of("shop", "w1"))

    written, problems = await upsert([two_of_ours, two_of_theirs, ours_there, nobodys], SCOPE, Time()())

    assert written == 1
    assert [(problem.path, problem.code) for problem in problems] == [
        ("users[0].set.addresses[0].values", "one_per_bind"),
        ("users[2].add.addresses[0]", "invalid_address"),
        ("users[3].set.addresses[0].bind", "bind_not_allowed"),
    ]


_CHOSEN = """
SELECT r.target, d.address FROM recipient r JOIN delivery d ON d.recipient_id = r.id
WHERE r.message_id = $1 ORDER BY d.address"""


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("jpush", ("code", "code")), ("wechatoa", ("code", "code")), ("wechatmp", ("code", "code")),
        ("alipaylife", ("code", "code")), ("jsms", ("key", "all")), ("cmpp", ("key", "all")), ("smtp", ("key", "all")),
        ("dingtalk", ("all", "all")), ("wecom", ("all", "all")), ("wecom-linked", ("linked", "linked")),
    ],
)  # fmt: skip
def test_where_an_address_is_looked_for_first_and_then(platform: str, expected: tuple[str, str]) -> None:
    assert binds({"name": "code", "platform": platform}, "key") == expected


VALUES = {SMS: "13800000001", EMAIL: "a@example.com"}


@pytest.mark.parametrize(
    ("kind", "allowed", "adds"),
    [
        (APP, {"app"}, True), (OA, {"app"}, False), (MP, {"app"}, False), (ALIPAY, {"app"}, False),
        (SMS, {"all", "whole"}, False), (EMAIL, {"all", "whole"}, False), (DING, {"all"}, False),
    ],
)  # fmt: skip
async def test_what_may_be_set_added_and_deleted_under_which_bind(
    sqlite_database: Settings, kind: ChannelType, allowed: set[str], adds: bool
) -> None:
    scope = Scope(frozenset({"whole"}), frozenset({"app"}))
    value = VALUES.get(kind, "x")
    for bind in ("all", "whole", "app", "elsewhere"):
        one = Bindings((), ((kind, bind, [value]),))

        _, of_set = await upsert([Upload("ann", set=one)], scope, Time()())
        _, of_add = await upsert([Upload("ann", add=one)], scope, Time()())
        _, of_delete = await upsert([Upload("ann", delete=one)], scope, Time()())

        wrong = [] if bind in allowed else ["bind_not_allowed"]
        assert [problem.code for problem in of_set] == wrong
        assert [problem.code for problem in of_add] == wrong + ([] if adds else ["set_not_add"])
        assert [problem.code for problem in of_delete] == wrong
    assert (await fetch(connection(), "SELECT count(*) AS n FROM address"))[0]["n"] == 0

"""Scripts: what they may say, and faults that are counted or hashed, never drawn."""

import pytest

from ums.errors import CallerRefused
from ums.sandbox import Sandbox
from ums.sandbox.script import Rule, Script, happens

ADDRESSES = [f"address-{number}" for number in range(2000)]


def test_a_script_is_read_from_json() -> None:
    script = Script.parse(
        {
            "latency": 0.02,
            "errorRate": 0.1,
            "loseAnswer": 1,
            "busy": 3,
            "garbage": 1,
            "perMinute": 600,
            "refuse": ["^bad-"],
            "accounts": {"key": "secret"},
            "receipts": [{"match": "^x", "delivered": True, "clicked": 0.2, "after": 1.5, "clickedAfter": 3}],
        }
    )

    assert (script.latency, script.error_rate, script.lose_answer) == (0.02, 0.1, 1)
    assert (script.busy, script.garbage, script.per_minute) == (3, 1, 600)
    assert [script.refuses(address) for address in ("bad-1", "good-bad-1")] == [True, False]
    [rule] = script.receipts
    assert rule == Rule(rule.match, delivered=1.0, clicked=0.2, after=1.5, clicked_after=3)
    assert rule.match.pattern == "^x"


def test_who_is_said_to_write_back_does_unless_nothing_was_delivered() -> None:
    rules = [
        {"match": "^silent", "reply": "TD", "replyAfter": 2},
        {"match": "^away", "delivered": 0, "reply": "TD"},
        {"delivered": 1, "reply": "yes"},
    ]
    script = Script.parse({"receipts": rules})

    assert [script.reply_of(address) for address in ("silent-1", "away-1", "any")] == [(2, "TD"), None, (0, "yes")]
    assert Script.parse({"receipts": [{"delivered": 1}]}).reply_of("any") is None


def test_an_empty_script_is_a_provider_that_works() -> None:
    assert Script.parse({}) == Script()


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ([], "a script is an object"),
        ({"latancy": 1}, "a script has no 'latancy'; it has latency, "),
        ({"busy": "often"}, "busy of a script cannot be 'often'"),
        ({"busy": 1.5}, "busy of a script cannot be 1.5"),
        ({"refuse": ["("]}, "'\\(' is not a regular expression"),
        ({"refuse": [1]}, "1 is not a regular expression"),
        ({"receipts": ["x"]}, "a rule is an object"),
        ({"receipts": [{"match": "("}]}, "'\\(' is not a regular expression"),
        ({"receipts": [{"deliverd": 1}]}, "a rule has no 'deliverd'"),
    ],
)
def test_a_script_that_makes_no_sense_says_why(written: object, message: str) -> None:
    with pytest.raises(CallerRefused, match=message):
        Script.parse(written)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_is_met(share: float) -> None:
    assert sum(happens(share, address, "delivered") for address in ADDRESSES) == pytest.approx(2000 * share, abs=80)


@pytest.mark.parametrize(("share", "times"), [(0.0, 0), (1.0, 2000)])
def test_none_and_all_are_meant_exactly(share: float, times: int) -> None:
    assert sum(happens(share, address, "delivered") for address in ADDRESSES) == times


def test_an_address_meets_its_fate_whatever_comes_before_it() -> None:
    forwards = [happens(0.5, address, "delivered") for address in ADDRESSES]
    backwards = [happens(0.5, address, "delivered") for address in reversed(ADDRESSES)]

    assert forwards == backwards[::-1]


def test_delivery_and_click_are_decided_apart() -> None:
    assert [happens(0.5, a, "delivered") for a in ADDRESSES] != [happens(0.5, a, "clicked") for a in ADDRESSES]


@pytest.mark.parametrize(
    ("address", "receipts"),
    [
        ("lost-1", []),
        ("dead-1", [(2, "undelivered")]),
        ("seen-1", [(1, "delivered")]),
        ("keen-1", [(1, "delivered"), (4, "clicked")]),
        ("else-1", []),
    ],
)
def test_the_first_rule_that_matches_decides(address: str, receipts: list[tuple[float, str]]) -> None:
    script = Script.parse(
        {
            "receipts": [
                {"match": "^lost"},
                {"match": "^dead", "delivered": False, "after": 2},
                {"match": "^seen", "delivered": True, "after": 1},
                {"match": "^keen", "delivered": 1, "clicked": 1, "after": 1, "clickedAfter": 3},
                {"match": "^keen", "delivered": 0},
            ]
        }
    )

    assert script.receipts_for(address) == receipts


async def test_a_share_of_calls_is_every_so_many(running: Sandbox) -> None:
    stage = running.stages["jpush"]

    assert [stage.every("lost", 0.25) for _ in range(8)] == [False, False, False, True] * 2
    assert [stage.every("error", 1) for _ in range(3)] == [True] * 3
    assert [stage.every("never", 0) for _ in range(3)] == [False] * 3
    assert sum(stage.every("tenth", 0.1) for _ in range(1000)) == 100


async def test_a_new_script_counts_from_the_start(running: Sandbox) -> None:
    stage = running.stages["jpush"]
    assert [stage.next("busy", 2) for _ in range(3)] == [True, True, False]

    stage.play(Script())

    assert stage.next("busy", 2)

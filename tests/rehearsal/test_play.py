"""Rehearsals: what may be scripted, and that they come out the same however they are run."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rehearsal.conftest import SHOP
from ums.durations import milliseconds, spelled
from ums.errors import ConfigInvalid
from ums.rehearsal import Played, declared, read, run
from ums.rehearsal.run import WORTH
from ums.snapshot import Snapshot

MINUTE = 60_000


def played(snapshot: Snapshot, folder: Path, policy: str = "app-then-sms", **test: Any) -> Played:
    """One test, with a person ann for whom nothing is expected unless said."""
    body = {"people": {"ann": ["app", "sms"]}, "name": "x", "expect": {"ann": {}}, **test}
    head = {"apiVersion": "ums/v1", "kind": "PolicyTest", "channel": "shop", "policy": policy}
    file = folder / "one.test.yaml"
    file.write_text(yaml.safe_dump({**head, "tests": [body]}))
    (one,) = run(read([file], snapshot), snapshot)
    return one


def went_out(one: Played, person: str = "ann") -> dict[str, int]:
    return {h.delivery_channel: h.at for h in one.timeline if h.person == person and h.what == "goes out"}


@pytest.mark.parametrize(
    ("fate", "sms"),
    [
        ("silent", 5 * MINUTE),
        ("refused", 0),
        ("invalid", 0),
        ("unknown", 5 * MINUTE),
        ({"undelivered": "1ms"}, 1),
        ({"undelivered": "5m"}, 5 * MINUTE),
        ({"undelivered": "5m1ms"}, 5 * MINUTE),
        ({"delivered": "4m59s999ms"}, None),
        ({"delivered": "5m"}, None),
        ({"delivered": "5m1ms"}, 5 * MINUTE),
        ({"clicked": "5m"}, None),
        ({"undelivered": "1m", "delivered": "2m"}, MINUTE),
        ({"delivered": "0s"}, None),
    ],
    ids=str,
)
def test_what_becomes_of_an_address_decides_about_the_next_step(
    snapshot: Snapshot, tmp_path: Path, fate: Any, sms: int | None
) -> None:
    one = played(snapshot, tmp_path, happens={"ann": {"app": fate}})

    assert went_out(one) == ({"app": 0} if sms is None else {"app": 0, "sms": sms})


def test_each_device_has_a_fate_of_its_own(snapshot: Snapshot, tmp_path: Path) -> None:
    people = {"ann": {"app": ["phone", "tablet"], "sms": "13800000001"}}
    refused, silent = (
        played(snapshot, tmp_path, people=people, happens={"ann": {"app": ["refused", other]}})
        for other in ("refused", "silent")
    )

    assert (went_out(refused)["sms"], went_out(silent)["sms"]) == (0, 5 * MINUTE)


def test_an_address_that_is_bound_to_the_channel_comes_before_the_one_for_all(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    people = {"ann": {"app": "phone", "sms@all": "13800000001", "sms@shop": "13800000002"}}
    happens = {"ann": {"app": "refused", "sms": {"delivered": "1m"}}}

    one = played(snapshot, tmp_path, people=people, happens=happens, funnel={"sms": {"planned": 1, "delivered": 1}})

    assert one.failures == ("ann: expected nothing, got app at 0s, sms at 0s",)


def test_a_busy_delivery_channel_begins_the_window_when_it_takes_it(snapshot: Snapshot, tmp_path: Path) -> None:
    one = played(snapshot, tmp_path, busy={"app": "3m"})

    assert went_out(one) == {"app": 0, "sms": 8 * MINUTE}


def test_a_delivery_channel_that_is_switched_off_in_time_is_left_out(snapshot: Snapshot, tmp_path: Path) -> None:
    early, late = (played(snapshot, tmp_path, switchedOff={"sms": at}) for at in ("5m", "5m1ms"))

    assert (went_out(early), went_out(late)) == ({"app": 0}, {"app": 0, "sms": 5 * MINUTE})


def test_a_server_that_took_it_is_all_that_e_mail_can_tell(snapshot: Snapshot, tmp_path: Path) -> None:
    people = {"ann": ["mail"]}
    taken, refused = (
        played(snapshot, tmp_path, "hasty", people=people, happens=happens)
        for happens in ({}, {"ann": {"mail": "refused"}})
    )

    assert [[h.what for h in one.timeline] for one in (taken, refused)] == [
        ["goes out", "delivered"], ["goes out", "refused"],
    ]  # fmt: skip


MINI = """---
apiVersion: ums/v1
kind: DeliveryChannel
name: mini
platform: wechatmp
credentials: {how}
---
apiVersion: ums/v1
kind: SendPolicy
channel: shop
name: mini-then-sms
steps:
  - send: [mini]
  - send: [sms]
    when: {all: [{notDelivered: mini, within: 5m}]}
"""
SECRET = "{appId: wx0123456789abcdef, appSecret: {env: NOWHERE_SET}}"
QR = """{appId: wx0123456789abcdef, authorization: qr, componentAppId: wx0123456789abcde0,
  componentAppSecret: {env: NOWHERE_SET}, token: {env: NOWHERE_SET}, encodingAesKey: {env: NOWHERE_SET}}"""


@pytest.mark.parametrize(
    ("how", "happens", "sms"),
    [
        (SECRET, {}, None),
        (QR, {}, 5 * MINUTE),
        (QR, {"ann": {"mini": {"delivered": "1m"}}}, None),
        (QR, {"ann": {"mini": {"undelivered": "1m"}}}, MINUTE),
    ],
    ids=["taken", "no event", "delivered", "undelivered"],
)
def test_a_mini_program_that_authorized_a_platform_has_delivered_what_its_event_says(
    tmp_path: Path, how: str, happens: Any, sms: int | None
) -> None:
    (tmp_path / "declared").mkdir()
    granted = SHOP.replace("[app, sms, mail]", "[app, sms, mail, mini]")
    (tmp_path / "declared" / "shop.yaml").write_text(granted + MINI.replace("{how}", how))

    people = {"ann": ["mini", "sms"]}
    one = played(declared(tmp_path / "declared"), tmp_path, "mini-then-sms", people=people, happens=happens)

    assert went_out(one) == ({"mini": 0} if sms is None else {"mini": 0, "sms": sms})


def test_a_deadline_ends_it(snapshot: Snapshot, tmp_path: Path) -> None:
    one = played(snapshot, tmp_path, "hasty", people={"ann": ["app", "sms", "mail"]})

    assert went_out(one) == {"app": 0, "sms": 5 * MINUTE}
    assert one.timeline[-1].at == 10 * MINUTE + 1
    assert one.timeline[-1].why == "step 3 (mail) does not go out: the deadline, 10m after the send, is over"


def test_many_processes_come_to_the_same_as_one(snapshot: Snapshot, tmp_path: Path) -> None:
    fates: list[Any] = ["silent", "refused", {"delivered": "1m"}, {"undelivered": "2m"}]
    tests = [
        {"name": str(n), "happens": {"ann": {"app": fates[n % 4]}}, "expect": {"ann": {"app": "0s"}}}
        for n in range(WORTH + 3)
    ]
    head = {"apiVersion": "ums/v1", "kind": "PolicyTest", "channel": "shop", "policy": "app-then-sms"}
    (tmp_path / "many.test.yaml").write_text(
        yaml.safe_dump({**head, "people": {"ann": ["app", "sms"]}, "tests": tests})
    )
    cases = read([tmp_path], snapshot)

    alone, together = run(cases, snapshot, 1), run(cases, snapshot, 2)

    assert [(one.case.name, one.timeline, one.failures) for one in alone] == [
        (one.case.name, one.timeline, one.failures) for one in together
    ]
    assert [went_out(one).get("sms") for one in alone[:4]] == [5 * MINUTE, 0, None, 2 * MINUTE]


def test_nobody_in_a_test_is_a_problem(snapshot: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="nobody is in this test") as caught:
        read([_nobody(tmp_path)], snapshot)

    assert caught.value.problems[0].line == 6


def _nobody(folder: Path) -> Path:
    file = folder / "nobody.test.yaml"
    file.write_text(
        "apiVersion: ums/v1\nkind: PolicyTest\nchannel: shop\npolicy: app-then-sms\n"
        "tests:\n  - name: x\n    expect: {ann: {}}\n"
    )
    return file


@pytest.mark.parametrize(
    ("written", "ms"),
    [("0s", 0), ("90s", 90_000), ("5m1ms", 300_001), ("1h30m", 5_400_000), ("7ms", 7), ("2m3s", 123_000)],
)
def test_a_duration_is_read_and_spelled(written: str, ms: int) -> None:
    assert milliseconds(written) == ms
    assert milliseconds(spelled(ms)) == ms


@pytest.mark.parametrize("written", ["", "5", "m", "5x", "5m ", "-1s", "1s1m", "1.5s"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        milliseconds(written)

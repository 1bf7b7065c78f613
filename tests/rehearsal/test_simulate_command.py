"""`ums simulate policy`: what if, at the prompt."""

import pytest

from tests.cli.conftest import Terminal


def test_it_prints_what_goes_out_when_and_why(shop: Terminal) -> None:
    code, out, _ = shop.run("simulate", "policy", "hasty", "--undelivered", "app=30s", "--failed", "sms")

    assert code == 0
    lines = [" ".join(line.split()).split(" somebody ") for line in out.splitlines()]
    assert [(time, what) for time, what in lines] == [
        ("0s", "app goes out"),
        ("30s", "app undelivered"),
        ("30s", f"sms goes out step 2 (sms) goes out: {_FAILED} delivered or {_FAILED} clicked"),
        ("30s", "sms refused"),
        ("30s", "mail goes out step 3 (mail) goes out: sms failed, so it cannot be delivered"),
        ("30s", "mail delivered"),
    ]


_FAILED = "app failed, so it cannot be"


def test_delivered_and_clicked_hold_a_step_back(shop: Terminal) -> None:
    _, out, _ = shop.run("simulate", "policy", "shop/hasty", "--delivered", "app=3m", "--clicked", "app=9m")

    assert [line.split()[0:3:2] for line in out.splitlines()] == [
        ["0s", "app"],
        ["3m", "app"],
        ["9m", "app"],
        ["9m", "no"],
    ]


def test_who_has_no_address_falls_through(shop: Terminal) -> None:
    _, out, _ = shop.run("simulate", "policy", "app-then-sms", "--without", "app", "--delivered", "sms=10s")

    assert [line.split()[0] for line in out.splitlines()] == ["0s", "10s"]
    assert "nothing went to app, so it cannot be delivered" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["app-then"], "found no SendPolicy 'app-then'"),
        (["hasty", "--failed", "ap"], "the policy has no DeliveryChannel 'ap'; did you mean 'app'?"),
        (["hasty", "--delivered", "app=soon"], "--delivered app=soon: expected CODE=TIME, such as app=3m"),
        (["hasty", "--delivered", "app=1m", "--without", "app"], "nothing can happen on app"),
    ],
)
def test_what_cannot_be_simulated_is_said(shop: Terminal, arguments: list[str], message: str) -> None:
    code, _, said = shop.run("simulate", "policy", *arguments)

    assert (code, said.startswith(message)) == (1, True)

"""`ums wechat`: the link for an account's administrator, and which accounts are authorized."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import CHANNEL, Terminal
from tests.cli.conftest import ums as ums

MINI = """apiVersion: ums/v1
kind: DeliveryChannel
name: mini
platform: wechatmp
credentials:
  appId: wx1
  authorization: qr
  componentAppId: wx2
  componentAppSecret: {env: WECHAT_SECRET}
  token: {env: WECHAT_TOKEN}
  encodingAesKey: {env: WECHAT_KEY}
---
"""


@pytest.fixture
def shop(ums: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("WECHAT_SECRET", "WECHAT_TOKEN", "WECHAT_KEY"):
        monkeypatch.setenv(name, "a" * 43)
    ums.channel.write_text(MINI + CHANNEL.replace("[]", "[mini]"))
    assert ums.run("apply")[0] == 0
    return ums


def test_the_link_is_printed_with_its_end(shop: Terminal) -> None:
    code, out, _ = shop.run("wechat", "authorize", "mini")

    link, end = out.splitlines()
    assert code == 0
    assert re.fullmatch(r"http://localhost:8000/v1/wechat/authorize/mini\.\d{10}\.[0-9a-f]{32}", link)
    assert re.match(r"good until \d{4}-\d\d-\d\d \d\d:\d\d UTC; the account's administrator opens it", end)


def test_who_needs_no_link_is_told_so(shop: Terminal) -> None:
    assert shop.run("wechat", "authorize", "mino") == (
        1, "", "deliveryChannel: no DeliveryChannel 'mino' here; did you mean 'mini'?\n",
    )  # fmt: skip


def test_the_status_says_who_is_authorized(shop: Terminal, tmp_path: Path) -> None:
    code, out, _ = shop.run("wechat", "status")

    assert code == 0
    assert out.splitlines()[1].split() == ["mini", "wx1", "not", "yet"]

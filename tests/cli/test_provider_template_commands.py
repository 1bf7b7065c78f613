"""`ums provider-templates` at a terminal, with the stand-ins for providers."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from ums.sandbox import free_address

DOCUMENTS = """---
apiVersion: ums/v1
kind: DeliveryChannel
name: sms
platform: jsms
credentials: {appKey: key, masterSecret: {env: SECRET}}
---
apiVersion: ums/v1
kind: ProviderTemplate
channel: shop
name: hello
deliveryChannel: sms
text: "Hello, {{name}}"
type: notice
"""

OFFICIAL = """---
apiVersion: ums/v1
kind: DeliveryChannel
name: oa
platform: wechatoa
credentials: {appId: wx0123456789abcdef, appSecret: {env: OA_SECRET}}
"""


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a process of their own, as in a user's CI."""
    address = free_address()
    place = f"{address.host}:{address.port}"
    monkeypatch.setenv("UMS_SANDBOX", place)
    with subprocess.Popen([sys.executable, "-m", "ums.cli", "sandbox", "--address", place]) as running:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{place}/_control/jsms/record").read()
                break
            except OSError:
                time.sleep(0.1)
        yield
        running.terminate()


def declare(ums: Terminal) -> None:
    ums.channel.write_text(
        ums.channel.read_text().replace("deliveryChannels: []", "deliveryChannels: [sms]") + DOCUMENTS
    )


def test_templates_are_made_followed_and_imported(ums: Terminal, stand_ins: None, tmp_path: Path) -> None:
    declare(ums)
    assert ums.run("apply")[0] == 0

    assert ums.run("provider-templates", "sync") == (0, "sms: 1 there, 0 of them new; 0 gone\n", "")
    code, out, _ = ums.run("provider-templates", "list", "shop")
    assert code == 0
    assert "hello" in out
    assert "in_review" in out

    code, out, _ = ums.run("provider-templates", "again", "ProviderTemplate", "shop/hello")
    assert (code, out) == (0, "ProviderTemplate shop/hello is at the provider as the document says\n")
    assert ums.run("provider-templates", "import", "sms", "7", "--channel", "shop")[0] == 1


def test_the_public_library_is_searched_and_picked_from(ums: Terminal, stand_ins: None) -> None:
    ums.channel.write_text(ums.channel.read_text().replace("deliveryChannels: []", "deliveryChannels: [oa]") + OFFICIAL)
    ums.run("apply")

    assert "Order news 31" in ums.run("provider-templates", "library", "oa", "--start", "30")[1]
    assert "character_string1" in ums.run("provider-templates", "keywords", "oa", "1001")[1]
    picked = (
        "provider-templates",
        "pick",
        "oa",
        "1001",
        "-k",
        "2",
        "-k",
        "4",
        "--scene",
        "Orders",
        "--channel",
        "shop",
    )
    code, out, err = ums.run(*picked)
    assert (code, out.endswith("keywords:\n- thing2\n- time4\n")) == (0, True), err


def test_what_is_gone_is_forgotten(ums: Terminal, stand_ins: None) -> None:
    declare(ums)
    ums.run("apply")

    assert ums.run("provider-templates", "forget", "sms", "7")[0] == 1


def test_what_could_not_be_asked_is_said(ums: Terminal) -> None:
    declare(ums)
    _, out, _ = ums.run("apply")
    assert "ProviderTemplate/shop/hello: template at the provider pending: secret_missing: DeliveryChannel sms" in out

    code, out, _ = ums.run("provider-templates", "sync")

    assert code == 1
    assert "sms: secret_missing: DeliveryChannel sms: secret not found" in out


def test_a_channel_that_is_not_there_is_said(ums: Terminal) -> None:
    ums.run("apply")

    assert ums.run("provider-templates", "list", "shp") == (
        1, "", "no Channel 'shp' is live; did you mean 'shop'?\n",
    )  # fmt: skip

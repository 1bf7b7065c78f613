"""A terminal in a folder with two policies, and no secret set."""

from pathlib import Path

import pytest

from tests.cli.conftest import Terminal, ums
from ums.rehearsal import declared
from ums.snapshot import Snapshot

SHOP = """apiVersion: ums/v1
kind: DeliveryChannel
name: app
platform: jpush
credentials: {appKey: app-key, masterSecret: {env: NOWHERE_SET}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: sms
platform: jsms
credentials: {appKey: sms-key, masterSecret: {env: NOWHERE_SET}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: mail
platform: smtp
credentials:
  {account: a, password: {env: NOWHERE_SET}, sender: a@example.org, server: s.example.org, port: 25, encryption: none}
---
apiVersion: ums/v1
kind: Channel
name: shop
masterSecret: {env: NOWHERE_SET}
deliveryChannels: [app, sms, mail]
---
apiVersion: ums/v1
kind: SendPolicy
channel: shop
name: app-then-sms
steps:
  - send: [app]
  - send: [sms]
    when: {all: [{notDelivered: app, within: 5m}]}
---
apiVersion: ums/v1
kind: SendPolicy
channel: shop
name: hasty
deadline: 10m
steps:
  - send: [app]
  - send: [sms]
    when: {any: [{notDelivered: app, within: 5m}, {notClicked: app, within: 30m}]}
  - send: [mail]
    when: {all: [{notDelivered: sms, within: 6m}]}
"""
__all__ = ["ums"]  # the fixture of the other commands' tests

HEAD = "apiVersion: ums/v1\nkind: PolicyTest\nchannel: shop\n"
PASSES = f"""{HEAD}policy: app-then-sms
people: {{ann: [app, sms]}}
tests:
  - name: silence
    expect: {{ann: {{app: 0s, sms: 5m}}}}
"""
FAILS = f"""{HEAD}policy: app-then-sms
people: {{ann: [app, sms], eve: []}}
tests:
  - name: too soon
    expect: {{ann: {{app: 0s, sms: 4m}}, eve: {{sms: 0s}}}}
    funnel: {{users: {{delivered: 1}}}}
"""


@pytest.fixture
def shop(ums: Terminal) -> Terminal:
    ums.channel.write_text(SHOP)
    return ums


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    (tmp_path / "declared").mkdir()
    (tmp_path / "declared" / "shop.yaml").write_text(SHOP)
    return declared(tmp_path / "declared")


def tests_are(shop: Terminal, *documents: str) -> None:
    (shop.channel.parent / "shop.test.yaml").write_text("---\n".join(documents))

"""A shop whose texts need a template at JSMS."""

from pathlib import Path

import pytest

from tests.shop import Shop
from ums.provider_templates import make as make  # the effects that `ums` knows
from ums.provider_templates import sync as sync
from ums.reconcile import Options, reconcile
from ums.reconcile.effects import perform
from ums.sandbox.jsms import templates as reviewer

DOCUMENTS = """apiVersion: ums/v1
kind: ProviderTemplate
channel: shop
name: login-code
deliveryChannel: sms
text: "Your code is {{code}}."
type: verification
ttl: 300
---
apiVersion: ums/v1
kind: Signature
channel: shop
name: shop
deliveryChannel: sms
text: ShopNews
type: company
---
apiVersion: ums/v1
kind: Template
channel: shop
name: login
variables: {code: {}}
content:
  sms: {template: login-code, signature: shop, temp_para: {code: "{{code}}"}}
"""


@pytest.fixture
def more_declared() -> str:
    return DOCUMENTS


@pytest.fixture
def reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in's reviewer takes no time."""
    monkeypatch.setattr(reviewer, "REVIEW_SECONDS", 0.0)


def documents(shop: Shop) -> Path:
    return shop.engine.settings.config / "more.yaml"


async def applies(shop: Shop, text: str, *, prune: bool = False) -> None:
    """As `ums apply` does with these documents, and what is due of its effects, by the shop's clock."""
    documents(shop).write_text(text)
    await reconcile(shop.engine.settings, write=True, options=Options(prune=prune, force=True))
    await performs(shop)


async def performs(shop: Shop) -> int:
    """What is due now; the number of effects that are left."""
    left = await perform(shop.engine.settings, shop.time)
    shop.engine.snapshots.look_again()
    return left

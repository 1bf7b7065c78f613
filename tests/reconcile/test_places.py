"""Where what is live was declared: kept by the apply that wrote it, beside what it wrote."""

from dataclasses import replace
from pathlib import Path

import pytest

from ums.database import connection, execute, opened
from ums.declared_places import place, places
from ums.places import Place
from ums.reconcile import Note, Plan, apply_plan, back_to, open_plan, reconcile, save
from ums.settings import Settings

KEY = "SendPolicy", "shop/app-then-sms"
OTHERS = """apiVersion: ums/v1
kind: DeliveryChannel
name: app
title: App
platform: jpush
credentials: {appKey: app-key, masterSecret: {env: APP_SECRET}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: sms
title: SMS
platform: jsms
credentials: {appKey: sms-key, masterSecret: {env: SMS_SECRET}}
---
apiVersion: ums/v1
kind: Channel
name: shop
masterSecret: {env: SHOP_MASTER_SECRET}
deliveryChannels: [app, sms]
"""
POLICY = """# Whom the app does not reach gets a text message.
apiVersion: ums/v1
kind: SendPolicy
channel: shop
name: app-then-sms
steps:
  - send: [app]
  - send: [sms]
    when:
      any:
        - {notDelivered: app, within: 5m}
        - {notClicked: app, within: 30m}
deadline: 24h
"""
MOVED = "# Much\n# more\n# to\n# say\n" + POLICY
LINES = {"$": 2, "$.deadline": 13, "$.steps[0]": 7, "$.steps[1]": 8, "$.steps[1].when.any[0]": 11,
         "$.steps[1].when.any[1]": 12}  # fmt: skip


@pytest.fixture
def policy(settings: Settings) -> Path:
    """The file of the policy, in a folder with all that it needs."""
    (settings.config / "policies").mkdir(parents=True)
    (settings.config / "shop.yaml").write_text(OTHERS)
    file = settings.config / "policies" / "shop.yaml"
    file.write_text(POLICY)
    return file


def says(policy: Path, text: str) -> None:
    policy.write_text(text)


async def applied(settings: Settings, commit: str = "") -> Plan:
    return await reconcile(settings, write=True, note=Note(commit=commit))


async def declared(settings: Settings, revision: int = 9) -> Place:
    async with opened(settings):
        return await place(*KEY, revision)


async def test_an_apply_keeps_the_file_and_the_lines_of_all_that_decides(settings: Settings, policy: Path) -> None:
    await applied(settings, "4f2a1c")

    found = await declared(settings)

    assert found == Place("config/policies/shop.yaml", LINES, 1, "4f2a1c")
    assert found.told("$.steps[1].when.any[1]") == "config/policies/shop.yaml:12"
    assert found.told("$.steps[1].when.any[1].within") == "config/policies/shop.yaml:12"
    assert found.told("$.title") == "config/policies/shop.yaml:2"


async def test_a_configuration_elsewhere_is_named_from_the_folder_that_holds_it(
    settings: Settings, policy: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("checkout") / "live"
    settings.config.rename(elsewhere)

    await applied(replace(settings, config=elsewhere))

    assert (await declared(settings)).file == "live/policies/shop.yaml"


async def test_what_only_moves_in_its_file_changes_nothing_and_keeps_its_older_line(
    settings: Settings, policy: Path
) -> None:
    await applied(settings, "first")
    says(policy, MOVED)

    moved = await applied(settings, "second")
    told = await declared(settings)
    says(policy, MOVED.replace("5m", "6m"))
    await applied(settings, "third")

    assert moved.is_empty
    assert (told.told(), told.commit) == ("config/policies/shop.yaml:2", "first")
    assert ((await declared(settings)).told(), (await declared(settings)).commit) == (
        "config/policies/shop.yaml:6", "third",
    )  # fmt: skip
    assert (await declared(settings, 1)).told() == "config/policies/shop.yaml:2"


async def test_a_saved_plan_brings_the_lines_along(settings: Settings, policy: Path, tmp_path: Path) -> None:
    save(await reconcile(settings, write=False), tmp_path / "plan.json")
    says(policy, "# The files say something else by now.\n" + POLICY)

    await apply_plan(settings, open_plan(tmp_path / "plan.json"))

    assert (await declared(settings)).lines == LINES


async def test_a_rollback_has_no_lines_and_says_so(settings: Settings, policy: Path) -> None:
    await applied(settings)
    says(policy, POLICY.replace("5m", "6m"))
    await applied(settings)

    await apply_plan(settings, await back_to(settings, 1))

    assert (await declared(settings)).told() == "not known: revision 3 was a rollback, or of a UMS that kept no lines"
    assert (await declared(settings, 2)).file == "config/policies/shop.yaml"


async def test_what_an_older_ums_applied_has_no_lines_and_says_so(settings: Settings, policy: Path) -> None:
    await applied(settings)
    async with opened(settings):
        await execute(connection(), "UPDATE resource_version SET file = '', lines = NULL")
        found = await places([KEY, ("Channel", "shop")])

    assert {each.told() for each in found.values()} == {
        "not known: revision 1 was a rollback, or of a UMS that kept no lines"
    }
    assert len(found) == 2

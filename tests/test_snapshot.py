"""The configuration as processes read it: the newest, noticed in time, and every older one, right and cheap."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.shop import SECOND, Time
from ums.database import connection, execute
from ums.reconcile import Options, reconcile, secrets
from ums.reconcile.overrides import switch
from ums.settings import Settings
from ums.snapshot import Drift, Snapshots, channel_type, read
from ums.vocabulary import ChannelType, system_clock

DELIVERY_CHANNEL = """
apiVersion: ums/v1
kind: DeliveryChannel
name: {}
platform: jsms
credentials: {{appKey: key, masterSecret: {{env: SECRET}}}}
"""
CHANNEL = """
apiVersion: ums/v1
kind: Channel
name: shop
masterSecret: {generate: true}
deliveryChannels: [a, b]
"""


@pytest.fixture
def root(database: Settings) -> Settings:
    database.config.mkdir()
    (database.root / "var").mkdir()
    (database.root / "var" / "secret.key").write_text("a key that all machines share")
    return database


def declare(file: Path, codes: Sequence[str], channel: str) -> None:
    file.write_text("---".join([*(DELIVERY_CHANNEL.format(code) for code in codes), channel]))


async def apply(settings: Settings, codes: Sequence[str], channel: str = CHANNEL) -> None:
    """A revision in which exactly these are declared."""
    declare(settings.config / "all.yaml", codes, channel)
    await reconcile(settings, write=True, options=Options(prune=True, force=True))


async def seen_within_a_second(snapshots: Snapshots, revision: int) -> bool:
    until = time.monotonic() + 1
    while time.monotonic() < until:
        if (await snapshots.newest()).revision == revision:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_an_empty_installation_is_revision_0(root: Settings) -> None:
    snapshot = await Snapshots(Time()).newest()

    assert (snapshot.revision, snapshot.bodies) == (0, {})


async def test_a_new_revision_is_noticed_within_a_second_of_the_real_clock(root: Settings) -> None:
    await apply(root, "ab")
    snapshots = Snapshots(system_clock)
    await snapshots.newest()

    await apply(root, "abc")

    assert await seen_within_a_second(snapshots, 2)
    assert "c" in (await snapshots.newest()).all("DeliveryChannel")


async def test_a_switch_is_noticed_by_every_process_within_a_second_of_the_real_clock(root: Settings) -> None:
    await apply(root, "ab")
    others = [Snapshots(system_clock) for _ in range(3)]
    for snapshots in others:
        await snapshots.newest()

    await switch("shop", "b", False, author="ada", now=0)
    await asyncio.sleep(1)

    assert [(await snapshots.newest()).drift for snapshots in others] == [
        (Drift("Channel", "shop", "deliveryChannels.b.enabled", declared=True, live=False),)
    ] * 3


async def test_a_switch_is_live_and_leaves_what_was_declared_as_it_was(root: Settings) -> None:
    await apply(root, "ab")
    snapshots = Snapshots(Time())
    await switch("shop", "b", False, author="ada", now=0)

    newest, declared = await snapshots.newest(), await snapshots.at(1)

    assert newest.granted(newest.all("Channel")["shop"]) == ["a"]
    assert declared.granted(declared.all("Channel")["shop"]) == ["a", "b"]
    assert (newest.revision, declared.drift) == (1, ())


async def test_a_switch_of_what_is_not_declared_any_more_changes_nothing(root: Settings) -> None:
    await apply(root, "ab")
    await switch("shop", "b", False, author="ada", now=0)
    # As an older version would leave it, which knows no switches.
    await execute(connection(), "UPDATE override SET path = 'deliveryChannels.gone.enabled'")

    newest = await Snapshots(Time()).newest()

    assert newest.drift == ()
    assert newest.granted(newest.all("Channel")["shop"]) == ["a", "b"]


async def test_each_revision_is_as_it_was_however_one_gets_there(root: Settings) -> None:
    declared = ["ab", "abc", "abcd", "abd", "abcd", "abe"]
    for codes in declared:
        await apply(root, codes)
    snapshots, first = Snapshots(Time()), Snapshots(Time())
    await snapshots.newest()

    wandering = {number: await snapshots.at(number) for number in (3, 1, 6, 4, 2, 5)}
    straight = {number: await first.at(number) for number in range(1, 7)}

    assert {n: "".join(s.all("DeliveryChannel")) for n, s in wandering.items()} == dict(enumerate(declared, 1))
    assert wandering == straight == {number: await read(number) for number in range(1, 7)}


async def test_an_older_revision_costs_only_what_differs_from_the_newest(root: Settings) -> None:
    await apply(root, "abc")
    await apply(root, "abcd", CHANNEL + "title: The shop\n")
    snapshots = Snapshots(Time())

    newest, older = await snapshots.newest(), await snapshots.at(1)

    assert all(older.all("DeliveryChannel")[c] is newest.all("DeliveryChannel")[c] for c in "abc")
    assert older.all("Channel")["shop"]["title"] == "shop"


async def test_the_newest_that_comes_next_shares_what_did_not_change(root: Settings) -> None:
    await apply(root, "ab")
    clock = Time()
    snapshots = Snapshots(clock)
    before = await snapshots.newest()
    await apply(root, "abc")
    clock.passes(SECOND)

    after = await snapshots.newest()

    assert after.revision == 2
    assert after.all("DeliveryChannel")["a"] is before.all("DeliveryChannel")["a"]


async def test_while_one_looks_the_others_are_not_kept_waiting(root: Settings) -> None:
    await apply(root, "ab")
    clock = Time()
    snapshots = Snapshots(clock)
    old = await snapshots.newest()
    await apply(root, "abc")
    clock.passes(SECOND)

    found = await asyncio.gather(*(snapshots.newest() for _ in range(50)))

    assert found[0].revision == 2
    assert found[1:] == [old] * 49


async def test_a_renewed_secret_is_noticed_without_a_new_revision(root: Settings) -> None:
    await apply(root, "ab")
    clock = Time()
    snapshots = Snapshots(clock)
    before = (await snapshots.newest()).secret(root, "Channel", "shop", "masterSecret")

    await secrets.renew(root, "Channel", "shop", "masterSecret")
    clock.passes(SECOND)

    after = (await snapshots.newest()).secret(root, "Channel", "shop", "masterSecret")
    assert (len(before), len(after), before == after) == (43, 43, False)


def test_every_platform_of_the_guide_has_its_type() -> None:
    platforms = {"wechatoa": ChannelType.WECHAT_OA, "cmpp": ChannelType.SMS, "wecom": ChannelType.WECOM}

    assert {name: channel_type({"platform": name}) for name in platforms} == platforms

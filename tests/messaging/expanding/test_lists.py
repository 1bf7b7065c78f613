"""Segments, Blacklists and Whitelists in sends: who is meant, and who is filtered out."""

from collections.abc import Sequence

import pytest

from tests.shop import SECOND, Shop, person
from ums.database import connection, fetch, transaction
from ums.errors import CallerRefused
from ums.messaging.expanding.expand import CHUNK
from ums.messaging.expanding.look import look
from ums.messaging.reading.history import Loss
from ums.models import ListMember, Message
from ums.people import lists
from ums.people.users import Bindings, Upload
from ums.reconcile import Options, reconcile
from ums.vocabulary import ChannelType, Priority, State

HEAD = "---\napiVersion: ums/v1\nkind: {kind}\nchannel: shop\nname: {name}\n{rest}\n"
LOST, SENT = State.LOST, State.SUBMITTED


async def declare(shop: Shop, kind: str, name: str, rest: str) -> None:
    """One document, applied."""
    (shop.engine.settings.config / f"{kind}-{name}.yaml").write_text(HEAD.format(kind=kind, name=name, rest=rest))
    await apply(shop)


async def apply(shop: Shop, *, prune: bool = False) -> None:
    await reconcile(shop.engine.settings, write=True, options=Options(prune=prune, force=True))
    shop.engine.snapshots.look_again()


async def add(kind: str, name: str, *user_ids: str) -> None:
    """By the API."""
    async with transaction() as tx:
        number = (await lists.numbers(tx, [(kind, f"shop/{name}")]))[kind, f"shop/{name}"]
        await lists.add(tx, number, user_ids)


async def worked(shop: Shop, audience: object, **options: str) -> dict[str, State]:
    """Where everybody stands after the send."""
    message = await shop.sends(audience, **options)  # type: ignore[arg-type]  # mypy takes options for the channel key
    await shop.works()
    return await shop.states(message)


async def knows(shop: Shop, *names: str, tags: Sequence[str] = ()) -> None:
    await shop.knows(*(person(name, app=[f"rid-{name}"], tags=tags) for name in names))


async def test_a_segment_of_a_document_is_an_audience_and_whom_nobody_knows_is_lost(shop: Shop) -> None:
    await declare(shop, "Segment", "testers", "members: [ann, bob, ghost]")
    await knows(shop, "ann", "bob", "eve")

    message = await shop.sends({"users": {"segment": "testers"}})
    await shop.works()

    assert await shop.states(message) == {"ann": SENT, "bob": SENT, "ghost": LOST}
    assert (await shop.numbers(message)).losses == [Loss("", "planned to effective", "unknown_user", 1)]
    assert (await shop.numbers(message)).users.planned == 3


async def test_an_audience_is_a_union_and_each_person_once(shop: Shop) -> None:
    await declare(shop, "Segment", "testers", "members: [ann, bob, ghost]")
    await knows(shop, "ann", "max")
    await knows(shop, "bob", "joe", tags=["vip"])

    users = {"segment": "testers", "tags": ["vip"], "userIds": ["ann", "max", "ghost", "nobody"]}

    assert await worked(shop, {"users": users}) == {
        **dict.fromkeys(["ann", "bob", "joe", "max"], SENT),
        **dict.fromkeys(["ghost", "nobody"], LOST),
    }


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("{tags: {all: [a, b]}}", ["ab", "abc"]),
        ("{tags: {any: [a, c]}}", ["a", "ab", "abc", "c"]),
        ("{tags: {all: [a], none: [c]}}", ["a", "ab"]),
        ("{tags: {all: [a], any: [b, c], none: [c]}}", ["ab"]),
        ("{tags: {none: [a, b]}}", ["c", "nothing"]),
        ("{tags: {any: [a, b, c], none: [b]}}", ["a", "c"]),
        ("{tags: {all: [a]}, has: [sms]}", ["ab"]),
        ("{has: [sms]}", ["ab"]),
        ("{has: [email]}", []),
        ("{has: [app, sms], tags: {all: [b]}}", ["ab"]),
        ("{tags: {all: [unheard]}}", []),
    ],
)
async def test_a_segment_by_rules_is_who_fulfils_them(shop: Shop, rules: str, expected: list[str]) -> None:
    await declare(shop, "Segment", "ruled", f"rules: {rules}")
    for name in ("a", "ab", "abc", "c", "nothing"):
        tags = [] if name == "nothing" else list(name)
        await shop.knows(person(name, app=[f"rid-{name}"], tags=tags, phone="13800000001" if name == "ab" else ""))

    assert await worked(shop, {"users": {"segment": "ruled"}}) == dict.fromkeys(expected, SENT)


async def test_rules_see_the_channels_own_tag_before_the_one_for_all_and_only_addresses_that_serve_it(
    shop: Shop,
) -> None:
    await declare(shop, "Segment", "ruled", "rules: {tags: {all: [vip]}, has: [sms]}")
    own, everyone = (("shop", ["vip"]),), (("all", ["vip"]),)
    for name, tags, bind in (("ann", own, "shop"), ("bob", everyone, "all"), ("eve", own, "ops")):
        addresses = ((ChannelType.APP, "app", [f"rid-{name}"]), (ChannelType.SMS, bind, ["13800000001"]))
        await shop.knows(Upload(name, set=Bindings(tags, addresses)))

    assert await worked(shop, {"users": {"segment": "ruled"}}) == {"ann": SENT}


async def test_a_blacklist_filters_people_whichever_way_they_are_meant(shop: Shop) -> None:
    await declare(shop, "Blacklist", "opted-out", "members: [bob]")
    await declare(shop, "Segment", "all-of-them", "members: [ann, bob]")
    await knows(shop, "ann", "bob", tags=["vip"])
    expected = {"ann": SENT, "bob": LOST}

    for audience in (
        {"broadcast": True},
        {"users": {"tags": ["vip"]}},
        {"users": {"userIds": ["ann", "bob"]}},
        {"users": {"segment": "all-of-them"}},
    ):
        message = await shop.sends(audience, blacklist="opted-out")
        await shop.works()

        assert await shop.states(message) == expected
        assert (await shop.numbers(message)).losses == [Loss("", "planned to effective", "blacklisted", 1)]
        assert (await shop.numbers(message)).users.effective == 1


async def test_a_whitelist_filters_everybody_else(shop: Shop) -> None:
    await declare(shop, "Whitelist", "pilot", "members: [bob]")
    await knows(shop, "ann", "bob")

    for audience in ({"broadcast": True}, {"users": {"userIds": ["ann", "bob"]}}):
        message = await shop.sends(audience, whitelist="pilot")
        await shop.works()

        assert await shop.states(message) == {"ann": LOST, "bob": SENT}
        assert (await shop.numbers(message)).losses == [Loss("", "planned to effective", "not_whitelisted", 1)]


async def test_messages_that_are_worked_out_together_are_each_filtered_by_their_own_list(shop: Shop) -> None:
    await declare(shop, "Blacklist", "without-bob", "members: [bob]")
    await declare(shop, "Blacklist", "without-ann", "members: [ann]")
    await knows(shop, "ann", "bob")
    audience = {"users": {"userIds": ["ann", "bob"]}}

    first = await shop.sends(audience, blacklist="without-bob")
    second = await shop.sends(audience, blacklist="without-ann")
    third = await shop.sends(audience)
    await shop.works()

    assert await shop.states(first) == {"ann": SENT, "bob": LOST}
    assert await shop.states(second) == {"ann": LOST, "bob": SENT}
    assert await shop.states(third) == {"ann": SENT, "bob": SENT}


async def test_direct_addresses_are_not_filtered(shop: Shop) -> None:
    await declare(shop, "Whitelist", "pilot", "members: [bob]")

    assert await worked(
        shop, {"addresses": [{"type": "app", "deliveryChannel": "app", "addresses": ["rid"]}]}, whitelist="pilot"
    ) == {"rid": SENT}


async def test_a_list_is_taken_as_it_is_when_the_audience_is_worked_out(shop: Shop) -> None:
    await declare(shop, "Blacklist", "opted-out", "membership: api")
    await declare(shop, "Segment", "kept", "membership: api")
    await knows(shop, "ann", "bob")
    later = shop.time() + 60 * SECOND
    message = await shop.sends({"users": {"segment": "kept"}}, blacklist="opted-out", send_at=later)

    await add("Segment", "kept", "ann", "bob", "eve")
    await add("Blacklist", "opted-out", "bob")
    await knows(shop, "eve")
    shop.time.passes(60 * SECOND)
    await shop.works()

    assert await shop.states(message) == {"ann": SENT, "bob": LOST, "eve": SENT}


async def test_a_list_that_is_gone_when_the_time_comes_ends_the_message(shop: Shop) -> None:
    await declare(shop, "Blacklist", "opted-out", "members: [bob]")
    await knows(shop, "ann")
    message = await shop.sends({"broadcast": True}, blacklist="opted-out", send_at=shop.time() + 60 * SECOND)

    (shop.engine.settings.config / "Blacklist-opted-out.yaml").unlink()
    await apply(shop, prune=True)
    shop.time.passes(60 * SECOND)
    await shop.works()

    ended = await Message.get(id=message.id)
    assert (ended.state, ended.failure) == ("failed", "Blacklist shop/opted-out is not declared any more")
    assert await shop.states(message) == {}
    assert await ListMember.all().count() == 0


async def test_a_list_keeps_its_members_when_it_is_renamed_or_left_to_the_api(shop: Shop) -> None:
    await declare(shop, "Blacklist", "old", "members: [ann, bob]")
    (shop.engine.settings.config / "Blacklist-old.yaml").unlink()

    await declare(shop, "Blacklist", "new", "membership: api\nmoved: {from: old}")
    kept = await members("Blacklist", "new")
    await declare(shop, "Blacklist", "new", "members: [bob, eve]")

    assert kept == ["ann", "bob"]
    assert await members("Blacklist", "new") == ["bob", "eve"]


async def members(kind: str, name: str) -> list[str]:
    found = await ListMember.filter(list__kind=kind, list__name=f"shop/{name}").order_by("user_id")
    return [member.user_id for member in found]


async def test_large_audiences_are_walked_through_in_chunks_and_nobody_is_met_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ums.messaging.expanding.expand.CHUNK", 20)
    monkeypatch.setattr("ums.messaging.expanding.expand.LEAST", 7)
    names = [f"u{n}" for n in range(100)]
    await declare(shop, "Segment", "odd", f"members: [{', '.join(names[1::2])}]")
    await declare(shop, "Blacklist", "tens", f"members: [{', '.join(names[::10])}]")
    await shop.knows(*(person(name, app=[name], tags=["low"] if n < 50 else ["high"]) for n, name in enumerate(names)))

    message = await shop.sends({"users": {"segment": "odd", "tags": ["low"]}}, blacklist="tens")
    await shop.works()

    planned = {name for n, name in enumerate(names) if n < 50 or n % 2}
    lost = set(names[::10])
    assert await shop.states(message) == {name: LOST if name in lost else SENT for name in planned}
    rows = await fetch(connection(), "SELECT count(*) AS n FROM recipient WHERE message_id = $1", message.id)
    assert rows == [{"n": len(planned)}]


async def test_a_rule_that_few_fulfil_is_looked_for_in_short_steps(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ums.messaging.expanding.expand.CHUNK", 10)
    monkeypatch.setattr("ums.messaging.expanding.expand.LEAST", 10)
    await declare(shop, "Segment", "rare", "rules: {tags: {all: [common, rare]}}")
    await shop.knows(
        *(person(f"u{n}", app=[f"u{n}"], tags=["common", "rare"] if n == 77 else ["common"]) for n in range(80))
    )

    assert await worked(shop, {"users": {"segment": "rare"}}) == {"u77": SENT}


async def test_unknown_lists_and_two_lists_are_refused(shop: Shop) -> None:
    await declare(shop, "Blacklist", "opted-out", "members: [bob]")
    await declare(shop, "Whitelist", "pilot", "members: [bob]")

    with pytest.raises(CallerRefused) as both:
        await shop.sends({"broadcast": True}, blacklist="opted-out", whitelist="pilot")
    with pytest.raises(CallerRefused) as unknown:
        await shop.sends({"users": {"segment": "testers"}}, blacklist="opted-in")
    with pytest.raises(CallerRefused) as foreign:
        await shop.sends({"broadcast": True}, "ops", whitelist="pilot")

    assert [(p.path, p.code) for p in both.value.problems] == [("input.whitelist", "two_lists")]
    assert [(p.path, p.code, p.message) for p in unknown.value.problems] == [
        ("input.audience.users.segment", "unknown_segment", "Channel shop has no Segment 'testers'"),
        ("input.blacklist", "unknown_blacklist", "Channel shop has no Blacklist 'opted-in'; did you mean 'opted-out'?"),
    ]
    assert [p.code for p in foreign.value.problems] == ["unknown_whitelist"]


async def test_a_list_of_fifty_thousand_is_copied_by_the_apply_and_read_by_index(shop: Shop) -> None:
    (shop.engine.settings.config / "many.csv").write_text("userId\n" + "\n".join(f"u{n}" for n in range(50_000)))
    await declare(shop, "Blacklist", "many", "membersFile: many.csv")
    await knows(shop, "u7", "other")

    assert await worked(shop, {"broadcast": True}, blacklist="many") == {"u7": LOST, "other": SENT}
    assert await ListMember.all().count() == 50_000 > CHUNK


async def test_a_list_that_goes_while_the_audience_is_worked_out_keeps_the_rest_from_being_sent(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ums.messaging.expanding.expand.CHUNK", 5)
    monkeypatch.setattr("ums.messaging.expanding.expand.LEAST", 5)
    await declare(shop, "Blacklist", "opted-out", "members: [u9]")
    await knows(shop, *(f"u{n}" for n in range(10)))
    message = await shop.sends({"broadcast": True}, blacklist="opted-out")
    await look(shop.engine, Priority.MEDIUM)

    (shop.engine.settings.config / "Blacklist-opted-out.yaml").unlink()
    await apply(shop, prune=True)
    await shop.works()

    assert await shop.states(message) == {f"u{n}": SENT for n in range(5)}
    assert (await Message.get(id=message.id)).state == "done"

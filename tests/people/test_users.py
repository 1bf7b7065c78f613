"""Uploading people: what is written, and what is refused."""

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email

from tests.shop import Time
from ums.database import connection, fetch
from ums.errors import CallerRefused
from ums.people.users import Bindings, Scope, Upload, read_address, upsert
from ums.settings import Settings
from ums.vocabulary import ChannelType

SCOPE = Scope(frozenset({"shop"}), frozenset({"app", "app2"}))
APP, SMS, EMAIL = ChannelType.APP, ChannelType.SMS, ChannelType.EMAIL


async def write(*uploads: Upload) -> None:
    assert await upsert(uploads, SCOPE, Time()()) == (len(uploads), [])


async def addresses() -> list[tuple[str, str, str, str]]:
    rows = await fetch(
        connection(),
        "SELECT u.user_id, a.type, a.bind, a.value FROM address a "
        "JOIN user_account u ON u.id = a.user_id ORDER BY 1, 2, 3, 4",
    )
    return [(row["user_id"], row["type"], row["bind"], row["value"]) for row in rows]


async def tags() -> list[tuple[str, str, str]]:
    rows = await fetch(
        connection(),
        "SELECT u.user_id, t.bind, t.tag FROM tag t JOIN user_account u ON u.id = t.user_id ORDER BY 1, 2, 3",
    )
    return [(row["user_id"], row["bind"], row["tag"]) for row in rows]


async def test_add_adds_devices_and_tags(database: Settings) -> None:
    await write(Upload("ann", add=Bindings((("all", ["vip"]),), ((APP, "app", ["rid-1"]),))))
    await write(Upload("ann", add=Bindings((("all", ["vip", "new"]),), ((APP, "app", ["rid-1", "rid-2"]),))))

    assert await addresses() == [("ann", "app", "app", "rid-1"), ("ann", "app", "app", "rid-2")]
    assert await tags() == [("ann", "all", "new"), ("ann", "all", "vip")]


async def test_set_replaces_all_of_that_bind_and_nothing_else(database: Settings) -> None:
    await write(Upload("ann", set=Bindings((("all", ["a", "b"]), ("shop", ["c"])), ((APP, "app", ["1", "2"]),))))
    await write(Upload("ann", set=Bindings((("all", ["d"]),), ((APP, "app", ["3"]), (APP, "app2", ["4"])))))

    assert await addresses() == [("ann", "app", "app", "3"), ("ann", "app", "app2", "4")]
    assert await tags() == [("ann", "all", "d"), ("ann", "shop", "c")]


async def test_del_removes_what_is_named(database: Settings) -> None:
    await write(Upload("ann", set=Bindings((("all", ["a", "b"]),), ((APP, "app", ["1", "2"]),))))
    await write(Upload("ann", delete=Bindings((("all", ["a"]),), ((APP, "app", ["2"]),))))

    assert await addresses() == [("ann", "app", "app", "1")]
    assert await tags() == [("ann", "all", "b")]


async def test_one_phone_for_all_and_one_for_the_channel(database: Settings) -> None:
    await write(Upload("ann", set=Bindings((), ((SMS, "all", ["13800000001"]), (SMS, "shop", ["+86 138 0000 0002"])))))

    assert await addresses() == [("ann", "sms", "all", "+8613800000001"), ("ann", "sms", "shop", "+8613800000002")]


@pytest.mark.parametrize(
    ("upload", "code", "path", "words"),
    [
        (Upload("a b"), "invalid_user_id", "users[0].userId", "found 'a b'"),
        (Upload("x" * 65), "invalid_user_id", "users[0].userId", "expected 1 to 64"),
        (Upload("a", add=Bindings((("all", ["x y"]),))), "invalid_tag", "users[0].add.tags[0]", "found 'x y'"),
        (Upload("a", add=Bindings((("all", ["标" * 14]),))), "invalid_tag", "users[0].add.tags[0]", "at most 40 bytes"),
        (
            Upload("a", set=Bindings((), ((SMS, "all", ["12"]),))),
            "invalid_address",
            "users[0].set.addresses[0]",
            "'12': this is no possible phone number",
        ),
        (
            Upload("a", set=Bindings((), ((EMAIL, "all", ["ann@"]),))),
            "invalid_address",
            "users[0].set.addresses[0]",
            "'ann@'",
        ),
        (
            Upload("a", set=Bindings((), ((APP, "all", ["rid"]),))),
            "bind_not_allowed",
            "users[0].set.addresses[0].bind",
            "expected one of app, app2",
        ),
        (
            Upload("a", add=Bindings((), ((SMS, "all", ["13800000001"]),))),
            "set_not_add",
            "users[0].add.addresses[0]",
            "use set",
        ),
        (
            Upload("a", set=Bindings((), ((SMS, "all", ["13800000001", "13800000002"]),))),
            "one_per_bind",
            "users[0].set.addresses[0].values",
            "found 2 values",
        ),
    ],
)
async def test_what_is_wrong_with_a_person_is_said_and_the_others_are_written(
    sqlite_database: Settings, upload: Upload, code: str, path: str, words: str
) -> None:
    written, (problem,) = await upsert([upload, Upload("good")], SCOPE, Time()())

    assert (written, problem.code, problem.path) == (1, code, path)
    assert words in problem.message
    assert await fetch(connection(), "SELECT user_id FROM user_account") == [{"user_id": "good"}]


async def test_more_than_a_thousand_are_refused_whole(sqlite_database: Settings) -> None:
    with pytest.raises(CallerRefused, match="found 1001 users, at most 1000"):
        await upsert([Upload(f"u{n}") for n in range(1001)], SCOPE, Time()())


async def test_set_to_nothing_leaves_nothing_of_that_bind(database: Settings) -> None:
    await write(
        Upload("ann", set=Bindings((("all", ["a"]), ("shop", ["b"])), ((APP, "app", ["1"]), (APP, "app2", ["2"]))))
    )
    await write(Upload("ann", set=Bindings((("all", []),), ((APP, "app", []),))))

    assert await addresses() == [("ann", "app", "app2", "2")]
    assert await tags() == [("ann", "shop", "b")]


async def test_deleted_first_then_set_then_added(database: Settings) -> None:
    await write(Upload("ann", set=Bindings((("all", ["old"]),))))
    both = Bindings((("all", ["x", "y"]),))
    await write(Upload("ann", add=Bindings((("all", ["z"]),)), set=both, delete=Bindings((("all", ["old", "x"]),))))

    assert await tags() == [("ann", "all", "x"), ("ann", "all", "y"), ("ann", "all", "z")]


async def test_the_same_person_twice_in_one_upload_is_a_problem(sqlite_database: Settings) -> None:
    phones = [Upload("ann", set=Bindings((), ((SMS, "all", [f"1380000000{n}"]),))) for n in (1, 2)]

    written, (problem,) = await upsert(phones, SCOPE, Time()())

    assert (written, problem.code, problem.path) == (1, "duplicate_user", "users[1].userId")
    assert await addresses() == [("ann", "sms", "all", "+8613800000001")]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((SMS, value) for value in ("13800000001", "+8613800000001", "8613800000001", "12345678901", "138 0000 0001")),
        *((SMS, value) for value in ("+4930123456", "1380000000", "138000000012", "", "１３８００００0001")),  # noqa: RUF001
        *((EMAIL, value) for value in ("a@Example.com", "a.b+c@example.com", "a..b@example.com", ".a@example.com")),
        *((EMAIL, value) for value in ("a@localhost", "a@b", "a@-b.com", "a@b..com", f"{'a' * 65}@example.com")),
        *(
            (EMAIL, value)
            for value in ("a@" + "b" * 64 + ".com", "标@example.com", "a@标.com", "a@x.test", "a@[1.2.3.4]")
        ),
        *((EMAIL, value) for value in ("a@" + "b." * 89 + "com", "A_B-c@EXAMPLE.CO.UK", "a@1.2.3.4", "a@b.c1")),
    ],
)
def test_the_short_way_of_reading_an_address_is_the_librarys(kind: ChannelType, value: str) -> None:
    try:
        if kind is EMAIL:
            expected = validate_email(value, check_deliverability=False).normalized
        else:
            number = phonenumbers.parse(value, "CN")
            possible = phonenumbers.is_possible_number(number)
            expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else ""
    except (EmailNotValidError, phonenumbers.NumberParseException):
        expected = ""

    read, problems = read_address(kind, value, "")

    assert ("" if problems else read) == expected

"""The door behind `List-Unsubscribe`."""

import pytest

from tests.api.conftest import Api
from tests.api.conftest import api as api
from tests.messaging.delivering.test_unsubscribing import LIST
from ums.database import transaction
from ums.messaging.delivering.links import signing_key
from ums.messaging.delivering.unsubscribing import sealing
from ums.models import ListMember
from ums.people import lists
from ums.reconcile import reconcile


@pytest.fixture
async def door(api: Api) -> str:
    """Of the user `ann`."""
    (api.engine.settings.config / "list.yaml").write_text(LIST)
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()
    key = ("Blacklist", "shop/no-news")
    async with transaction() as tx:
        number = (await lists.numbers(tx, [key]))[key]
    token = sealing(signing_key(api.engine.settings)).encrypt(f"{number}:ann".encode()).decode()
    return f"{api.url}/u/{token}"


async def members() -> list[str]:
    return [member.user_id for member in await ListMember.all()]


async def test_looking_changes_nothing_and_shows_a_button(api: Api, door: str) -> None:
    async with api.session.get(door) as page, api.session.head(door) as scanner:
        assert (page.status, scanner.status) == (200, 200)
        assert '<form method="post">' in await page.text()
        assert page.headers["cache-control"] == "no-store"

    assert await members() == []


async def test_one_click_of_a_mail_program_unsubscribes_without_a_redirect(api: Api, door: str) -> None:
    form = {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        async with api.session.post(door, data=form, allow_redirects=False) as answer:
            assert answer.status == 200
            assert "You have unsubscribed" in await answer.text()

    assert await members() == ["ann"]


async def test_a_link_that_nobody_made_is_told_in_words(api: Api, door: str) -> None:
    async with api.session.post(f"{api.url}/u/guessed") as answer:
        assert answer.status == 404
        assert "this link was not made here" in await answer.text()

    assert await members() == []

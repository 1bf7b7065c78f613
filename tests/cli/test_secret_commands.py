"""`ums secret`: what UMS made itself, encrypted anew and made anew."""

from collections.abc import Iterator

import pytest

from tests.plants import INSTALLATION, generated, loaded, plant, tables, ums
from tests.processes import Installation
from ums.settings import Settings


@pytest.fixture
def planted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    with plant(settings, monkeypatch) as made:
        yield made


async def test_rotation_encrypts_anew_and_changes_no_secret(planted: Installation) -> None:
    ums(planted, "apply")
    before, settings = generated(planted), planted.settings
    (settings.root / "new.key").write_text("planted-new-key")
    previous = "secretKey: {file: new.key}\npreviousSecretKeys: [{file: secret.key}]"
    (settings.root / "ums.yaml").write_text(INSTALLATION.replace("secretKey: {file: secret.key}", previous))

    between, said = generated(planted), ums(planted, "secret", "rotate")
    (settings.root / "ums.yaml").write_text(INSTALLATION.replace("secret.key", "new.key"))
    (settings.root / "secret.key").unlink()

    assert said == "0: 1 encrypted with file new.key; previousSecretKeys can go\n"
    assert [before, before] == [between, generated(planted)]


async def test_rotation_with_an_unknown_key_changes_nothing(planted: Installation) -> None:
    ums(planted, "apply")
    before = await tables(loaded(planted))
    (planted.settings.root / "secret.key").write_text("another")

    assert ums(planted, "secret", "rotate") == (
        "1: secret key: file secret.key is not the one that encrypted this; bring that back\n"
    )
    assert await tables(loaded(planted)) == before


async def test_renewing_makes_another_secret(planted: Installation) -> None:
    ums(planted, "apply")
    before = generated(planted)

    assert ums(planted, "secret", "renew", "Channel/shop", "masterSecret") == (
        "0: made; see it with: ums secret show Channel/shop masterSecret\n"
    )
    assert (len(before), len(generated(planted)), before == generated(planted)) == (43, 43, False)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("Channel/ops", "Channel/ops has no generated masterSecret; renew a secret where it comes from\n"),
        ("shop", "found 'shop', expected KIND/NAME, such as Channel/shop\n"),
    ],
)
async def test_only_what_ums_made_can_be_renewed(planted: Installation, owner: str, expected: str) -> None:
    ums(planted, "apply")

    assert ums(planted, "secret", "renew", owner, "masterSecret") == f"1: {expected}"

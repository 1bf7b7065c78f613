"""The tokens of click links cannot be forged, and outlive a change of the secret key."""

import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ums.messaging.delivering.links import MOST, LinkInvalid, former_keys, make, read, signing_key
from ums.settings import SecretRef, Settings, seal

KEY, OTHER = b"k" * 32, b"o" * 32
deliveries = st.integers(0, 2**64 - 1)
numbers = st.integers(0, MOST - 1)
BASE64URL = string.ascii_letters + string.digits + "-_"


@given(deliveries, numbers)
def test_a_token_says_which_link_of_which_delivery(delivery: int, n: int) -> None:
    token = make(KEY, delivery, n)

    assert read(KEY, token) == (delivery, n)
    assert len(token) == 26
    assert set(token) <= set(BASE64URL)


@given(deliveries, numbers, st.integers(0, 19 * 8 - 1))
def test_a_token_with_one_bit_changed_is_refused(delivery: int, n: int, bit: int) -> None:
    raw = int.from_bytes(urlsafe_b64decode(make(KEY, delivery, n) + "==")) ^ 1 << bit

    with pytest.raises(LinkInvalid):
        read(KEY, urlsafe_b64encode(raw.to_bytes(19)).decode().rstrip("="))


@given(deliveries, numbers, st.integers(0, 25), st.sampled_from(BASE64URL))
def test_a_token_has_one_spelling(delivery: int, n: int, place: int, character: str) -> None:
    token = make(KEY, delivery, n)
    spelt = token[:place] + character + token[place + 1 :]

    if spelt == token:
        assert read(KEY, spelt) == (delivery, n)
    else:
        with pytest.raises(LinkInvalid):
            read(KEY, spelt)


@given(st.text(max_size=40) | st.text(BASE64URL, min_size=24, max_size=28))
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(LinkInvalid):
        read(KEY, token)


@pytest.mark.parametrize("change", [" {}", "{}\n", "{}=", "{}==", "{}A", "+{}"])
def test_a_token_with_something_around_it_is_refused(change: str) -> None:
    with pytest.raises(LinkInvalid, match="not the token of a click link"):
        read(KEY, change.format(make(KEY, 1, 0)))


def test_a_token_of_another_installation_is_refused_and_the_error_helps_nobody_to_forge_one() -> None:
    token = make(OTHER, 7, 3)

    with pytest.raises(LinkInvalid) as refused:
        read(KEY, token)

    assert str(refused.value) == "the token of this click link was not signed here"
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(("delivery", "n"), [(-1, 0), (2**64, 0), (1, -1), (1, MOST)])
def test_what_a_token_cannot_hold_is_refused(delivery: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"no token for link {n} of delivery {delivery}"):
        make(KEY, delivery, n)


@pytest.fixture
def installation(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path, database_url="sqlite://ums.db", secret_key=SecretRef(file="secret.key"))


def test_the_key_that_signs_is_made_from_the_secret_key_and_is_not_that_key(installation: Settings) -> None:
    key = signing_key(installation)
    secret = (tmp := installation.root / "secret.key").read_text().strip()
    sealed = seal(installation, "text")
    tmp.write_text("another secret\n")

    assert len(key) == 32
    assert secret.encode() not in key
    assert signing_key(installation) != key
    assert key.hex() not in sealed


def test_links_outlive_a_change_of_the_secret_key(installation: Settings) -> None:
    token = make(signing_key(installation), 7, 3)
    gone = SecretRef(env="UMS_TEST_NO_SUCH_KEY")
    changed = replace(
        installation, secret_key=SecretRef(file="new.key"), previous_secret_keys=(gone, installation.secret_key)
    )

    assert read(signing_key(changed), token, former_keys(changed)) == (7, 3)
    with pytest.raises(LinkInvalid):
        read(signing_key(changed), token)

"""Addresses, masked: in the log, and for whoever needs not know them."""

import logging

import pytest
import structlog

from ums.cli.service import log_to_terminal
from ums.masking import masked, masked_words


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("+8613800000001", "+86138****0001"),
        ("13800000001", "138****0001"),
        ("ann.lee@home.example", "a***@home.example"),
        ("1a0018970a8b7c6d5e4", "1a0***e4"),
        ("oAbC", "***"),
    ],
)
def test_an_address_keeps_enough_to_be_recognised(address: str, shown: str) -> None:
    assert masked(address) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("550 5.1.1 <ann@home.example>: unknown", "550 5.1.1 <a***@home.example>: unknown"),
        ("mobile 13800000001 is on a blacklist", "mobile 138****0001 is on a blacklist"),
        ("found '+8613800000001'", "found '+86138****0001'"),
        ("Key (value)=(8613800000001) exists", "Key (value)=(86138****0001) exists"),
        ("batch 4294967297, id 13800000001234567", "batch 4294967297, id 13800000001234567"),
        ("2026-11-29T05:52:59.123456Z 127.0.0.1:8400", "2026-11-29T05:52:59.123456Z 127.0.0.1:8400"),
    ],
)
def test_of_a_text_only_addresses_are_masked(text: str, shown: str) -> None:
    assert masked_words(text) == shown


def test_an_address_that_is_known_is_masked_whatever_it_looks_like() -> None:
    assert masked_words("no device 1a0018970a8b7c6d5e4", ["1a0018970a8b7c6d5e4"]) == "no device 1a0***e4"


def test_the_log_never_has_a_whole_address(capsys: pytest.CaptureFixture[str]) -> None:
    before, handlers = structlog.get_config(), logging.root.handlers[:]
    logging.root.handlers.clear()
    try:
        log_to_terminal()
        log = structlog.get_logger()
        log.warning("provider_refused", words="550 <ann@home.example>", batch=17179869184)
        try:
            raise ValueError("13800000001 is taken")
        except ValueError:
            log.exception("not_worked_out")
        logging.getLogger("smtp").warning("no such mailbox: %s", "ann@home.example")
    finally:
        structlog.configure(**before)
        logging.root.handlers[:] = handlers
    written = capsys.readouterr().err

    assert [address for address in ("ann@home.example", "13800000001") if address in written] == []
    assert '"words": "550 <a***@home.example>"' in written
    assert "ValueError: 138****0001 is taken" in written
    assert "no such mailbox: a***@home.example" in written
    assert '"batch": 17179869184' in written

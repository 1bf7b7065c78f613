"""Addresses as those see them who need not know them: enough to recognise one's own, too little to use it."""

import re
from collections.abc import Sequence

_EMAIL = re.compile(r"[^\s@<>\"'(),;:=]+@([\w-]+(?:\.[\w-]+)+)")
_PHONE = re.compile(r"(?<![\w.+-])(?:\+[0-9]{7,15}|(?:86)?1[3-9][0-9]{9})(?![\w-]|\.[0-9])")
"""In a text: any international number, and a mainland one, which is often written without its country."""


def masked(address: str) -> str:
    """`+86138****0001`, `a***@home.example`; of anything else a few characters at both ends."""
    if found := _EMAIL.fullmatch(address):
        return f"{address[0]}***@{found[1]}"
    if re.fullmatch(r"\+?[0-9]{9,16}", address):
        return f"{address[:-8]}****{address[-4:]}"
    return f"{address[:3]}***{address[-2:]}" if len(address) > 8 else "***"


def masked_words(text: str, known: Sequence[str] = ()) -> str:
    """A text with every e-mail address and phone number in it masked, and those addresses that are known to be one."""
    for address in known:
        if len(address) > 3:
            text = text.replace(address, masked(address))
    text = _EMAIL.sub(lambda found: masked(found[0]), text)
    return _PHONE.sub(lambda found: masked(found[0]), text)


def is_address(text: str) -> bool:
    """Whether it looks like a phone number or an e-mail address."""
    return bool(_EMAIL.fullmatch(text) or _PHONE.fullmatch(text))

"""DKIM signatures: https://www.rfc-editor.org/rfc/rfc6376, with Ed25519 by https://www.rfc-editor.org/rfc/rfc8463

What a mail of ours consists of needs no change on its way (7-bit, short lines), so the body is taken as it is: its hash
is the same for everybody who gets the same. All headers are signed, `From` once more than it is there, so that nobody
can add one.
"""

import hashlib
import re
import textwrap
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ums.errors import ProviderRefused

HEADER = re.compile(r"([^:\s]+):((?:[^\r]|\r\n[ \t])*)\r\n")
SHORTEST = 1024
"""Bits of an RSA key that receivers still look at: https://www.rfc-editor.org/rfc/rfc8301#section-3.2"""


class Signer:
    """Signs for one domain with one key."""

    def __init__(self, domain: str, selector: str, algorithm: str, sign: Callable[[bytes], bytes]) -> None:
        self._tags = f"v=1; a={algorithm}-sha256; c=relaxed/simple; d={domain}; s={selector};"
        self._sign = sign

    @classmethod
    def of(cls, declared: Mapping[str, str], *, sandboxed: bool) -> "Signer":
        """Of `domain`, `selector` and `privateKey`, in PEM; raises ProviderRefused.

        In the sandbox, where a key may be missing, one is made up.
        """
        made_up = sandboxed and "PRIVATE KEY" not in declared["privateKey"]
        key = Ed25519PrivateKey.generate() if made_up else _key(declared["privateKey"])
        domain = declared["domain"].encode("idna").decode()
        if isinstance(key, Ed25519PrivateKey):
            # What is signed is the hash: https://www.rfc-editor.org/rfc/rfc8463#section-3
            return cls(domain, declared["selector"], "ed25519", lambda data: key.sign(hashlib.sha256(data).digest()))
        return cls(domain, declared["selector"], "rsa", lambda data: key.sign(data, PKCS1v15(), SHA256()))

    def signature(self, headers: bytes, body_hash: str, at: int) -> bytes:
        """A header line for a mail with these headers, at this time in ms."""
        found = HEADER.findall(headers.decode("ascii"))
        names = _folded(":".join([*(name.lower() for name, _ in found), "from"]), ":")
        unsigned = f"{self._tags}\r\n t={at // 1000}; h={names};\r\n bh={body_hash};\r\n b="
        signed = [*map(_relaxed, found), _relaxed(("DKIM-Signature", unsigned)).removesuffix("\r\n")]
        value = b64encode(self._sign("".join(signed).encode())).decode()
        lines = "\r\n ".join(textwrap.wrap(value, 72))
        return f"DKIM-Signature: {unsigned}{lines}\r\n".encode()


def body_hash(pieces: Iterable[bytes]) -> str:
    """Of a body that ends with a line that is not empty."""
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return b64encode(found.digest()).decode()


def _key(pem: str) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ProviderRefused("dkim", "dkim.privateKey is no private key in PEM that needs no password") from error
    if isinstance(key, Ed25519PrivateKey) or (isinstance(key, RSAPrivateKey) and key.key_size >= SHORTEST):
        return key
    raise ProviderRefused("dkim", f"dkim.privateKey: expected RSA with at least {SHORTEST} bits, or Ed25519")


def _relaxed(header: Sequence[str]) -> str:
    """https://www.rfc-editor.org/rfc/rfc6376#section-3.4.2"""
    name, value = header
    return f"{name.lower()}:{' '.join(value.split())}\r\n"


def _folded(value: str, at: str) -> str:
    """In lines of less than 76 characters, cut after `at`."""
    lines = [""]
    for part in re.split(f"(?<={at})", value):
        if len(lines[-1]) + len(part) > 60:
            lines.append("")
        lines[-1] += part
    return "\r\n ".join(lines)

"""How WeChat signs and encrypts what it posts.

https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html
"""

import hashlib
import secrets
from base64 import b64decode, b64encode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32
"""Bytes to which the plain text is filled up: twice the block of AES."""


def signature(*parts: str) -> str:
    """Of the Token, the timestamp and the nonce; of an encrypted event, of its cipher text as well."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - the provider's choice


def stand_in_key(secret: str) -> str:
    """The EncodingAESKey of a platform at the stand-in, where nobody entered one: 43 characters made of its secret."""
    return b64encode(hashlib.sha256(secret.encode()).digest()).decode().rstrip("=")


def encrypted(encoding_aes_key: str, message: bytes, app_id: str) -> str:
    """What `decrypted` opens."""
    key = b64decode(encoding_aes_key + "=", validate=True)
    clear = secrets.token_bytes(16) + len(message).to_bytes(4, "big") + message + app_id.encode()
    filling = BLOCK - len(clear) % BLOCK
    sealer = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return b64encode(sealer.update(clear + bytes([filling]) * filling) + sealer.finalize()).decode()


def decrypted(encoding_aes_key: str, cipher_text: str) -> tuple[bytes, str]:
    """The message, and the AppID for which it was encrypted; raises ValueError when it is not what it should be.

    In clear: 16 random bytes, the message's length in 4, the message, the AppID, and 1 to 32 bytes of filling.
    """
    key = b64decode(encoding_aes_key + "=", validate=True)
    if len(key) != 32:
        raise ValueError("an EncodingAESKey has 43 characters")
    opened = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    clear = _unfilled(opened.update(b64decode(cipher_text, validate=True)) + opened.finalize())
    end = 20 + int.from_bytes(clear[16:20], "big")
    if end > len(clear):
        raise ValueError("the message is longer than what was decrypted")
    return clear[20:end], clear[end:].decode()


def _unfilled(clear: bytes) -> bytes:
    count = clear[-1] if clear else 0
    if not 1 <= count <= BLOCK or clear[-count:] != bytes([count]) * count or len(clear) - count < 20:
        raise ValueError("not encrypted with this EncodingAESKey")
    return clear[:-count]

"""RSA2 as Alipay's gateway makes and checks it: https://opendocs.alipay.com/common/02kf5q"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


@cache
def own_key() -> RSAPrivateKey:
    """What answers are signed with; another one in each process."""
    return generate_private_key(65537, 2048)


def own_public_key() -> str:
    """As Alipay shows its own: base64 without armour."""
    return b64encode(own_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def sign(text: str) -> str:
    return b64encode(own_key().sign(text.encode(), PKCS1v15(), SHA256())).decode()


def is_signature(signature: str) -> bool:
    """Whether it could be anybody's."""
    try:
        return bool(b64decode(signature, validate=True))
    except ValueError:
        return False


def is_signed(public_key: str, fields: Mapping[str, str]) -> bool:
    """Whether the `sign` among the fields of a request is that of the key, given as PEM or as bare base64."""
    text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value and name != "sign")
    try:
        key = load_pem_public_key(_armoured(public_key))
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(b64decode(fields["sign"], validate=True), text.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _armoured(key: str) -> bytes:
    if not key.lstrip().startswith("-----"):
        key = f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n"
    return key.encode()

"""The headers of an attached file, its name in any script: https://www.rfc-editor.org/rfc/rfc2231

Readers that know nothing of that find a name in ASCII with the type of the file.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote

QUOTABLE = re.compile(r"[^ !#-\[\]-~]")
"""All but printable ASCII, and what would have to be escaped in quotes."""
WIDTH = 60
"""Characters of one stretch of an encoded name; its line has 76 at most."""


def attached(name: str, content_type: str) -> bytes:
    """MIME headers of a part in base64, each line with its end; raises ValueError for a name with a line break."""
    if any(character in name for character in "\r\n\0"):
        raise ValueError(f"a line break in the name of a file: {name[:100]!r}")
    plain = QUOTABLE.sub("_", name)
    short = len(name) <= WIDTH
    ways = [f' filename="{name}"'] if short and plain == name else _extended(name)
    lines = [
        ";\r\n".join((f"Content-Type: {content_type}", *([f' name="{plain}"'] if short else ()))),
        "Content-Transfer-Encoding: base64",
        ";\r\n".join(("Content-Disposition: attachment", *ways)),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _extended(name: str) -> list[str]:
    stretches = list(_stretches("UTF-8''" + quote(name, safe="", errors="replace")))
    if len(stretches) == 1:
        return [f" filename*={stretches[0]}"]
    return [f" filename*{n}*={stretch}" for n, stretch in enumerate(stretches)]


def _stretches(encoded: str) -> Iterator[str]:
    """Never cut within one `%XX`."""
    while len(encoded) > WIDTH:
        end = WIDTH
        while "%" in encoded[end - 2 : end]:
            end -= 1
        yield encoded[:end]
        encoded = encoded[end:]
    yield encoded

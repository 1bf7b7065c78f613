"""XML of a stranger, read without a document type, entities of its own, or depth.

https://docs.python.org/3/library/xml.html#xml-security
"""

from typing import Any
from xml.parsers import expat

MOST_DEEP = 8


def parsed(raw: bytes) -> dict[str, Any]:
    """The elements of the root by name: a text, a dict of the same kind, or a list of those that share a name.

    Raises ValueError.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    if not isinstance(reader.root, dict):
        raise ValueError("an element with no others in it")
    return reader.root


def _refuse(*_: object) -> None:
    raise ValueError("a document type is not accepted")


class _Reader:
    def __init__(self) -> None:
        self.root: Any = ""
        self._open: list[tuple[dict[str, Any], list[str]]] = []

    def start(self, _: str, __: object) -> None:
        if len(self._open) == MOST_DEEP:
            raise ValueError(f"more than {MOST_DEEP} elements deep")
        self._open.append(({}, []))

    def text(self, text: str) -> None:
        self._open[-1][1].append(text)

    def end(self, name: str) -> None:
        children, texts = self._open.pop()
        value = children or "".join(texts)
        if not self._open:
            self.root = value
            return
        siblings = self._open[-1][0]
        if name not in siblings:
            siblings[name] = value
        elif isinstance(siblings[name], list):
            siblings[name].append(value)
        else:
            siblings[name] = [siblings[name], value]

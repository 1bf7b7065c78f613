"""Where what is live was declared: file and line, kept beside each version of an object by the apply that wrote it.

They are of the files as that revision had them, so they are told together with the revision and its commit: a document
that only moved in its file changes nothing, and nothing is written for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

ROOT = "$"


@dataclass(frozen=True)
class Place:
    """Where one version of an object was declared."""

    file: str = ""
    """From the folder of `ums.yaml`, else from the one that holds the configuration. Empty: it is not known."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """By JSON path; `$` is the document itself."""
    revision: int = 0
    commit: str = ""

    def line(self, path: str = ROOT) -> int | None:
        """Of the value at a JSON path, or of the nearest one around it."""
        while path not in self.lines and path != ROOT:
            path = path[: max(path.rfind("."), path.rfind("["))]
        return self.lines.get(path)

    def told(self, path: str = ROOT) -> str:
        """`config/policies/shop.yaml:16`, or in words that nobody knows."""
        if not self.file:
            return f"not known: revision {self.revision} was a rollback, or of a UMS that kept no lines"
        return f"{self.file}:{self.line(path)}"

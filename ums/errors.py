"""What can go wrong, sorted by who must act.

Whatever can go wrong many times in one run (documents, addresses, input fields) is a `Problem`, a value in a list.
Whatever stops this piece of work is an exception, and its class says who must act.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    """It works, and is hardly what its author wants."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that somebody must mend: where, what was found, what was expected, what to do.

    `file`, `line` and `column` (both 1-based) are there when it concerns a document; `path` is a JSON path in
    the document or the GraphQL input; `code` is stable and made for programs. A warning stops nothing.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""
    code: str = "invalid"
    message: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column} " if self.file else ""
        mark = "warning: " if self.severity is Severity.WARNING else ""
        return f"{place}{mark}{self.path}: {self.message}" if self.path else f"{place}{mark}{self.message}"


class UmsError(Exception):
    """Anything UMS itself raises."""


class ConfigInvalid(UmsError):
    """The author of a file must act."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


class PlanStale(UmsError):
    """Somebody else applied in between: plan again."""


class SettingsInvalid(ConfigInvalid):
    """The operator must act: `ums.yaml`, an environment variable or a secret is wrong."""


class SecretMissing(UmsError):
    """The operator must act: a referenced secret is not there."""


class CallerRefused(UmsError):
    """The caller must act: what it asked for cannot be done."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Unauthorized(UmsError):
    """The caller must act: the key or the secret is wrong."""


class CallerForbidden(UmsError):
    """The caller must act: it is known, and may not do this; `code` is stable."""

    def __init__(self, message: str, code: str = "FORBIDDEN") -> None:
        self.code = code
        super().__init__(message)


class ProviderRefused(UmsError):
    """The operator must act: the account or the request is wrong; `code` and `message` are the provider's."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(f"{code}: {message}")


class ProviderBusy(UmsError):
    """Nobody must act: nothing was accepted, and trying again after `retry_after` seconds may work."""

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        self.code, self.message, self.retry_after = code, message, retry_after
        super().__init__(f"{code}: {message}")


class OutcomeUnknown(UmsError):
    """The request left us and no answer came: the provider may have accepted it or not."""

    def __init__(self, message: str) -> None:
        self.code, self.message = "no_answer", message
        super().__init__(message)

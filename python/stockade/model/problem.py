"""One problem in something a person wrote: where it is, what was expected, what came, and what to do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a problem matters."""

    ERROR = "error"
    """Nothing starts or changes until it is mended."""
    WARNING = "warning"
    """It works, but probably not as meant."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, in one line with its hint.

    Secrets never stand in it: values that came from `${env:...}` or `${file:...}` are shown as that reference.
    """

    setting: str
    """Dotted path of the setting, such as `apis.shop.limits[0].rate`; a JSON pointer for an OpenAPI document."""
    expected: str
    """What would have been right, in the user's words; for a warning, the whole sentence."""
    got: str | None = None
    """What came instead, at most 80 characters; None when nothing came."""
    file: str | None = None
    """File it stands in, as the user named it; None for something that came from a flag."""
    line: int | None = None
    """Line in the file, from 1."""
    hint: str | None = None
    """What to do about it, one sentence."""
    severity: Severity = Severity.ERROR

    @property
    def place(self) -> str:
        """`file:line`, as far as known; empty when the problem is in no file."""
        if self.file is None:
            return ""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    @property
    def message(self) -> str:
        """Expected and got in one line, without place and setting."""
        return self.expected if self.got is None else f"{self.expected}, got `{self.got}`"

    def __str__(self) -> str:
        """`file:line: setting: problem (hint)` in one line, as `stockade check` prints it."""
        prefix = "warning: " if self.severity is Severity.WARNING else ""
        problem = prefix + ": ".join(part for part in (self.place, self.setting, self.message) if part)
        return f"{problem} ({self.hint})" if self.hint else problem

    def to_json(self) -> dict[str, Any]:
        """The problem as a JSON object, for `--json`."""
        return {
            "file": self.file,
            "line": self.line,
            "setting": self.setting,
            "expected": self.expected,
            "got": self.got,
            "hint": self.hint,
            "severity": self.severity.value,
        }

"""One call of the script, and what came of it."""

from dataclasses import dataclass

ORDINARY = "ordinary"
"""Kind of a call that must pass."""
ATTACK = "attack"
"""Kind of a call that must be refused."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call and its outcome."""

    scenario: str
    """Scenario that it belongs to."""
    name: str
    """What it does, in a few words."""
    kind: str
    """`ordinary` or `attack`."""
    request: str
    """Method and path, shortened for a table."""
    expected: tuple[int, ...]
    """Statuses that are right."""
    status: int | None
    """Status that came; None when no answer came."""
    id: str | None
    """Value of `x-stockade-id`; None when there was none."""
    ms: float
    """Time from sending to the end of the answer, milliseconds."""
    detail: str = ""
    """Why no answer came."""

    @property
    def is_as_expected(self) -> bool:
        """Whether the status is one of those that are right."""
        return self.status in self.expected

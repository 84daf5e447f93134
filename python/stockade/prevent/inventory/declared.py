"""What a contract declares, as far as the inventory compares it with traffic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Declared:
    """One operation of a contract."""

    api: str
    """API, by its name in config."""
    operation: str
    """Operation id."""
    method: str
    """Method."""
    path: str
    """Template, below the base path."""
    tags: tuple[str, ...] = ()
    """Tags."""
    deprecated: bool = False
    """Whether the contract marks it deprecated."""
    owner: str | None = None
    """Who answers for it; None when nobody was named."""
    base_path: str = "/"
    """Path that all operations of the API begin with."""

    @property
    def whole_path(self) -> str:
        """The template with the base path, as requests have it."""
        return self.base_path.rstrip("/") + self.path

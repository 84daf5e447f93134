"""Operations with methods of their own."""

from typing import Annotated

from pydantic import Field, model_validator

from stockade.config.selector import Selector
from stockade.config.values import Name
from stockade.config.values.refuse import refuse

ANONYMOUS = "anonymous"
"""Stands in `by` for no credential at all."""


class IdentityRoute(Selector):
    """Operations with methods of their own.

    Those that any of `operations`, `tags` and `paths` names; `methods` narrows them down.
    """

    by: Annotated[tuple[Name, ...], Field(min_length=1, max_length=21, strict=False)] = Field(
        examples=[["partner", "anonymous"]]
    )
    """Names of identity methods, in the order in which they are tried. `anonymous`, at the end, lets requests pass that
    show no credential.
    """

    @model_validator(mode="after")
    def _sound(self) -> "IdentityRoute":
        if self.is_empty:
            refuse("expected a choice of operations", "add `operations`, `tags`, `methods` or `paths`")
        if len(set(self.by)) != len(self.by):
            refuse("expected each method once in `by`")
        if ANONYMOUS in self.by[:-1]:
            refuse("expected `anonymous` at the end of `by`", "what stands behind it would never be asked for")
        return self

    @property
    def method_names(self) -> tuple[str, ...]:
        """Names of the methods."""
        return tuple(name for name in self.by if name != ANONYMOUS)

    @property
    def is_anonymous(self) -> bool:
        """Whether no credential is needed."""
        return self.by[-1] == ANONYMOUS

"""A choice of operations, used by several sections."""

from typing import Annotated

from pydantic import Field

from stockade.config.section import Section
from stockade.config.values import Method, PathGlob

_Texts = Annotated[tuple[str, ...], Field(max_length=10_000, strict=False)]


class Selector(Section):
    """A choice of operations."""

    operations: _Texts = Field(default=(), examples=[["refundPayment"]])
    """Operation ids of the spec; `METHOD /path` for an operation without one."""
    tags: _Texts = Field(default=(), examples=[["admin"]])
    """Tags of the spec."""
    methods: Annotated[tuple[Method, ...], Field(max_length=100, strict=False)] = Field(
        default=(), examples=[["POST", "PUT"]]
    )
    """HTTP methods."""
    paths: Annotated[tuple[PathGlob, ...], Field(max_length=10_000, strict=False)] = Field(
        default=(), examples=[["/admin/**"]]
    )
    """Patterns of the whole path, base path included: `*` within a segment, `**` over segments."""

    @property
    def is_empty(self) -> bool:
        """Whether it names nothing, and so stands for every operation."""
        return not (self.operations or self.tags or self.methods or self.paths)

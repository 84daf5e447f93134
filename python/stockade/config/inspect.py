"""The `inspect` section of an API: attacks in values."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stockade.config.section import Section
from stockade.config.values import Moment, Size, Within
from stockade.config.values.refuse import refuse


class InspectException(Section):
    """A finding that is let pass: all that is named must fit."""

    operation: str | None = Field(default=None, examples=["createNote"])
    """Operation id; any when absent."""
    place: str | None = Field(default=None, max_length=500, examples=["body.items[*].note"])
    """Place in the request; any when absent. `[*]` stands for any index."""
    detector: str | None = Field(default=None, examples=["sql_injection"])
    """Detector; any when absent."""
    reason: str = Field(min_length=1, max_length=500, examples=["notes hold code"])
    """Why, for the people who come later."""
    expires: Moment | None = Field(default=None, examples=["2027-01-01"])
    """When it ends; never when absent."""

    @model_validator(mode="after")
    def _names_something(self) -> "InspectException":
        if self.operation is None and self.place is None and self.detector is None:
            refuse("expected `operation`, `place` or `detector`", "to switch the stage off write `enabled: false`")
        return self


class Inspect(Section):
    """Attacks in values: parameters, headers, cookies, bodies."""

    enabled: bool = True
    """Whether the stage runs."""
    threshold: Annotated[float, Field(ge=0.0, le=1.0, strict=False)] = 0.8
    """Confidence from which a finding refuses, 0.0 to 1.0."""
    disabled: Annotated[tuple[str, ...], Field(max_length=1000, strict=False)] = Field(default=(), examples=[["xss"]])
    """Detectors that are switched off."""
    learn: bool = True
    """Whether what each parameter normally holds is learned from accepted requests, so that an unusual value adds to
    what a detector saw in it. Nothing is refused for being unusual alone."""
    exceptions: Annotated[tuple[InspectException, ...], Field(max_length=10_000, strict=False)] = ()
    """Findings that are let pass."""
    body: Annotated[Size, Within("0B", "64MiB")] = Size(1024 * 1024)
    """Bytes of a body that are held and judged before any of it is forwarded."""
    large_bodies: Literal["stream", "refuse"] = "stream"
    """A body beyond that: judge the first part and stream all of it, or refuse it (413)."""
    decompress_ratio: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Largest ratio of a decompressed body to its compressed form (413)."""
    decompressed: Annotated[Size, Within("1KiB", "1GiB")] = Size(10 * 1024 * 1024)
    """Largest decompressed body (413)."""
    values: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Values looked at in one request; a request with more is refused."""

"""The `behaviour` section: what each actor usually does, and what happens to those who do otherwise."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from stockade.config.section import Section
from stockade.config.values import ConfigPath


class Behaviour(Section):
    """Detection by behaviour, and containment."""

    act: Literal["decide", "tell", "off"] = "decide"
    """What follows from an alert: `decide` acts against the actor by a decision that ends by itself, `tell` only makes
    incidents, `off` looks at nothing."""
    never: Annotated[tuple[Mapping[str, str], ...], Field(max_length=1000, strict=False)] = Field(
        default=(), examples=[[{"subject": "payments"}, {"address": "10.0.0.0/8"}]]
    )
    """Selectors of those whom nothing is ever decided against automatically, with the attributes of decisions."""
    incidents_a_day: Annotated[int, Field(ge=1, le=1000)] = 5
    """Incidents a day that people are called for, those that only tried something; others are kept without a call."""
    rules: Annotated[tuple[ConfigPath, ...], Field(max_length=1000, strict=False)] = Field(
        default=(), examples=[["rules/detection.yaml"]]
    )
    """Files or folders of detection rules: Stockade's own form, or Sigma."""
    actors: Annotated[int, Field(ge=1000, le=2_000_000)] = 200_000
    """Actors remembered at once, some two kilobytes each; who was seen longest ago is forgotten first."""

"""The `protect` of an API: which fields are masked, taken out or made into tokens."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from stockade.config.section import Section
from stockade.config.values import Name, Size, Within
from stockade.config.values.refuse import refuse

_STEP = re.compile(r"[^.\[\]$\x00-\x1f]{1,100}(?:\[\*\])*")
_MOST_STEPS = 32

Class = Literal["card", "iban", "email", "jwt", "key", "token"]
"""Kinds of values that are known by their shape."""


def _field(text: str) -> str:
    steps = text.removeprefix("$.").split(".")
    if len(steps) > _MOST_STEPS or not all(_STEP.fullmatch(step) for step in steps):
        hint = "write `card` for any field of that name, `$.card` at the top, `payment.card` or `items[*].card`"
        refuse("expected the name or place of a field", hint)
    return text


FieldPath = Annotated[str, AfterValidator(_field)]
"""A field of a JSON body: a name anywhere, or a place."""


class ProtectRule(Section):
    """Fields that are protected in one way; of several rules for a field the first is taken."""

    name: Name = Field(examples=["cards"])
    """Name, for messages."""
    fields: Annotated[tuple[FieldPath, ...], Field(max_length=1000, strict=False)] = Field(
        default=(), examples=[["card_number", "items[*].iban"]]
    )
    """Fields: a name stands for that field anywhere, `$.name` at the top, `payment.card` or `items[*].card` for one
    place."""
    classes: Annotated[tuple[Class, ...], Field(max_length=10, strict=False)] = Field(
        default=(), examples=[["card", "email"]]
    )
    """Kinds of values, whatever the field they stand in; found within longer texts, too."""
    action: Literal["mask", "remove", "tokenise"] = "mask"
    """`mask` puts `[masked]`, `remove` takes the field out, `tokenise` puts a token of the same shape that
    `stockade vault reveal` turns back. What cannot be a token is masked."""
    keep_last: Annotated[int, Field(ge=0, le=20)] = 0
    """Characters at the end that a mask leaves in clear, of values at least 8 and twice as long."""
    where: Annotated[tuple[Literal["events", "responses"], ...], Field(min_length=1, strict=False)] = ("events",)
    """Where it applies: in events, in responses to callers, or both."""
    unless_roles: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = Field(
        default=(), examples=[["support"]]
    )
    """Callers with one of these roles get responses in clear."""

    @model_validator(mode="after")
    def _about_something(self) -> "ProtectRule":
        if not self.fields and not self.classes:
            refuse("expected `fields` or `classes`", "write `fields: [card_number]` or `classes: [card]`")
        if self.keep_last and self.action != "mask":
            refuse("expected `action: mask` beside `keep_last`", "only a mask leaves an end in clear")
        return self


class Protect(Section):
    """Fields that are protected on their way out."""

    rules: Annotated[tuple[ProtectRule, ...], Field(max_length=100, strict=False)] = ()
    """Rules, in order."""
    body: Annotated[Size, Within("1KiB", "64MiB")] = Size(1024 * 1024)
    """Bytes of a JSON response that are kept to be changed; where rules apply, a longer one is refused (502)."""

    @property
    def makes_tokens(self) -> bool:
        """Whether a rule makes tokens, which needs a key."""
        return any(rule.action == "tokenise" for rule in self.rules)

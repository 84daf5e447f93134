"""The `limits` of an API: rates."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from stockade.config.selector import Selector
from stockade.config.values import Name, Rate
from stockade.config.values.refuse import refuse

ATTRIBUTES = ("actor", "address", "subject", "client", "key", "session", "method", "operation", "api")
"""What a limit can count by, besides `header:NAME`."""

_HEADER = re.compile(r"header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


def _attribute(text: str) -> str:
    if text in ATTRIBUTES:
        return text
    if not _HEADER.fullmatch(text):
        refuse(f"expected one of {', '.join(ATTRIBUTES)} or `header:NAME`")
    return text.lower()


Attribute = Annotated[str, AfterValidator(_attribute)]
"""An attribute of the caller or the request."""


class Limit(Selector):
    """One rate, counted for each distinct value of `by`. Without a choice of operations it is about all."""

    name: Name = Field(examples=["login"])
    """Name in events and in the `RateLimit-Policy` field."""
    by: Annotated[tuple[Attribute, ...], Field(min_length=1, max_length=8, strict=False)] = Field(
        examples=[["address"]]
    )
    """What to count by: `actor`, `address`, `subject`, `client`, `key`, `session`, `method`, `operation`, `api`,
    `header:NAME`.
    A request that lacks one of them is not counted."""
    rate: Rate = Field(examples=["100/s"])
    """Requests in each period."""
    burst: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(default=None, examples=[200])
    """Requests that may come at once. Default: those of one period."""
    action: Literal["refuse", "log"] = "refuse"
    """Above the rate: refuse (429), or only record it."""

"""The `limits` of an API: what callers may use, and what happens above it."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from stockade.config.section import Section
from stockade.config.selector import Selector
from stockade.config.values import Duration, Name, Rate, Size, Within
from stockade.config.values.refuse import refuse

ATTRIBUTES = (
    "actor",
    "address",
    "network",
    "subject",
    "client",
    "key",
    "session",
    "token",
    "method",
    "operation",
    "api",
)
"""What a limit can count by, besides `header:NAME`, `claim:NAME` and `path:NAME`."""

UNITS = ("requests", "concurrency", "bytes_in", "bytes_out", "distinct", "failures", "cost")
"""What a limit can count."""

_HEADER = re.compile(r"header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_NAMED = re.compile(r"(claim|path):[^\x00-\x20\x7f]{1,200}")
_STATUS = re.compile(r"([1-5])xx|([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")


def _attribute(text: str) -> str:
    if text in ATTRIBUTES or _NAMED.fullmatch(text):
        return text
    if not _HEADER.fullmatch(text):
        refuse(f"expected one of {', '.join(ATTRIBUTES)}, or `header:NAME`, `claim:NAME` or `path:NAME`")
    return text.lower()


Attribute = Annotated[str, AfterValidator(_attribute)]
"""An attribute of the caller or the request."""


def _status(value: Any) -> Any:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    match = _STATUS.fullmatch(text) if isinstance(text, str) else None
    if match is None or (match[3] and match[3] < match[2]):
        refuse("expected statuses", "write `401`, `5xx` or `500-504`")
    return text


Statuses = Annotated[str, BeforeValidator(_status, json_schema_input_type=int | str)]
"""One status, a class such as `5xx`, or a range such as `500-504`."""


def status_range(text: str) -> tuple[int, int]:
    """The first and the last of some `Statuses`."""
    if text.endswith("xx"):
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _units(value: Any) -> Any:
    if isinstance(value, str):
        return Size.parse(value).bytes
    return value


Burst = Annotated[int, BeforeValidator(_units, json_schema_input_type=int | str), Field(ge=1, le=1_000_000_000_000)]
"""Units that may come at once: a number, or a size."""

AtOnce = Annotated[int, Field(ge=1, le=1_000_000)]
"""Exchanges that may run at once."""

Action = Literal["refuse", "slow_down", "log"]
"""What happens above a tier."""


class Tier(Section):
    """One step of a limit; the gentlest comes first."""

    rate: Rate | None = Field(default=None, examples=["100/s"])
    """Units in each period."""
    burst: Burst | None = Field(default=None, examples=[200])
    """Units that may come at once. Default: those of one period."""
    at_once: AtOnce | None = Field(default=None, examples=[10])
    """Exchanges that may run at once, where `count` is `concurrency`."""
    action: Action = "refuse"
    """Above it: refuse (429), slow down (wait until the rate admits it, at most `delay`), or only record it."""
    delay: Annotated[Duration, Within("1ms", "60s")] | None = Field(default=None, examples=["2s"])
    """Longest wait where the action is `slow_down`. Default: 5s."""


class Cost(Section):
    """Where the size of a request stands, and what it costs."""

    query: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(default=None, examples=["limit"])
    """Query parameter; the largest value when it comes several times."""
    body: Annotated[str, Field(pattern=r"^/", max_length=200)] | None = Field(default=None, examples=["/page/size"])
    """JSON pointer into the body, or `/NAME` of a form. A list counts its entries."""
    graphql: Literal[True] | None = None
    """The points that `contract.graphql` found the request to cost."""
    factor: Annotated[float, Field(ge=0.001, le=1_000_000, strict=False)] = 1
    """Points for each unit of the value."""
    default: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    """Value of a request that has none."""
    most: Annotated[int, Field(ge=1, le=1_000_000_000)] = 10_000
    """Largest value that is counted; a body that is too long to be read counts as this."""


class Limit(Selector):
    """One limit, counted for each distinct value of `by`. Without a choice of operations it is about all."""

    name: Name = Field(examples=["login"])
    """Name in events and in the `RateLimit-Policy` field."""
    by: Annotated[tuple[Attribute, ...], Field(min_length=1, max_length=8, strict=False)] = Field(
        examples=[["address"]]
    )
    """What to count by: `actor`, `address`, `network` (IPv4 /24, IPv6 /48), `subject`, `client`, `key`, `session`,
    `token`, `method`, `operation`, `api`, `header:NAME`, `claim:NAME`, `path:NAME`. A request that lacks one of them
    is not counted."""
    count: Literal["requests", "concurrency", "bytes_in", "bytes_out", "distinct", "failures", "cost"] = "requests"
    """What to count: requests, exchanges that run, bytes of request or response bodies, different objects, answers with
    one of `statuses`, or points of `cost`."""
    object: Annotated[tuple[Attribute, ...], Field(max_length=4, strict=False)] = Field(
        default=(), examples=[["path:order_id"]]
    )
    """What names the object, where `count` is `distinct`."""
    statuses: Annotated[tuple[Statuses, ...], Field(max_length=50, strict=False)] = Field(
        default=(), examples=[[401, "5xx"]]
    )
    """Which answers count, where `count` is `failures`. Default: 401 and 403."""
    cost: Annotated[tuple[Cost, ...], Field(max_length=20, strict=False)] = Field(
        default=(), examples=[[{"query": "limit", "factor": 0.1}]]
    )
    """What a request costs beside `base_cost`, where `count` is `cost`."""
    base_cost: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    """Points of every request, where `count` is `cost`."""
    shared: Literal["local", "approximate", "exact"] | None = None
    """Whether all gateways count together, through `gateway.shared_limits`. Default: its `mode`; `local` without it."""
    rate: Rate | None = Field(default=None, examples=["100/s"])
    """Units in each period, of a limit with one tier."""
    burst: Burst | None = Field(default=None, examples=[200])
    """Units that may come at once. Default: those of one period."""
    at_once: AtOnce | None = Field(default=None, examples=[10])
    """Exchanges that may run at once, where `count` is `concurrency`."""
    action: Action = "refuse"
    """Above it: refuse (429), slow down (wait until the rate admits it, at most `delay`), or only record it."""
    delay: Annotated[Duration, Within("1ms", "60s")] | None = Field(default=None, examples=["2s"])
    """Longest wait where the action is `slow_down`. Default: 5s."""
    tiers: Annotated[tuple[Tier, ...], Field(max_length=8, strict=False)] = Field(
        default=(), examples=[[{"rate": "50/s", "action": "log"}, {"rate": "100/s"}]]
    )
    """Several steps instead of one `rate`, from the gentlest to the last resort; all are asked."""

    @property
    def all_tiers(self) -> tuple[Tier, ...]:
        """The tiers; the limit's own settings are the only one when `tiers` names none."""
        if self.tiers:
            return self.tiers
        alone = Tier(rate=self.rate, burst=self.burst, at_once=self.at_once, action=self.action, delay=self.delay)
        return (alone,)

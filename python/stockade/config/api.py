"""One entry of `apis`: an API and all that applies to it."""

from typing import Annotated, Literal

from pydantic import Field

from stockade.config.access import Access
from stockade.config.contract import Contract
from stockade.config.fail import Fail
from stockade.config.identity import Identity
from stockade.config.inspect import Inspect
from stockade.config.limits import Limit
from stockade.config.protect import Protect
from stockade.config.response import Response
from stockade.config.seclang import SecLang
from stockade.config.section import Section
from stockade.config.upstream import Upstream
from stockade.config.values import BasePath, ConfigPath, HostPattern

Mode = Literal["enforce", "monitor"]
"""`enforce` refuses; `monitor` never changes a response and records what would have been refused."""

PathForm = Literal["encoded_slash", "encoded_percent", "empty_segment"]
"""A form of a path that servers read in different ways."""


class Api(Section):
    """One API and all that applies to it."""

    upstream: Upstream = Field(examples=["http://127.0.0.1:9000"])
    """Where cleared requests go: a URL, a list of URLs, or a mapping. The only setting without a default."""
    owner: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, examples=["Team Checkout, checkout@shop.example"]
    )
    """Who answers for it: a team or a person; shown in the inventory."""
    hosts: Annotated[tuple[HostPattern, ...], Field(min_length=1, max_length=1000, strict=False)] = Field(
        default=("*",), examples=[["shop.example", "*.shop.example"]]
    )
    """Hosts it is served on: names, `*.suffix`, or `*` for any."""
    base_path: BasePath | None = Field(default=None, examples=["/v1"])
    """Path that all its operations begin with. Default: the path of the spec's first server, else `/`."""
    mode: Mode = "enforce"
    """`enforce` refuses; `monitor` never changes a response and records what would have been refused.
    Malformed HTTP is refused all the same."""
    path_forms: Annotated[tuple[PathForm, ...], Field(max_length=3, strict=False)] = Field(
        default=(), examples=[["encoded_slash"]]
    )
    """Forms of paths that servers read in different ways, and that its upstream wants: `encoded_slash` (`%2F`),
    `encoded_percent` (`%25`), `empty_segment` (`//`). They are passed on as they came; others refuse them."""
    spec: ConfigPath | None = Field(default=None, examples=["openapi.yaml"])
    """OpenAPI 3.0 or 3.1 document, YAML or JSON."""
    identity: Identity = Identity()
    """Who is calling."""
    access: Access = Access()
    """Who may do what."""
    contract: Contract = Contract()
    """Checks against the spec."""
    seclang: SecLang | None = None
    """SecLang rules, such as the OWASP Core Rule Set; they run beside the native detectors."""
    inspect: Inspect = Inspect()
    """Attacks in values."""
    limits: Annotated[tuple[Limit, ...], Field(max_length=1000, strict=False)] = ()
    """Rates; all that fit a request apply."""
    response: Response = Response()
    """Checks on responses."""
    protect: Protect = Protect()
    """Fields that are masked, taken out or made into tokens."""
    fail: Fail = Fail()
    """What a stage that cannot decide does."""

"""The `gateway.shared_limits` section: where several gateways count together."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from stockade.config.section import Section
from stockade.config.values import ConfigPath, Duration, Name, SecretRef, Within
from stockade.config.values.refuse import refuse

_URL = re.compile(r"rediss?://(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?:/[0-9]{1,4})?")
_SOCKET = re.compile(r"unix:/[^\x00-\x20]{1,100}")


def _url(text: str) -> str:
    if not _URL.fullmatch(text) and not _SOCKET.fullmatch(text):
        hint = "write `redis://host:6379/0`, `rediss://host:6379/0` for TLS, or `unix:/run/redis.sock`"
        refuse("expected the address of a Redis or Valkey, without user and password", hint)
    return text


class SharedLimits(Section):
    """A Redis (5 or newer) or Valkey, one primary, through which gateways count limits together."""

    url: Annotated[str, AfterValidator(_url)] = Field(examples=["redis://10.0.0.5:6379/0"])
    """`redis://host:port/database`, `rediss://` for TLS, or `unix:/path`."""
    mode: Literal["approximate", "exact"] = "approximate"
    """How limits are shared that do not say it themselves: `approximate` counts here and tells the others every `sync`,
    which costs a request nothing; `exact` asks for each request, which costs a round trip."""
    user: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """User, for Redis 6 and newer."""
    password: SecretRef | None = Field(default=None, examples=[{"env": "REDIS_PASSWORD"}])
    """Password."""
    ca_file: ConfigPath | None = Field(default=None, examples=["redis-ca.pem"])
    """PEM file of trusted roots, for TLS. Default: the public ones."""
    prefix: Name = "stockade"
    """What every key begins with. Gateways that share limits have the same."""
    timeout: Annotated[Duration, Within("1ms", "5s")] = Duration(20)
    """Longest wait for one exact decision; then the gateway decides by its share."""
    sync: Annotated[Duration, Within("10ms", "10s")] = Duration(100)
    """How often approximate counts are told and read."""
    gateways: Annotated[int, Field(ge=0, le=1000)] = 0
    """How many gateways share the limits: while the store is down, each admits that part. 0: those last heard of."""

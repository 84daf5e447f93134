"""The `admin` section: the admin API and the console."""

from typing import Annotated

from pydantic import Field

from stockade.config.oidc import Oidc
from stockade.config.section import Section
from stockade.config.values import ConfigPath, Duration, HostPattern, ListenAddress, SecretRef, Within


class SessionLifetimes(Section):
    """How long a browser stays signed in."""

    idle: Annotated[Duration, Within("1m", "24h")] = Duration(3_600_000)
    """Longest time without being used."""
    absolute: Annotated[Duration, Within("5m", "30d")] = Duration(12 * 3_600_000)
    """Longest time at all."""


class Admin(Section):
    """Where the control process serves health, the admin API and the console."""

    listen: ListenAddress = Field(default="127.0.0.1:9440", examples=["127.0.0.1:9440"])
    """`address:port` of the admin API. Keep it off public networks."""
    hosts: Annotated[tuple[HostPattern, ...], Field(max_length=100, strict=False)] = Field(
        default=(), examples=[["stockade.internal"]]
    )
    """Further names that the `Host` of an admin request may have; loopback names and `listen` are always taken."""
    url: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+$", max_length=300)] | None = Field(
        default=None, examples=["https://stockade.internal"]
    )
    """Where browsers reach the console, when a proxy with TLS stands before it. With `https` cookies are sent over TLS
    alone. Its host must stand in `hosts`."""
    database: SecretRef | None = Field(default=None, examples=[{"env": "STOCKADE_CONTROL_DATABASE"}])
    """PostgreSQL for people, sessions and tokens, as `postgresql+pg8000://user:password@host/name`; needs the extra
    package `stockade[postgresql]`. Without it they are in `control.db` in the data folder."""
    sessions: SessionLifetimes = SessionLifetimes()
    """How long a browser stays signed in."""
    oidc: Oidc | None = None
    """An OpenID provider to sign in at, beside passwords. Needs `url`."""
    audit_export: ConfigPath | None = Field(default=None, examples=["/mnt/elsewhere/stockade.checkpoints"])
    """A second file for signed checkpoints of the audit log, best on another machine's disk: with them it shows when
    the end of the log was cut off, or all of it written anew."""

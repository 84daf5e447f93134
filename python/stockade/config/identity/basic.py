"""User names and passwords (RFC 7617), kept as argon2id hashes (RFC 9106)."""

import re
from typing import Annotated

from pydantic import Field, model_validator

from stockade.config.section import Section
from stockade.config.values import Duration, Name, Within
from stockade.config.values.refuse import refuse

_PHC = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)
LEAST_KIB, MOST_KIB, MOST_ROUNDS, MOST_LANES = 7 * 1024, 256 * 1024, 16, 8
"""Costs of a hash: memory in KiB, rounds and lanes. As in `crates/engine/src/stages/identity/passwords.rs`."""


class BasicUser(Section):
    """One user; only the argon2id hash of the password is kept."""

    user: str = Field(pattern=r"^[^:\x00-\x1f\x7f]{1,200}$", examples=["metrics"])
    """User name; no colon."""
    argon2id: str = Field(max_length=400, examples=["$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$..."])
    """Hash of the password: `stockade keys password` makes it."""
    subject: str | None = Field(default=None, min_length=1, max_length=200)
    """Who the user stands for. Default: the user name."""
    roles: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    """Roles."""
    scopes: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    """Scopes."""

    @model_validator(mode="after")
    def _usable(self) -> "BasicUser":
        found = _PHC.fullmatch(self.argon2id)
        if found is None:
            refuse("expected `argon2id` to be a hash in PHC form", "make it with `stockade keys password`")
        kib, rounds, lanes = (int(cost) for cost in found.groups())
        if not (LEAST_KIB <= kib <= MOST_KIB and 1 <= rounds <= MOST_ROUNDS and 1 <= lanes <= MOST_LANES):
            expected = f"expected m of {LEAST_KIB} to {MOST_KIB}, t of 1 to {MOST_ROUNDS} and p of 1 to {MOST_LANES}"
            refuse(expected, "cheaper hashes are easily guessed, dearer ones stop the gateway")
        return self


class Basic(Section):
    """User names and passwords, for clients that know nothing better; over TLS only."""

    name: Name = "basic"
    """Name in events."""
    users: Annotated[tuple[BasicUser, ...], Field(min_length=1, max_length=10_000, strict=False)]
    """Known users."""
    remember: Annotated[Duration, Within("0s", "1d")] = Duration(300_000)
    """How long a password that was right is not checked again; the check is slow on purpose."""
    wait: Annotated[Duration, Within("50ms", "30s")] = Duration(3_000)
    """How long a check may take, waiting for its turn included; then `fail.identity` decides."""

"""The `fail` section of an API: what a stage that cannot decide does."""

from typing import Literal

from stockade.config.section import Section

FailMode = Literal["open", "closed"]
"""`open` lets the request pass, `closed` refuses it; both are counted."""


class Fail(Section):
    """Fail mode by stage, for a stage that breaks or runs out of its budget."""

    identity: FailMode = "closed"
    """Identity stage: a credential that nobody could check, as when the identity provider is down. `open` lets its
    caller pass as anonymous."""
    contract: FailMode = "closed"
    """Contract stage."""
    inspect: FailMode = "closed"
    """Inspect stage."""
    limit: FailMode = "open"
    """Limit stage."""
    response: FailMode = "open"
    """Response stage."""

"""Tokens that only one caller may show."""

from typing import Annotated

from stockade.config.section import Section
from stockade.config.values import Duration, Within


class BindingSettings(Section):
    """Tokens bound to who shows them: to a certificate (RFC 8705) or to a key, by DPoP (RFC 9449).

    One that is bound is never accepted without its proof.
    """

    required: bool = False
    """Whether tokens that are bound to nothing are refused."""
    proof_age: Annotated[Duration, Within("5s", "10m")] = Duration(60_000)
    """How old a DPoP proof may be; none is accepted twice."""

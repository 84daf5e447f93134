"""What the parts of the shop share, passed in and never global."""

from collections.abc import Callable
from dataclasses import dataclass, field

from stockade.sample.database import Database
from stockade.sample.flaws import Flaws
from stockade.sample.pictures import PictureHosts
from stockade.sample.throttle import Throttle
from stockade.sample.tokens import Issuer


@dataclass(frozen=True, slots=True)
class Shop:
    """One running shop."""

    database: Database
    """Its database."""
    issuer: Issuer
    """Signs and checks its tokens."""
    partner_key_sha256: str
    """SHA-256 of the partner's API key, hexadecimal."""
    now: Callable[[], int]
    """Seconds since the epoch."""
    flaws: Flaws = field(default_factory=Flaws)
    """Flaws that are on."""
    pictures: PictureHosts = field(default_factory=PictureHosts)
    """Where pictures may come from."""
    throttle: Throttle = field(default_factory=Throttle)
    """Slows down the guessing of passwords."""

"""The `events` section: how long recorded events are kept, and how."""

from typing import Annotated

from pydantic import Field

from stockade.config.section import Section
from stockade.config.values import Duration, SecretRef, Size, Within

_DAY_MS = 86_400_000
_Age = Annotated[Duration, Within("1h", "36500d")]
_Most = Annotated[Size, Within("1MiB", "1024TiB")]


class FactsKept(Section):
    """How long and how much of the facts is kept; what is older or more goes, oldest first."""

    age: _Age = Duration(90 * _DAY_MS)
    """Longest time that they are kept."""
    size: _Most = Size(20 * 1024**3)
    """Most that they may take on disk."""


class EvidenceKept(Section):
    """How long and how much of the evidence is kept; what is older or more goes, oldest first."""

    age: _Age = Duration(30 * _DAY_MS)
    """Longest time that it is kept."""
    size: _Most = Size(10 * 1024**3)
    """Most that it may take on disk."""


class NoticesKept(Section):
    """How long and how much of the notices is kept; what is older or more goes, oldest first."""

    age: _Age = Duration(365 * _DAY_MS)
    """Longest time that they are kept."""
    size: _Most = Size(1024**3)
    """Most that they may take on disk."""


class Events(Section):
    """Recorded events in Parquet, read by `stockade events` and the console."""

    facts: FactsKept = FactsKept()
    """One short row for each exchange: who asked what, how it ended, how long it took."""
    evidence: EvidenceKept = EvidenceKept()
    """Whole records of exchanges that were refused, failed or looked at twice: masked, but the most personal part."""
    notices: NoticesKept = NoticesKept()
    """What gateways told of themselves."""
    postgresql: SecretRef | None = Field(default=None, examples=[{"env": "STOCKADE_POSTGRESQL"}])
    """A PostgreSQL that gets all events too, as `postgresql+pg8000://user:password@host/name`; needs the extra package
    `stockade[postgresql]`. What it misses while it is away it gets later, as far as the archive still has it."""
    encrypt: bool = False
    """Whether new files are encrypted (AES-256 in GCM) with the key in `keys/events.key` of the data folder."""

"""What sends events away: given a batch, it sends all of it or says that it could not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Record = Mapping[str, Any]
"""One record as in the spool."""


class Sink(Protocol):
    """One kind of receiver; used from one thread."""

    def send(self, batch: Sequence[Record], number: int) -> None:
        """Send a batch whole.

        Args:
            batch: records, oldest first.
            number: of the batch, the same when it is sent again.

        Raises:
            OSError: it was not taken, and can be sent again.
            ValueError: the receiver will never take it.
        """

    def close(self) -> None:
        """Let go of connections."""

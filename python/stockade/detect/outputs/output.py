"""Brings events to one sink: a bounded queue, a thread, and tries again; what is too much is dropped and counted."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import Literal

from stockade.detect.ingest.ingest import Taken
from stockade.detect.outputs.sink import Record, Sink
from stockade.store.archive.columns import DataClass

LOG = logging.getLogger("stockade.outputs")

QUEUE = 10_000
"""Records that wait; the oldest gives way."""

BATCH = 500
"""Records sent at once."""

PAUSE_S = (0.2, 60.0)
"""Shortest and longest wait before a batch is sent again, seconds; doubled each time."""


@dataclass(slots=True)
class Counts:
    """What became of records."""

    sent: int = 0
    """Taken by the receiver."""
    dropped: int = 0
    """Given up: the queue was full, or the receiver will never take them."""
    failures: int = 0
    """Times that a batch was not taken."""


class Output:
    """One receiver. Hears of records from ingest and never makes it wait.

    Args:
        name: in config.
        sink: the receiver.
        events: which records it gets.
    """

    def __init__(self, name: str, sink: Sink, events: Literal["suspicious", "all"]) -> None:
        self.name = name
        self.counts = Counts()
        self.problem: str | None = None
        self._sink = sink
        self._events = events
        self._queue: deque[Record] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"output {name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Records that wait."""
        return len(self._queue)

    def take(self, taken: Taken) -> None:
        """Queue records; see `Observer`."""
        if self._events == "all":
            records = [json.loads(line)["record"] for line in taken.lines.splitlines()]
        else:
            records = [json.loads(text) for text in taken.tables[DataClass.EVIDENCE]["record"].to_pylist()]
        with self._changed:
            self._queue.extend(records)
            while len(self._queue) > QUEUE:
                self._queue.popleft()
                self.counts.dropped += 1
            self._changed.notify()

    def close(self, wait_s: float = 2.0) -> None:
        """Send what waits, as far as that is quick, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(wait_s)
        self._sink.close()

    def _run(self) -> None:
        number = 0
        while batch := self._next():
            number += 1
            self._deliver(batch, number)

    def _next(self) -> list[Record]:
        with self._changed:
            while not self._queue and not self._stopping:
                self._changed.wait()
            return [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]

    def _deliver(self, batch: list[Record], number: int) -> None:
        pause = PAUSE_S[0]
        while True:
            try:
                self._sink.send(batch, number)
            except OSError as error:
                self._failed(str(error))
                with self._changed:
                    if self._stopping:
                        self.counts.dropped += len(batch)
                        return
                    self._changed.wait_for(lambda: self._stopping, pause)
                pause = min(pause * 2, PAUSE_S[1])
            except Exception as error:
                # It would fail again and again; the next batch may be good.
                self._failed(str(error))
                self.counts.dropped += len(batch)
                return
            else:
                self.counts.sent += len(batch)
                self.problem = None
                return

    def _failed(self, problem: str) -> None:
        self.counts.failures += 1
        if self.problem is None:
            LOG.warning("output %s: %s", self.name, problem)
        self.problem = problem

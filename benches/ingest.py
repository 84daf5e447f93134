"""How fast events move from the spool to where they are found, and what they take there.

Bars: 30,000 events a second on one core, 300 MB of memory, 60 bytes an event on disk without evidence.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

from tests import traffic
from tests.spool import write_segment

from benches.resident import peak_mb

EVENTS = 100_000
SEGMENT = 50_000
LEAST_PER_SECOND = 30_000
MOST_MEMORY_MB = 300
MOST_BYTES = 60


def measure(folder: Path) -> bool:
    """Fills a spool, takes it in with a process of its own, and looks at what lies there."""
    _fill(folder / "spool")
    done = subprocess.run([sys.executable, "-m", "benches.ingest", str(folder)], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr)
        return False
    seconds, memory_mb, facts, evidence, records, stood_out = json.loads(done.stdout)
    print(f"{records} events in {seconds:.2f} s of CPU: {records / seconds:,.0f} a second (bar {LEAST_PER_SECOND:,})")
    print(f"memory {memory_mb:.0f} MB (bar {MOST_MEMORY_MB})")
    print(
        f"facts {facts / records:.1f} bytes an event (bar {MOST_BYTES}); evidence {evidence / stood_out:.0f} bytes each"
    )
    return bool(
        records == EVENTS
        and records / seconds >= LEAST_PER_SECOND
        and memory_mb <= MOST_MEMORY_MB
        and facts / records <= MOST_BYTES
    )


def _fill(spool: Path) -> None:
    records = traffic.records(EVENTS)
    for first in range(1, EVENTS + 1, SEGMENT):
        write_segment(spool, islice(records, SEGMENT), first)


def take(folder: Path) -> None:
    """Takes everything in, in this process; prints what it cost."""
    import pyarrow as pa

    from stockade.detect.ingest.ingest import Ingest
    from stockade.store.archive.columns import DataClass
    from stockade.store.archive.writer import ArchiveWriter

    pa.set_cpu_count(1)
    writer = ArchiveWriter(folder / "events")
    begin = time.process_time()
    ingest = Ingest(folder / "spool", writer)
    while ingest.step(time.time_ns() // 1000):
        pass
    ingest.flush(time.time_ns() // 1000)
    seconds = time.process_time() - begin
    files = writer.manifest.files
    sizes = [
        sum(file.bytes for file in files if file.data_class is kind) for kind in (DataClass.FACTS, DataClass.EVIDENCE)
    ]
    stood_out = sum(file.rows for file in files if file.data_class is DataClass.EVIDENCE)
    peak = peak_mb()
    print(json.dumps([seconds, peak, *sizes, writer.manifest.records, stood_out]))


if __name__ == "__main__":
    os.sched_setaffinity(0, {0})
    take(Path(sys.argv[1]))

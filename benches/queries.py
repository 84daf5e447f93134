"""What the console asks most, of 10 million events: how long each answer takes, and in how much memory.

Bars: median of all answers below 250 ms, 95th percentile below 1 s, below 400 MB. All 10 million
events are asked about, but for percentiles, which the console asks for a day.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benches.resident import peak_mb
from stockade.store.archive.columns import DataClass, schema_of
from stockade.store.archive.writer import ArchiveWriter, Batch
from stockade.store.queries.database import EventDatabase

EVENTS = 10_000_000
DAYS = 7
BATCH = 1_000_000
ROUNDS = 5
START = 1_790_000_000_000_000
MEDIAN_MS, P95_MS, MEMORY_MB = 250.0, 1000.0, 400.0
LETTERS = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", dtype=np.uint8)

ASKED: list[tuple[str, dict[str, Any]]] = [
    ("traffic", {"step": 3600}),
    ("verdicts", {}),
    ("statuses", {}),
    ("latency", {"step": 3600, "since": START + (DAYS - 1) * 86_400_000_000}),
    ("top_actors", {"limit": 20}),
    ("top_addresses", {"limit": 20}),
    ("top_operations", {}),
    ("top_reasons", {}),
    ("top_detectors", {}),
    ("search", {"limit": 100, "verdict": "refused"}),
    ("search", {"limit": 100, "actor": "subject:user-777"}),
    ("pivot", {"value": "203.0.7.77", "side": "actor"}),
]
"""The 12 commonest; percentiles are asked for one day."""


def measure(folder: Path) -> bool:
    """Writes the events, then asks in a process of its own."""
    begin = time.perf_counter()
    size = _fill(folder / "events")
    print(
        f"{EVENTS:,} events written in {time.perf_counter() - begin:.0f} s, {size / EVENTS:.1f} bytes each", flush=True
    )
    done = subprocess.run([sys.executable, "-m", "benches.queries", str(folder)], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr)
        return False
    found = json.loads(done.stdout)
    for name, times in found["times"].items():
        print(f"{name:40} median {statistics.median(times):7.1f} ms  worst {max(times):7.1f} ms")
    every = [each for times in found["times"].values() for each in times]
    median, p95 = statistics.median(every), statistics.quantiles(every, n=20)[-1]
    print(
        f"median {median:.0f} ms (bar {MEDIAN_MS:.0f}), p95 {p95:.0f} ms (bar {P95_MS:.0f}),"
        f" memory {found['memory']:.0f} MB (bar {MEMORY_MB:.0f})"
    )
    return bool(median < MEDIAN_MS and p95 < P95_MS and found["memory"] < MEMORY_MB)


def ask(folder: Path) -> None:
    """Asks every query some times; prints milliseconds and memory."""
    database = EventDatabase(folder / "events", folder / "spool")
    times: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, given in ASKED:
            begin = time.perf_counter()
            database.ask(name, given)
            times.setdefault(f"{name} {json.dumps(given)}"[:40], []).append((time.perf_counter() - begin) * 1000)
    peak = peak_mb()
    print(json.dumps({"times": times, "memory": peak}))


def _fill(folder: Path) -> int:
    chance = np.random.default_rng(1)
    writer = ArchiveWriter(folder)
    step = DAYS * 86_400_000_000 // EVENTS
    for first in range(0, EVENTS, BATCH):
        times = START + (np.arange(first, first + BATCH) * step) + chance.integers(0, step, BATCH)
        facts = _facts(chance, times, first)
        writer.commit(Batch(1, first + BATCH, {DataClass.FACTS: facts}, BATCH))
    end = START + DAYS * 86_400_000_000 + 10**12
    while writer.compact(end):
        pass
    writer.sweep(end + 10**9)
    size = sum(file.bytes for file in writer.manifest.files)
    writer.close()
    return size


def _facts(chance: np.random.Generator, times: Any, first: int) -> pa.Table:
    count = len(times)
    user = (chance.zipf(1.2, count) - 1) % 100_000
    operation = chance.choice(40, count, p=_falling(40))
    kind = chance.random(count)
    refused, failed = kind < 0.02, kind > 0.998
    total = chance.lognormal(8, 0.7, count).astype(np.int64)
    reasons = pa.array([f"inspect.{name}" for name in ("sql_injection", "xss", "path_traversal")] + [None])
    place = np.where(refused, chance.integers(0, 3, count), 3)
    given: dict[str, Any] = {
        "epoch": pa.array(np.ones(count, dtype=np.int32)),
        "seq": pa.array(np.arange(first + 1, first + count + 1)),
        "time": pa.array(times),
        "id": _ids(chance, times),
        "gateway": _one_of(["gateway-1"], np.zeros(count, dtype=np.int32)),
        "bundle": pa.array(np.full(count, 12)),
        "verdict": _one_of(["allowed", "refused", "failed"], np.where(refused, 1, np.where(failed, 2, 0))),
        "mode": _one_of(["enforce"], np.zeros(count, dtype=np.int32)),
        "api": _one_of(["shop", "billing"], operation % 2),
        "operation": _one_of([f"operation{number}" for number in range(40)], operation),
        "actor": _one_of([f"subject:user-{number}" for number in range(100_000)], user),
        "address": _one_of([f"203.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(50_000)], user % 50_000),
        "port": pa.array(chance.integers(32_768, 61_000, count).astype(np.int32)),
        "method": _one_of(["GET", "POST"], operation % 2),
        "scheme": _one_of(["https"], np.zeros(count, dtype=np.int32)),
        "authority": _one_of(["shop.example"], np.zeros(count, dtype=np.int32)),
        "path": _one_of([f"/orders/{number}" for number in range(200_000)], chance.integers(0, 200_000, count)),
        "http_version": _one_of(["2"], np.zeros(count, dtype=np.int32)),
        "user_agent": _one_of([f"Mozilla/5.0 (X{number}) Chrome/{number}" for number in range(60)], user % 60),
        "request_bytes": pa.array(chance.integers(0, 900, count)),
        "identity_method": _one_of(["jwt"], np.zeros(count, dtype=np.int32)),
        "subject": _one_of([f"user-{number}" for number in range(100_000)], user),
        "reason": reasons.take(pa.array(place)),
        "reasons": reasons.take(pa.array(place)),
        "detectors": pa.array(["sql_injection", "xss", "path_traversal", None]).take(pa.array(place)),
        "stages": _one_of(["route:pass\x1finspect:pass"], np.zeros(count, dtype=np.int32)),
        "status": pa.array(np.where(refused, 403, np.where(failed, 502, 200)).astype(np.int32)),
        "response_bytes": pa.array(chance.lognormal(6, 1, count).astype(np.int64)),
        "upstream": _one_of(["http://10.0.0.5:9000"], np.zeros(count, dtype=np.int32)),
        "complete": pa.array(np.ones(count, dtype=bool)),
        "total_us": pa.array(total),
        "engine_us": pa.array(chance.integers(20, 90, count)),
        "upstream_us": pa.array((total * chance.random(count)).astype(np.int64)),
        "evidence": pa.array(np.zeros(count, dtype=bool)),
    }
    schema = schema_of(DataClass.FACTS)
    columns = [given[field.name] if field.name in given else pa.nulls(count, field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _one_of(values: list[str], places: Any) -> pa.Array:
    return pa.array(values).take(pa.array(places))


def _falling(count: int) -> Any:
    weights = 1 / np.arange(1, count + 1)
    return weights / weights.sum()


def _ids(chance: np.random.Generator, times: Any) -> pa.Array:
    letters = chance.integers(0, 32, (len(times), 26), dtype=np.uint8)
    milliseconds = times // 1000
    for place in range(10):
        letters[:, 9 - place] = (milliseconds >> (5 * place)) & 31
    text = LETTERS[letters].tobytes()
    offsets = np.arange(0, len(text) + 1, 26, dtype=np.int32)
    return pa.StringArray.from_buffers(len(times), pa.py_buffer(offsets), pa.py_buffer(text))


if __name__ == "__main__":
    ask(Path(sys.argv[1]))

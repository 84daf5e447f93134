"""Rate, errors and duration of each operation, and verdicts by stage, counted from rows as they come in."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from stockade.detect.ingest.ingest import Taken
from stockade.store.archive.columns import PARTS, DataClass

BOUNDS_US = (1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000)
"""Upper bounds of the duration's buckets, microseconds."""

SERIES = 5_000
"""Distinct series of each kind; what comes after that is counted as `other`, so that nobody can fill the memory."""

Key = TypeVar("Key")

OTHER = "other"
"""Label of series that were too many."""


class Red:
    """Counts since control started; may be read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: Counter[tuple[str, str, str, str]] = Counter()
        self.buckets: Counter[tuple[str, str, int]] = Counter()
        self.sums: Counter[tuple[str, str]] = Counter()
        self.stages: Counter[tuple[str, str]] = Counter()
        self.detectors: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()

    def take(self, taken: Taken) -> None:
        """Count records; see `Observer`."""
        facts = taken.tables[DataClass.FACTS]
        if not facts.num_rows:
            return
        names = {name: pc.fill_null(facts[name], "") for name in ("api", "operation", "verdict")}
        status = pc.cast(pc.divide(pc.fill_null(facts["status"], 0), 100), pa.string())
        bucket: pa.ChunkedArray = pc.cast(pc.greater(facts["total_us"], BOUNDS_US[0]), pa.int32())
        for bound in BOUNDS_US[1:]:
            bucket = pc.add(bucket, pc.cast(pc.greater(facts["total_us"], bound), pa.int32()))
        table = pa.table({**names, "class": status, "bucket": bucket, "total_us": facts["total_us"]})
        requests = table.group_by(["api", "operation", "verdict", "class"]).aggregate([([], "count_all")]).to_pylist()
        buckets = table.group_by(["api", "operation", "bucket"]).aggregate([([], "count_all"), ("total_us", "sum")])
        stages = pc.value_counts(facts["stages"].combine_chunks()).to_pylist()
        detectors = pc.value_counts(facts["detectors"].combine_chunks()).to_pylist()
        with self._lock:
            for row in requests:
                key = (row["api"], row["operation"], row["verdict"], f"{row['class']}xx")
                _count(self.requests, key, row["count_all"], (row["api"], OTHER, row["verdict"], key[3]))
            for row in buckets.to_pylist():
                place = (row["api"], row["operation"])
                _count(self.buckets, (*place, row["bucket"]), row["count_all"], (row["api"], OTHER, row["bucket"]))
                _count(self.sums, place, row["total_us_sum"], (row["api"], OTHER))
            for row in stages:
                for part in (row["values"] or "").split(PARTS):
                    stage, colon, outcome = part.partition(":")
                    if colon:
                        _count(self.stages, (stage, outcome), row["counts"], (OTHER, outcome))
            for row in detectors:
                for detector in set((row["values"] or "").split(PARTS)) - {""}:
                    _count(self.detectors, detector, row["counts"], OTHER)
            for name in ("engine_us", "upstream_us", "total_us"):
                self.spent[name] += pc.sum(facts[name]).as_py() or 0

    def lines(self) -> list[tuple[str, str, str, Sequence[tuple[Mapping[str, str], float]]]]:
        """Name, kind, help and samples of each metric."""
        with self._lock:
            requests = [
                ({"api": api, "operation": operation, "verdict": verdict, "status": status}, float(count))
                for (api, operation, verdict, status), count in sorted(self.requests.items())
            ]
            stages = [
                ({"stage": stage, "outcome": outcome}, float(count))
                for (stage, outcome), count in sorted(self.stages.items())
            ]
            detectors = [({"detector": name}, float(count)) for name, count in sorted(self.detectors.items())]
            spent = [({"where": name.removesuffix("_us")}, us / 1e6) for name, us in sorted(self.spent.items())]
            histogram = self._histogram()
        return [
            ("stockade_requests_total", "counter", "Exchanges by operation, verdict and status.", requests),
            ("stockade_request_duration_seconds", "histogram", "Duration of exchanges by operation.", histogram),
            ("stockade_stage_outcomes_total", "counter", "What each stage decided.", stages),
            ("stockade_detections_total", "counter", "Exchanges in which a detector found something.", detectors),
            (
                "stockade_time_seconds_total",
                "counter",
                "Time in the engine, waiting for upstreams, and in all.",
                spent,
            ),
        ]

    def _histogram(self) -> list[tuple[Mapping[str, str], float]]:
        samples: list[tuple[Mapping[str, str], float]] = []
        for api, operation in sorted(self.sums):
            labels, seen = {"api": api, "operation": operation}, 0
            for place in range(len(BOUNDS_US) + 1):
                seen += self.buckets[api, operation, place]
                bound = f"{BOUNDS_US[place] / 1e6:g}" if place < len(BOUNDS_US) else "+Inf"
                samples.append(({"": "_bucket", **labels, "le": bound}, float(seen)))
            samples.append(({"": "_sum", **labels}, self.sums[api, operation] / 1e6))
            samples.append(({"": "_count", **labels}, float(seen)))
        return samples


def _count(counter: Counter[Key], key: Key, count: int, instead: Key) -> None:
    counter[key if key in counter or len(counter) < SERIES else instead] += count

"""What Prometheus reads: the counters of the gateway and of control in its text format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stockade.store.recent import Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Media type of the Prometheus text format."""

GAUGES = ("open_connections", "bytes", "next_sequence", "failing")
"""Numbers of the gateway that also go down."""

Samples = Sequence[tuple[Mapping[str, str], float]]
"""Labels and values of one metric."""

Metric = tuple[str, str, str, Samples]
"""Name, kind, help and samples."""

ARCHIVE_GAUGES = ("waiting", "files")
"""Numbers of the archive that also go down; so do all in bytes."""


def render(
    status: Mapping[str, Any] | None,
    tally: Tally,
    decisions: int,
    config_ok: bool,
    archive: Mapping[str, int],
    more: Sequence[Metric] = (),
) -> str:
    """Write all metrics.

    Args:
        status: what the gateway answered; None when it did not.
        tally: what control counted.
        decisions: active decisions.
        config_ok: whether the config on disk is the one in force.
        archive: numbers of the archive of events.
        more: further metrics: of operations, stages and outputs.
    """
    lines: list[str] = []
    lines += _metric("stockade_gateway_up", "gauge", "Whether the gateway answers.", [({}, int(status is not None))])
    lines += _metric("stockade_config_ok", "gauge", "Whether the config on disk is valid.", [({}, int(config_ok))])
    lines += _metric("stockade_decisions_active", "gauge", "Active decisions.", [({}, decisions)])
    lines += _metric(
        "stockade_exchanges_total",
        "counter",
        "Exchanges that control read, by API and verdict.",
        [({"api": api, "verdict": verdict}, count) for (api, verdict), count in sorted(tally.apis.items())],
    )
    lines += _metric(
        "stockade_refusals_total",
        "counter",
        "Exchanges refused, would-be refused or failed, by reason.",
        [({"reason": reason}, count) for reason, count in sorted(tally.reasons.items())],
    )
    lines += _metric(
        "stockade_notices_total",
        "counter",
        "Notices of the gateway, by code.",
        [({"code": code}, count) for code, count in sorted(tally.notices.items())],
    )
    for name, value in sorted(archive.items()):
        gauge = name in ARCHIVE_GAUGES or name.endswith("_bytes")
        metric = f"stockade_archive_{name}" + ("" if gauge else "_total")
        lines += _metric(metric, "gauge" if gauge else "counter", f"`{name}` of the archive of events.", [({}, value)])
    for name, kind, about, samples in more:
        lines += _metric(name, kind, about, samples)
    if status is not None:
        lines += _of_gateway(status)
    return "\n".join(lines) + "\n"


def _of_gateway(status: Mapping[str, Any]) -> Iterator[str]:
    yield from _metric(
        "stockade_gateway_bundle", "gauge", "Version of the bundle in force.", [({}, status.get("bundle", 0))]
    )
    yield from _stages(status.get("stages"))
    for part, prefix in (("counters", "gateway"), ("spool", "spool")):
        numbers = status.get(part)
        if not isinstance(numbers, Mapping):
            continue
        for name, value in sorted(numbers.items()):
            if isinstance(value, int | float):
                gauge = name in GAUGES
                metric = f"stockade_{prefix}_{name}" + ("" if gauge else "_total")
                kind = "gauge" if gauge else "counter"
                yield from _metric(metric, kind, f"`{name}` of the gateway's {part}.", [({}, value)])


def _stages(stages: Any) -> Iterator[str]:
    if not isinstance(stages, Mapping):
        return
    measured, times = stages.get("measured"), stages.get("ns")
    if isinstance(measured, int):
        about = "Exchanges whose stages were measured."
        yield from _metric("stockade_stage_measured_exchanges_total", "counter", about, [({}, measured)])
    if isinstance(times, Mapping):
        yield from _metric(
            "stockade_stage_seconds_total",
            "counter",
            "Time that each stage added to the measured exchanges.",
            [({"stage": str(stage)}, ns / 1e9) for stage, ns in sorted(times.items()) if isinstance(ns, int)],
        )


def _metric(name: str, kind: str, help_text: str, samples: Samples) -> Iterator[str]:
    if not samples:
        return
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        # The label without a name is what follows the metric's own, as `_bucket` of a histogram.
        whole = name + labels.get("", "")
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items() if label)
        yield f"{whole}{{{shown}}} {_number(value)}" if shown else f"{whole} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if isinstance(value, bool | int) or value.is_integer() else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

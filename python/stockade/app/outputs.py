"""The outputs of a config, and what is counted of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from stockade import __version__
from stockade.app.metrics import Metric
from stockade.config.outputs import Output as Setting
from stockade.detect.outputs.build import sink_of
from stockade.detect.outputs.output import Output


def outputs_of(settings: Mapping[str, Setting], clock: Callable[[], int]) -> list[Output]:
    """One output for each setting, started.

    Args:
        settings: by name.
        clock: microseconds since the epoch.
    """
    return [
        Output(
            name,
            sink_of(setting.to, setting.secret.get_secret_value() if setting.secret else None, clock, __version__),
            setting.events,
        )
        for name, setting in settings.items()
    ]


def metrics_of(outputs: Sequence[Output]) -> Sequence[Metric]:
    """What is counted of outputs."""

    def metric(name: str, kind: str, about: str, value: Callable[[Output], int]) -> Metric:
        samples = [({"output": output.name}, float(value(output))) for output in outputs]
        return f"stockade_output_{name}", kind, about, samples

    return [
        metric("sent_total", "counter", "Records that the receiver took.", lambda output: output.counts.sent),
        metric("dropped_total", "counter", "Records given up.", lambda output: output.counts.dropped),
        metric("failures_total", "counter", "Times a batch was not taken.", lambda output: output.counts.failures),
        metric("waiting", "gauge", "Records that wait.", lambda output: output.waiting),
    ]

"""From a setting to the sink that it names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

from stockade.detect.outputs.file import FileSink
from stockade.detect.outputs.kafka import KafkaSink
from stockade.detect.outputs.otlp import OtlpSink
from stockade.detect.outputs.sink import Sink
from stockade.detect.outputs.syslog import SyslogSink
from stockade.detect.outputs.webhook import WebhookSink


def sink_of(to: str, secret: str | None, clock: Callable[[], int], version: str) -> Sink:
    """The sink for a place.

    Args:
        to: as `outputs.*.to` in config, which has checked its form.
        secret: for signatures of webhooks.
        clock: microseconds since the epoch.
        version: of Stockade.

    Raises:
        StockadeError: a package that this kind of output needs is not installed.
    """
    kind, _, rest = to.partition("+")
    if to.startswith("file:"):
        return FileSink(Path(to.removeprefix("file:")), version)
    if kind == "otlp":
        return OtlpSink(rest, version)
    if kind == "syslog":
        place = urlsplit(rest)
        transport = cast(Literal["udp", "tcp", "tls"], place.scheme)
        return SyslogSink(transport, place.hostname or "", place.port or 514, version)
    if to.startswith("kafka:"):
        brokers, _, topic = to.removeprefix("kafka://").partition("/")
        return KafkaSink(brokers, topic)
    return WebhookSink(to, secret, clock)

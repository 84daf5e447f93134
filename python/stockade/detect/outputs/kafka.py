"""Events as JSON to a topic of Kafka, acknowledged by all replicas in sync; those of one actor stay in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from stockade.core.errors import StockadeError
from stockade.detect.outputs.sink import Record

WAIT_S = 10.0
"""Longest wait until the brokers have a batch, seconds."""


class KafkaSink:
    """Produces to one topic. A batch that was taken in part is sent again whole: ids tell what came twice.

    Args:
        brokers: `host:port`, several with commas between.
        topic: name of the topic.

    Raises:
        StockadeError: the client library is not installed.
    """

    def __init__(self, brokers: str, topic: str) -> None:
        try:
            from confluent_kafka import KafkaException, Producer
        except ModuleNotFoundError as error:
            raise StockadeError(
                "outputs.kafka", f"expected the module `{error.name}`", "pip install 'stockade[kafka]'"
            ) from error
        self._error: type[Exception] = KafkaException
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "client.id": "stockade",
                # No record is lost or comes twice within a batch because a broker answered late.
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "zstd",
                "linger.ms": 5,
                "message.timeout.ms": int(WAIT_S * 1000),
                "socket.connection.setup.timeout.ms": 5000,
                # Errors of connections come back with the records; its own log would go to standard error.
                "log_level": 0,
            }
        )

    def send(self, batch: Sequence[Record], number: int) -> None:
        """Produce a batch; see `Sink`."""
        problems: list[str] = []

        def delivered(error: Any, _message: Any) -> None:
            if error is not None:
                problems.append(str(error))

        try:
            for record in batch:
                value = json.dumps(record, separators=(",", ":")).encode()
                key = str(record.get("actor") or record.get("gateway") or "").encode()
                self._producer.produce(self._topic, value, key, on_delivery=delivered)
        except (self._error, BufferError) as error:
            self._producer.purge()
            raise OSError(f"Kafka takes no records: {error}") from error
        left = self._producer.flush(WAIT_S + 1)
        if left:
            self._producer.purge()
            self._producer.flush(1)
            raise OSError(f"no answer from Kafka for {left} records")
        if problems:
            raise OSError(f"Kafka did not take {len(problems)} records: {problems[0]}")

    def close(self) -> None:
        """Let go of connections."""
        self._producer.flush(0)

"""Events reach a real Kafka broker, also when it was away; it is fetched from Maven Central by Maven."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import free_port, until

kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
kafka_admin = pytest.importorskip("confluent_kafka.admin")

POM = Path(__file__).parent / "kafka" / "pom.xml"
TOPIC = "stockade"


class Broker:
    """One KRaft broker with its controller in one process."""

    def __init__(self, folder: Path, classpath: str) -> None:
        self.folder = folder
        self.port = free_port()
        controller = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._java = ["java", "-Xmx256m", "-cp", classpath]
        self._process: subprocess.Popen[bytes] | None = None
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(folder / "log"),
            "offsets.topic.replication.factor": "1",
            "num.partitions": "1",
        }
        self._settings = folder / "server.properties"
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        identity = uuid.uuid4()
        command = ["kafka.tools.StorageTool", "format", "--standalone", "-t", str(identity), "-c", str(self._settings)]
        done = subprocess.run([*self._java, *command], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        with (self.folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [*self._java, "kafka.Kafka", str(self._settings)], stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )
        admin = kafka_admin.AdminClient({"bootstrap.servers": self.address, "log_level": 0})

        def answers() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "out").read_text()[-2000:]
            try:
                return bool(admin.list_topics(timeout=2).brokers)
            except kafka.KafkaException:
                return False

        until(answers, 120, "the broker")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def exchanges(self, count: int) -> list[tuple[bytes, str]]:
        """Key and id of so many exchanges from the beginning of the topic."""
        settings = {"bootstrap.servers": self.address, "group.id": str(uuid.uuid4()), "auto.offset.reset": "earliest"}
        consumer = kafka.Consumer({**settings, "log_level": 0})
        consumer.subscribe([TOPIC])
        found: list[tuple[bytes, str]] = []

        def enough() -> bool:
            messages = [message for message in consumer.consume(100, 0.5) if message.error() is None]
            records = [(message.key(), json.loads(message.value())) for message in messages]
            found.extend((key, record["id"]) for key, record in records if record["kind"] == "exchange")
            return len({found_id for _, found_id in found}) >= count

        until(enough, 60, f"{count} messages")
        consumer.close()
        return found


@pytest.fixture
def broker() -> Iterator[Broker]:
    if shutil.which("mvn") is None or shutil.which("java") is None:
        pytest.skip("Kafka needs Java and Maven: apt-get install maven openjdk-17-jre-headless")
    folder = Path(tempfile.mkdtemp(prefix="stockade-kafka-"))
    libraries = folder / "lib"
    fetch = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
    done = subprocess.run(fetch, capture_output=True, text=True, timeout=500, check=False, env=dict(os.environ))
    if done.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"Kafka cannot be fetched: {done.stdout[-300:]}")
    started = Broker(folder, f"{libraries}/*")
    yield started
    started.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_events_reach_kafka_and_wait_for_a_broker_that_is_away(
    origin: Origin, gateway_factory: GatewayFactory, broker: Broker
) -> None:
    broker.start()
    stockade = gateway_factory(origin.url, run=False)
    output = {"to": f"kafka://{broker.address}/{TOPIC}", "events": "all"}
    stockade.configure({"version": 1, "apis": {"main": {"upstream": origin.url}}, "outputs": {"bus": output}})
    stockade.start()
    with stockade.client() as client:
        first = [client.get("/items").headers["x-stockade-id"] for _ in range(20)]
        assert broker.exchanges(20) == [(b"address:127.0.0.1", exchange) for exchange in first]
        broker.stop()
        late = [client.get("/items").headers["x-stockade-id"] for _ in range(20)]
        broker.start()
        found = [exchange for _, exchange in broker.exchanges(40)]
    assert found[:20] == first
    # Sent again whole after a failure: what came twice is told by its id.
    assert list(dict.fromkeys(found[20:])) == late

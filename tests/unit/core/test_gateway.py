"""The gateway process as its supervisor sees it: start, status, reload, signals, exit codes."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stockade.core import spool

if TYPE_CHECKING:
    from tests.unit.core.conftest import DataFolder, Plan

START_S = 10


class Gateway:
    """A running gateway process."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stockade", "gateway", "--data", str(data)], stderr=subprocess.PIPE, text=True
        )

    def wait_for_start(self) -> Gateway:
        deadline = time.monotonic() + START_S
        while not (self.data / "gateway.json").exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self

    def ask(self, line: bytes | dict[str, str]) -> dict[str, Any]:
        if isinstance(line, dict):
            line = json.dumps(line).encode() + b"\n"
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(5)
            link.connect(str(self.data / "gateway.sock"))
            link.sendall(line)
            with link.makefile("rb") as answers:
                answer = json.loads(answers.readline())
        assert isinstance(answer, dict)
        return answer

    def stop(self, sent: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(sent)
        _, told = self.process.communicate(timeout=10)
        return self.process.returncode, told

    def notices(self) -> list[str]:
        return [entry.record["code"] for entry in spool.read(self.data / "spool") if entry.record["kind"] == "notice"]


@contextmanager
def running(data: Path) -> Iterator[Gateway]:
    gateway = Gateway(data)
    try:
        yield gateway.wait_for_start()
    finally:
        gateway.process.kill()
        gateway.process.wait()
        if gateway.process.stderr is not None:
            gateway.process.stderr.close()


def failed_start(data: Path) -> str:
    gateway = Gateway(data)
    _, told = gateway.process.communicate(timeout=START_S)
    assert gateway.process.returncode == 2
    return told


def test_it_says_where_it_listens_and_stops_in_order(data: DataFolder, plan: Plan) -> None:
    data.put(plan)
    with running(data.path) as gateway:
        facts = json.loads((data.path / "gateway.json").read_text())
        host, port = facts["listeners"][0].rsplit(":", 1)
        assert facts["pid"] == gateway.process.pid
        socket.create_connection((host, int(port)), timeout=5).close()
        for name in ("gateway.json", "gateway.sock"):
            assert stat.S_IMODE((data.path / name).stat().st_mode) == 0o600
        code, told = gateway.stop()
        assert code == 0
        assert f"listening on {host}:{port} (bundle 1)" in told
        assert not (data.path / "gateway.json").exists()
        assert gateway.notices() == ["gateway.started", "gateway.stopping"]


def test_an_interrupt_stops_it_in_order_too(data: DataFolder, plan: Plan) -> None:
    data.put(plan)
    with running(data.path) as gateway:
        code, told = gateway.stop(signal.SIGINT)
    assert (code, "Traceback" in told) == (0, False)


def test_the_socket_answers_status_and_refuses_nonsense(data: DataFolder, plan: Plan) -> None:
    data.put(plan)
    with running(data.path) as gateway:
        status = gateway.ask({"op": "status"})
        assert (status["ok"], status["bundle"], status["draining"]) == (True, 1, False)
        assert status["counters"]["exchanges"] == 0
        assert status["spool"]["dropped"] == 0
        assert gateway.ask({"op": "explode"})["code"] == "control.op"
        assert gateway.ask(b"no json\n")["code"] == "control.json"
        assert gateway.ask(b"[]\n")["code"] == "control.op"
        assert gateway.ask(b"x" * 70_000)["code"] == "control.line"
        clients = [socket.socket(socket.AF_UNIX) for _ in range(40)]
        for client in clients:
            client.connect(str(data.path / "gateway.sock"))
        time.sleep(0.1)
        assert json.loads(clients[-1].recv(1000))["code"] == "control.busy"
        for client in clients:
            client.close()
        time.sleep(0.1)
        assert gateway.ask({"op": "drain"}) == {"ok": True}
        assert gateway.process.wait(10) == 0


def test_a_good_bundle_is_put_in_force_and_a_lower_version_is_a_roll_back(data: DataFolder, plan: Plan) -> None:
    data.put(plan)
    with running(data.path) as gateway:
        data.put(plan, version=7)
        assert gateway.ask({"op": "reload"}) == {
            "ok": True,
            "bundle": 7,
            "restart": [],
            "decisions": {"ok": True, "active": 0},
        }
        data.put(plan, version=3)
        assert gateway.ask({"op": "reload"})["bundle"] == 3
        plan["gateway"]["workers"] = 2
        data.put(plan, version=8)
        assert gateway.ask({"op": "reload"})["restart"] == ["gateway.workers"]


def test_a_bad_bundle_is_refused_with_its_reason_and_the_old_one_stays(
    data: DataFolder, plan: Plan, seal: Callable[[bytes, Ed25519PrivateKey], bytes]
) -> None:
    data.put(plan)
    good = seal(json.dumps(plan).encode(), Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    plan["gateway"]["listeners"][0]["address"] = "127.0.0.1:1"
    with running(data.path) as gateway:
        bad = {
            "bundle.truncated": good[:-1],
            "bundle.magic": b"x" * 200,
            "bundle.digest": good[:-1] + b" ",
            "bundle.signature": seal(b"{}", Ed25519PrivateKey.generate()),
            "bundle.plan_json": seal(b"{}", Ed25519PrivateKey.from_private_bytes(bytes(range(32)))),
            "bundle.listeners": seal(json.dumps(plan).encode(), Ed25519PrivateKey.from_private_bytes(bytes(range(32)))),
        }
        for code, bundle in bad.items():
            data.put_bytes(bundle, 9)
            answer = gateway.ask({"op": "reload"})
            assert (answer["ok"], answer["code"]) == (False, code)
            assert answer["problem"]
        assert gateway.ask({"op": "status"})["counters"]["refused_bundles"] == len(bad)
        assert gateway.ask({"op": "status"})["bundle"] == 1
        gateway.stop()
        assert gateway.notices().count("bundle.refused") == len(bad)


def blank(plan: Plan, *path: str | int) -> bytes:
    """The plan with one field emptied."""
    changed: Any = json.loads(json.dumps(plan))
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = type(inner[path[-1]])()
    return json.dumps(changed).encode()


def test_blank_oversized_and_unknown_bundles_are_refused_and_traffic_is_served_as_before(
    data: DataFolder, plan: Plan, seal: Callable[[bytes, Ed25519PrivateKey], bytes]
) -> None:
    data.put(plan)
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    good = seal(json.dumps(plan).encode(), key)
    unknown = {**plan, "format": 99}
    bad = [
        ("bundle.truncated", b""),
        ("bundle.truncated", good[:60]),
        ("bundle.truncated", good + good[116:] * 9),
        ("bundle.format", good[:8] + b"\x63" + good[9:]),
        ("bundle.plan_format", seal(json.dumps(unknown).encode(), key)),
        ("bundle.signature", good[:52] + bytes(64) + good[116:]),
        ("bundle.plan_json", seal(b"", key)),
        ("bundle.plan_json", seal(b"\0" * 100, key)),
        ("bundle.plan_json", seal(b"[" * 100_000, key)),
        ("bundle.setting", seal(blank(plan, "apis", 0, "name"), key)),
        ("bundle.setting", seal(blank(plan, "apis", 0, "hosts"), key)),
        ("bundle.setting", seal(blank(plan, "apis", 0, "base_path"), key)),
        ("bundle.setting", seal(blank(plan, "apis", 0, "upstream", "targets"), key)),
        ("bundle.plan_json", seal(blank(plan, "apis", 0, "mode"), key)),
    ]
    with running(data.path) as gateway:
        for number, (code, bundle) in enumerate(bad):
            data.put_bytes(bundle, 9)
            answer = gateway.ask({"op": "reload"})
            assert (number, answer["ok"], answer.get("code")) == (number, False, code)
        with (data.path / "bundles" / f"{9:012}.bundle").open("r+b") as file:
            file.truncate(640 << 20)
        assert gateway.ask({"op": "reload"})["code"] == "bundle.too_large"
        status = gateway.ask({"op": "status"})
        assert (status["bundle"], status["counters"]["refused_bundles"]) == (1, len(bad) + 1)
        gateway.stop()
        assert gateway.notices().count("bundle.refused") == len(bad) + 1


def test_it_starts_with_the_newest_good_bundle_when_the_current_one_is_not(data: DataFolder, plan: Plan) -> None:
    data.put(plan, version=4)
    data.put(plan, version=5)
    data.put_bytes(b"rubbish", 6)
    with running(data.path) as gateway:
        assert gateway.ask({"op": "status"})["bundle"] == 5
        gateway.stop()
        assert gateway.notices()[0] == "bundle.fallback"


def test_decisions_are_read_again_and_refused_whole_when_bad(data: DataFolder, plan: Plan) -> None:
    data.put(plan)
    file = data.path / "decisions.json"
    with running(data.path) as gateway:
        decision = {
            "id": "d1",
            "selector": {"address": "192.0.2.1"},
            "action": "block",
            "reason": "test",
            "expires_at": int((time.time() + 60) * 1_000_000),
        }
        file.write_text(json.dumps({"decisions": [decision]}))
        assert gateway.ask({"op": "decisions"}) == {"ok": True, "active": 1}
        file.write_text("{}")
        answer = gateway.ask({"op": "decisions"})
        assert (answer["ok"], answer["code"]) == (False, "decisions.refused")


def test_nothing_starts_without_a_good_bundle(data: DataFolder) -> None:
    assert "no good bundle to start with: bundle.current" in failed_start(data.path)


def test_nothing_starts_on_an_address_that_is_taken(data: DataFolder, plan: Plan) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        plan["gateway"]["listeners"][0]["address"] = f"127.0.0.1:{taken.getsockname()[1]}"
        data.put(plan)
        assert str(taken.getsockname()[1]) in failed_start(data.path)
    assert not (data.path / "gateway.sock").exists()


def test_two_gateways_never_share_a_data_folder(data: DataFolder, plan: Plan) -> None:
    data.put(plan)
    with running(data.path) as gateway:
        assert "another gateway uses it" in failed_start(data.path)
        assert gateway.ask({"op": "status"})["ok"]


def test_after_a_kill_it_starts_again_at_once(data: DataFolder, plan: Plan) -> None:
    data.put(plan)
    for run in range(3):
        with running(data.path) as gateway:
            # The notice is written by then: a kill loses what the writer has not come to yet.
            end = time.monotonic() + 10
            while len(spool.Tail(data.path / "spool").read().entries) <= run and time.monotonic() < end:
                time.sleep(0.02)
            gateway.process.kill()
            gateway.process.wait()
        (data.path / "gateway.json").unlink()
    page = spool.Tail(data.path / "spool").read()
    assert [entry.record["code"] for entry in page.entries] == ["gateway.started"] * 3
    assert (page.missing, page.damaged) == (0, 0)


def test_a_second_signal_ends_it_at_once(data: DataFolder, plan: Plan) -> None:
    plan["gateway"]["timeouts"]["drain_ms"] = 60_000
    data.put(plan)
    with running(data.path) as gateway:
        host, port = json.loads((data.path / "gateway.json").read_text())["listeners"][0].rsplit(":", 1)
        with socket.create_connection((host, int(port))) as client:
            # A request that has begun holds the drain up.
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
            time.sleep(0.2)
            gateway.process.terminate()
            time.sleep(0.3)
            if gateway.process.poll() is None:
                code, told = gateway.stop()
                assert (code, "stopping at once" in told) == (1, True)


@pytest.mark.parametrize("arguments", [["gateway"], ["gateway", "--help"]])
def test_other_command_lines_go_to_the_command_line_interface(arguments: list[str]) -> None:
    pytest.importorskip("stockade.cli")
    done = subprocess.run([sys.executable, "-m", "stockade", *arguments], capture_output=True, timeout=30, check=False)
    assert done.returncode in (0, 2)

"""`stockade learn --listen`: what a mirroring server would send."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
from tests.e2e.stockades import free_port, until


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_copies_of_requests_teach_an_api(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "stockade", "learn", "--listen", f"127.0.0.1:{port}", "--json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: _answers(port), 20, "the mirror")
        address = {"x-forwarded-for": "203.0.113.9"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            for number in range(30):
                body = {"email": f"a{number}@example.com", "count": number}
                answer = client.post(f"/orders/{number}?page=1", json=body, headers=address)
                assert answer.status_code == 204
            client.get("/search", params={"q": "1' OR '1'='1' --"}, headers=address)
            client.post("/upload", content=b"x" * 600_000)
        process.send_signal(signal.SIGINT)
        said, problems = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1, problems
    found = json.loads(said)
    assert found["lines"] == 32
    orders = next(one for one in found["operations"] if one["path"] == "/orders/{order_id}")
    assert (orders["method"], orders["count"], orders["query"]) == ("POST", 30, ["page"])
    fields = {one["field"]: one for one in orders["request_fields"]}
    assert fields["email"]["data"] == [{"data_class": "email", "confidence": 0.95, "by": "value"}]
    assert fields["count"]["types"] == ["integer"]
    assert [(one["detector"], one["actors"]) for one in found["attacks"]] == [
        ("sql_injection", [{"actor": "address:203.0.113.9", "count": 1}])
    ]
    assert "example.com" not in said


def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "stockade", "learn", "--listen", place]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"cannot listen on `{place}`" in done.stderr

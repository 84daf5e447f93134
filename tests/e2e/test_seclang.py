"""SecLang rules in front of an API: they refuse and explain, only tell where asked, and change while traffic runs."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, free_port, until

RULES = """
SecRuleEngine On
SecRequestBodyAccess On
SecAction "id:1,phase:1,nolog,pass,setvar:tx.words=blue red"
SecRule ARGS:colour "!@within %{tx.words}" "id:10,phase:2,deny,status:422,log,severity:CRITICAL,\\
    msg:'No such colour: %{MATCHED_VAR}',tag:'colour'"
SecRule REQUEST_HEADERS:X-Old "@rx ^(a+)$" "id:11,phase:1,redirect:https://new.example/%{TX.1},capture,log,msg:'Moved'"
SecRule REQUEST_URI_RAW "@contains #" "id:12,phase:1,pass,log,msg:'A fragment'"
"""


def with_rules(folder: Path, text: str = RULES) -> dict[str, Any]:
    (folder / "main.conf").write_text(text)
    return {"seclang": {"files": [str(folder / "*.conf")]}, "inspect": {"enabled": False}}


def test_a_rule_refuses_says_why_and_is_explained(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path
) -> None:
    stockade = gateway_factory(origin.url, api=with_rules(tmp_path))
    with stockade.client() as client:
        assert client.get("/items?colour=blue").status_code == 200
        assert client.post("/items", json={"colour": "green"}).status_code == 200, "its name is `json.colour`"
        refused = client.post("/items", data={"colour": "green"})
        moved = client.get("/items", headers={"x-old": "aaa"})
    assert refused.status_code == 422
    assert "green" not in refused.text
    assert (moved.status_code, moved.headers["location"]) == (302, "https://new.example/aaa")
    assert len(origin.requests) == 2
    event = stockade.event(refused.headers["x-stockade-id"])
    refusal = event.refusals[-1]
    assert (refusal.stage, refusal.reason, refusal.status) == ("inspect", "seclang.denied", 422)
    assert "rule 10 at" in refusal.detail
    assert "main.conf:5" in refusal.detail
    assert "ARGS:colour" in refusal.detail
    assert refusal.exception is not None
    assert f"stockade rules except --from {event.id}" in refusal.exception
    [finding] = event.findings
    assert (finding.detector, finding.place) == ("seclang", "ARGS:colour")


def test_in_monitor_mode_rules_only_tell(origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path) -> None:
    stockade = gateway_factory(origin.url, api={**with_rules(tmp_path), "mode": "monitor"})
    with stockade.client() as client:
        answer = client.get("/items?colour=green")
    assert answer.status_code == 200
    event = stockade.event(answer.headers["x-stockade-id"])
    assert event.verdict == "would_refuse"
    assert event.refusals[-1].reason == "seclang.denied"


def test_the_phase_of_logging_runs_however_an_exchange_ends(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path
) -> None:
    api = with_rules(tmp_path, RULES + "SecAction \"id:50,phase:5,pass,log,msg:'It is over'\"\n")
    api |= {"inspect": {"enabled": True}}
    nobody = f"http://127.0.0.1:{free_port()}"
    failing, refusing = gateway_factory(nobody, api=api), gateway_factory(origin.url, api=api)
    with failing.client() as client:
        failed = client.get("/items?colour=blue")
    with refusing.client() as client:
        refused = client.get("/items", params={"q": "x' OR '1'='1' --"})
        allowed = client.get("/items?colour=blue")
    for stockade, answer, verdict in (
        (failing, failed, "failed"),
        (refusing, refused, "refused"),
        (refusing, allowed, "allowed"),
    ):
        event = stockade.event(answer.headers["x-stockade-id"])
        assert event.verdict == verdict
        assert sum("rule 50 at" in finding.note for finding in event.findings) == 1, verdict


def test_changed_rules_are_taken_and_bad_ones_are_not(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path
) -> None:
    stockade = gateway_factory(origin.url, api=with_rules(tmp_path))
    with stockade.client() as client:

        def status(colour: str) -> int:
            return client.get(f"/items?colour={colour}").status_code

        assert status("green") == 422
        (tmp_path / "main.conf").write_text(RULES.replace("blue red", "blue red green"))
        until(lambda: status("green") == 200, what="the new rules")
        (tmp_path / "main.conf").write_text(RULES + 'SecRule ARGS "@inspectFile /bin/true" "id:99"\n')
        until(lambda: not stockade.readiness()["parts"]["config"]["ok"], what="the problem")
        detail = stockade.readiness()["parts"]["config"]["detail"]
        assert "main.conf" in detail
        assert "inspectFile" in detail
        assert status("green") == 200


def raw(port: int, message: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(message)
        received = b""
        with contextlib.suppress(TimeoutError):
            while piece := connection.recv(65536):
                received += piece
        return received


def test_run_needs_nothing_but_rules_and_logs_at_once(origin: Origin, short_path: Path) -> None:
    (short_path / "main.conf").write_text(RULES)
    log = short_path / "rules.log"
    port, admin = free_port(), free_port()
    command = [sys.executable, "-m", "stockade", "run", "--upstream", origin.url, "--seclang", "main.conf"]
    command += ["--seclang-log", "rules.log", "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
    process = subprocess.Popen(command, cwd=short_path, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        until(partial(answers, port), 30, "the gateway")
        attack = b"GET /?colour=x%27 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert raw(port, attack).startswith(b"HTTP/1.1 422 ")
        [line] = log.read_text().splitlines()
        assert "ModSecurity: Access denied with code 422 (phase 2)." in line
        assert '[id "10"] [msg "No such colour: x\'"]' in line
        assert '[severity "CRITICAL"]' in line
        # What the gateway refuses is shown to the rules all the same, and stays refused.
        malformed = b"GET /items#part HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert raw(port, malformed).startswith(b"HTTP/1.1 400 ")
        assert '[id "12"]' in log.read_text().splitlines()[-1]
        assert origin.requests == []
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def test_a_hundred_reloads_leave_memory_flat(origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path) -> None:
    many = "".join(
        f'SecRule ARGS "@rx (?i)word{number}\\s+[a-z]+" "id:{number + 100},phase:2,deny"\n' for number in range(300)
    )
    stockade = gateway_factory(origin.url, api=with_rules(tmp_path, RULES + many))
    readings = []
    with stockade.client() as client:
        for _ in range(100):
            assert stockade.link().reload()["ok"]
            assert client.get("/items?colour=blue&a=word7%20x").status_code == 403
            readings.append(rss_mb(stockade))
            time.sleep(0.01)
    assert readings[-1] - readings[30] < 10, readings[::10]


def rss_mb(stockade: Stockade) -> float:
    text = Path(f"/proc/{stockade.gateway_pid()}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS:")) / 1024

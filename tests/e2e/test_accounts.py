"""From the first start to a team: one-time links, roles, tokens and the audit log, by the commands that people use."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade

PASSWORD = "seven green bridges"


def stockade(running: Stockade, *arguments: str, code: int = 0) -> Any:
    """Run a command with `--json`; what it printed."""
    command = [sys.executable, "-m", "stockade", *arguments, "--data", str(running.data), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


Accept = Callable[..., httpx.Client]


@pytest.fixture
def accept() -> Iterator[Accept]:
    """Chooses a password with a link, and gives a browser that is signed in."""
    with contextlib.ExitStack() as stack:
        yield lambda *given: stack.enter_context(contextlib.closing(accepted(*given)))


def accepted(running: Stockade, link: str, name: str = "") -> httpx.Client:
    """A browser that chose a password with a link."""
    client = httpx.Client(base_url=running.admin_url, headers={"origin": running.admin_url})
    asked = {"invitation": link.rsplit("/", 1)[1], "name": name, "password": PASSWORD}
    answer = client.post("/api/v1/invitations/accept", json=asked)
    assert answer.status_code == 201, answer.text
    client.headers["x-csrf-token"] = answer.json()["csrf"]
    return client


def test_from_the_first_start_to_a_team(gateway_factory: GatewayFactory, origin: Origin, accept: Accept) -> None:
    running = gateway_factory(origin.url)
    link = running.ready["welcome"]
    assert link.startswith(f"{running.admin_url}/welcome/")
    assert httpx.get(link).status_code == 200
    ann = accept(running, link, "ann")
    assert ann.get("/api/v1/session").json()["role"] == "admin"
    assert httpx.get(link).status_code == 404

    ben = accept(running, stockade(running, "users", "invite", "ben", "--role", "viewer")["link"])
    asked = {"selector": {"subject": "mallory"}, "reason": "abuse", "expires_in": "10m"}
    assert ben.get("/api/v1/events").status_code == 200
    assert ben.post("/api/v1/decisions", json=asked).status_code == 403
    stockade(running, "users", "role", "ben", "responder")
    taken = ben.post("/api/v1/decisions", json=asked)
    assert taken.status_code == 201

    made = stockade(running, "tokens", "make", "ci", "--user", "ben", "--scope", "read", "--for", "1h")
    bearer = {"authorization": f"Bearer {made['token']}"}
    assert httpx.get(f"{running.admin_url}/api/v1/status", headers=bearer).status_code == 200
    undone = f"{running.admin_url}/api/v1/decisions/{taken.json()['decision']['id']}"
    assert httpx.delete(undone, headers=bearer).status_code == 403

    stockade(running, "users", "disable", "ben")
    assert ben.get("/api/v1/session").status_code == 401
    assert httpx.get(f"{running.admin_url}/api/v1/status", headers=bearer).status_code == 401

    told = [record["action"] for record in stockade(running, "audit", "list")["records"]]
    assert told[:4] == ["user.change", "token.make", "decision.take", "user.change"]
    stockade(running, "audit", "checkpoint")
    assert stockade(running, "audit", "verify") == {"whole": True, "problems": []}
    log = running.data / "audit.log"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    assert stockade(running, "audit", "verify", code=1)["whole"] is False


def test_a_second_start_asks_nobody_in(gateway_factory: GatewayFactory, origin: Origin, accept: Accept) -> None:
    running = gateway_factory(origin.url)
    accept(running, running.ready["welcome"], "ann")
    running.stop()
    running.start()
    assert running.ready["welcome"] is None


def test_versions_of_the_policy_by_command(gateway_factory: GatewayFactory, origin: Origin) -> None:
    running = gateway_factory(origin.url)
    before = running.config_file.read_text()
    changed = running.config_file.with_name("new.yaml")
    changed.write_text(before + "x-note: changed\n")
    shown = stockade(running, "bundles", "change", str(changed), "--reason", "a note", "--preview")
    assert shown["diff"][-1] == "+x-note: changed"
    excepted = stockade(
        running, "bundles", "except", "main", "--detector", "sql_injection", "--reason", "they quote code"
    )
    assert "they quote code" in running.config_file.read_text()
    versions = stockade(running, "bundles", "list")["versions"]
    assert versions[0]["version"] == excepted["version"]
    assert "they quote code" in versions[0]["why"]
    stockade(running, "bundles", "restore", str(versions[1]["version"]), "--reason", "no need")
    assert running.config_file.read_text() == before
    repository = running.data.parent / "history"
    written = stockade(running, "bundles", "export", str(repository))["written"]
    assert len(written) == 3
    log = subprocess.run(
        ["git", "-C", str(repository), "log", "--format=%s"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert log[:2] == ["no need", "they quote code"]
    assert stockade(running, "bundles", "export", str(repository))["written"] == []

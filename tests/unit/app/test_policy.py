from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from stockade.app.errors import ConfigProblemsError
from stockade.app.gateway_link import GatewayLink, GatewayUnreachableError
from stockade.app.policy import Asked, Policy, load_asked
from stockade.prevent.gateway.bundle import Bundles

NOW = 1_700_000_000_000_000


class FakeLink(GatewayLink):
    """A gateway that answers what it is told to, and counts."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.reloads = 0
        self.answer: dict[str, Any] | None = {"ok": True, "restart": []}

    def ask(self, operation: str) -> dict[str, Any]:
        if self.answer is None:
            raise GatewayUnreachableError("gateway.unreachable", "gone")
        self.reloads += 1
        return self.answer


class Fixture:
    """A config file, the policy made from it, and its gateway."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "stockade.yaml"
        self.writes = 0
        self.write("enforce")
        self.link = FakeLink()
        self.bundles = Bundles(folder / "data")
        asked = Asked(config=self.file, data=folder / "data")
        self.policy = Policy(asked, lambda: load_asked(asked, {}, folder), self.bundles, self.link, lambda: NOW)

    def write(self, mode: str, **api: Any) -> None:
        self.write_text(
            yaml.safe_dump({"version": 1, "apis": {"main": {"upstream": "http://a:1", "mode": mode, **api}}})
        )

    def write_text(self, text: str) -> None:
        self.file.write_text(text)
        # Two writes within one tick of the file system's clock must differ all the same.
        self.writes += 1
        os.utime(self.file, ns=(self.writes, self.writes))

    def mode(self) -> str:
        return str(json.loads(self.bundles.payload() or b"")["apis"][0]["mode"])


@pytest.fixture
def fixture(tmp_path: Path) -> Fixture:
    made = Fixture(tmp_path)
    made.policy.publish()
    return made


def test_what_says_the_same_makes_no_new_bundle(fixture: Fixture) -> None:
    fixture.policy.publish()
    assert fixture.policy.status().bundle == 1


def test_nothing_changed_asks_nothing_of_the_gateway(fixture: Fixture) -> None:
    fixture.policy.refresh(forced=False)
    assert fixture.link.reloads == 0


def test_a_change_is_put_in_force(fixture: Fixture) -> None:
    fixture.write("monitor")
    fixture.policy.refresh(forced=False)
    assert fixture.mode() == "monitor"
    assert fixture.link.reloads == 1
    assert (fixture.policy.status().ok, fixture.policy.status().bundle) == (True, 2)


@pytest.mark.parametrize("text", ["apis: {main: {upstream: 7}}", "apis: [", ""])
def test_a_wrong_file_changes_nothing_and_is_told(fixture: Fixture, text: str) -> None:
    fixture.write_text(text)
    fixture.policy.refresh(forced=False)
    status = fixture.policy.status()
    assert (status.ok, status.bundle) == (False, 1)
    assert "stockade.yaml" in status.problems[0]
    assert fixture.mode() == "enforce"
    assert fixture.link.reloads == 0
    fixture.write("monitor")
    fixture.policy.refresh(forced=False)
    assert fixture.policy.status().ok
    assert fixture.mode() == "monitor"


def test_a_file_that_is_gone_changes_nothing(fixture: Fixture) -> None:
    fixture.file.unlink()
    fixture.policy.refresh(forced=False)
    assert not fixture.policy.status().ok
    assert fixture.mode() == "enforce"


def test_a_bundle_that_the_gateway_refuses_is_taken_back(fixture: Fixture) -> None:
    fixture.link.answer = {"ok": False, "code": "bundle.plan", "problem": "expected something else"}
    fixture.write("monitor")
    fixture.policy.refresh(forced=False)
    status = fixture.policy.status()
    assert (status.ok, status.bundle) == (False, 1)
    assert "expected something else" in status.problems[0]
    assert fixture.mode() == "enforce"


def test_a_bundle_waits_for_a_gateway_that_is_away(fixture: Fixture) -> None:
    fixture.link.answer = None
    fixture.write("monitor")
    fixture.policy.refresh(forced=False)
    assert fixture.policy.status().ok
    assert fixture.mode() == "monitor"


def test_what_needs_a_restart_is_told(fixture: Fixture) -> None:
    fixture.link.answer = {"ok": True, "restart": ["gateway.workers"]}
    fixture.policy.refresh(forced=True)
    assert "gateway.workers" in fixture.policy.status().news[0]


def test_a_contract_that_changes_is_a_change(fixture: Fixture, tmp_path: Path) -> None:
    spec = tmp_path / "openapi.yaml"
    document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/a": {"get": {"responses": {}}}}}
    spec.write_text(yaml.safe_dump(document))
    fixture.write("enforce", spec="openapi.yaml")
    fixture.policy.refresh(forced=False)
    assert fixture.policy.status().problems == ()
    document["paths"] = {"/a": {"get": {"responses": {}}}, "/b": {"get": {"responses": {}}}}
    spec.write_text(yaml.safe_dump(document))
    os.utime(spec, ns=(1, 1))
    fixture.policy.refresh(forced=False)
    assert len(json.loads(fixture.bundles.payload() or b"")["apis"][0]["operations"]) == 2


def test_a_wrong_config_publishes_nothing(tmp_path: Path) -> None:
    made = Fixture(tmp_path)
    made.write_text("apis: [")
    with pytest.raises(ConfigProblemsError):
        made.policy.publish()
    assert not (tmp_path / "data").exists()

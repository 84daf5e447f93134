"""Exceptions let pass what they name and nothing else; they are made from a recorded exchange, and replayed first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, until

# A score as the Core Rule Set keeps it, and a rule that refuses by itself.
RULES = """
SecRuleEngine On
SecAction "id:1,phase:1,nolog,pass,setvar:tx.inbound_anomaly_score_threshold=5,setvar:tx.critical_anomaly_score=5"
SecRule ARGS|REQUEST_HEADERS:X-Note "@rx (?i)union\\s+select" "id:10,phase:2,pass,log,severity:CRITICAL,\\
    msg:'SQL',setvar:'tx.score=+%{tx.critical_anomaly_score}'"
SecRule ARGS "@contains <script" "id:11,phase:2,pass,log,severity:CRITICAL,\\
    msg:'A script',setvar:'tx.score=+%{tx.critical_anomaly_score}'"
SecRule TX:score "@ge %{tx.inbound_anomaly_score_threshold}" "id:20,phase:2,deny,status:403,log,msg:'Score %{tx.score}'"
SecRule ARGS_NAMES "@streq debug" "id:30,phase:1,deny,log,msg:'No debugging'"
"""
SPEC = {
    "openapi": "3.1.0",
    "info": {"title": "notes", "version": "1"},
    "paths": {
        "/notes": {
            method: {
                "operationId": f"{method}Notes",
                "parameters": [
                    {"name": name, "in": "query", "schema": {"type": "string"}} for name in ("a", "b", "debug")
                ],
                "responses": {"200": {"description": "well"}},
            }
            for method in ("get", "delete")
        }
    },
}
SQL = "1 union select 2"


def started(origin: Origin, gateway_factory: GatewayFactory, folder: Path, **api: Any) -> Stockade:
    (folder / "main.conf").write_text(RULES)
    (folder / "spec.json").write_text(json.dumps(SPEC))
    return gateway_factory(origin.url, api={"spec": str(folder / "spec.json"), "identity": {"required": False}, **api})


def rules(folder: Path) -> dict[str, Any]:
    return {"seclang": {"files": [str(folder / "main.conf")]}, "inspect": {"enabled": False}}


def excepted(stockade: Stockade, answer: httpx.Response, *options: str) -> dict[str, Any]:
    """What `stockade rules except --from ID` tells of an exchange that was recorded."""
    identifier = answer.headers["x-stockade-id"]
    stockade.event(identifier)
    command = [sys.executable, "-m", "stockade", "rules", "except", "--from", identifier, "--data", str(stockade.data)]
    command += ["--config", str(stockade.config_file), "--json", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def test_a_score_is_let_pass_for_one_variable_of_one_operation(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path
) -> None:
    stockade = started(origin, gateway_factory, tmp_path, **rules(tmp_path))
    with stockade.client() as client:
        wrong = client.get("/notes", params={"a": SQL})
        same = client.get("/notes", params={"a": "UNION  SELECT 9"})
        both = client.get("/notes", params={"a": f"<script> {SQL}"})
        elsewhere = client.get("/notes", params={"b": SQL})
        assert {one.status_code for one in (wrong, same, both, elsewhere)} == {403}
        for other in (same, both, elsewhere):
            stockade.event(other.headers["x-stockade-id"])

        told = excepted(stockade, wrong)
        [exception] = told["exceptions"]
        assert exception["list"] == "apis.main.seclang.exceptions"
        assert (exception["operation"], exception["rule"], exception["variable"]) == ("getNotes", 10, "ARGS:a")
        assert told["let_through"] == [same.headers["x-stockade-id"]]
        assert (told["replayed"], told["still_refused"], told["written"]) == (3, 1, None)
        assert client.get("/notes", params={"a": SQL}).status_code == 403, "nothing was written"

        assert excepted(stockade, wrong, "--write", "--reason", "notes hold SQL")["written"]
        until(lambda: client.get("/notes", params={"a": SQL}).status_code == 200, 15, "the exception")
        assert client.get("/notes", params={"a": f"<script> {SQL}"}).status_code == 403
        assert client.get("/notes", params={"b": SQL}).status_code == 403
        assert client.delete("/notes", params={"a": SQL}).status_code == 403
        assert client.get("/notes", headers={"x-note": SQL}).status_code == 403


def test_a_rule_that_refuses_by_itself_and_a_detector_are_let_pass(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path
) -> None:
    stockade = started(origin, gateway_factory, tmp_path, seclang=rules(tmp_path)["seclang"])
    attack = "x' OR '1'='1' --"
    with stockade.client() as client:
        debugging = client.get("/notes", params={"debug": "1"})
        native = client.get("/notes", params={"b": attack})
        assert (debugging.status_code, native.status_code) == (403, 403)
        [exception] = excepted(stockade, debugging, "--write")["exceptions"]
        assert (exception["rule"], exception["variable"]) == (30, "ARGS_NAMES:debug")
        exceptions = excepted(stockade, native, "--write")["exceptions"]
        assert {one["list"] for one in exceptions} == {"apis.main.inspect.exceptions"}
        assert {one["place"] for one in exceptions} == {"query.b"}
        until(lambda: client.get("/notes", params={"debug": "1"}).status_code == 200, 15, "the exception of the rule")
        until(
            lambda: client.get("/notes", params={"b": attack}).status_code == 200, 15, "the exception of the detector"
        )
        assert client.get("/notes", params={"a": attack}).status_code == 403
        assert client.delete("/notes", params={"debug": "1"}).status_code == 403


def test_an_exception_ends(origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path) -> None:
    api = rules(tmp_path)
    over = {"rule": 10, "variable": "ARGS:a", "reason": "over", "expires": "2026-01-01"}
    lasting = {"rule": 10, "variable": "ARGS:b", "reason": "lasting"}
    api["seclang"]["exceptions"] = [over, lasting]
    stockade = started(origin, gateway_factory, tmp_path, **api)
    with stockade.client() as client:
        assert client.get("/notes", params={"a": SQL}).status_code == 403
        assert client.get("/notes", params={"b": SQL}).status_code == 200

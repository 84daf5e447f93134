"""`stockade vault` keeps secrets, shows one only when told to, and writes down who looked."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command

from stockade.store.audit import AuditLog


def test_a_secret_goes_in_shows_on_request_and_is_used_by_a_config(stockade: Command, folder: Path) -> None:
    (folder / "value").write_text("s3cr3t-token\n")
    assert "set `shop`" in stockade("vault", "set", "shop", "--file", "value")
    assert "s3cr3t" not in stockade("vault", "list")
    refused = stockade("vault", "get", "shop")
    assert "--reason" in refused
    assert "s3cr3t" not in refused
    shown = stockade("vault", "get", "shop", "--show", "--reason", "drill", "--json")
    assert '"value":"s3cr3t-token"' in shown
    assert "sealed 1 entries" in stockade("vault", "rotate")
    config = {"apis": {"a": {"upstream": {"targets": ["http://h"], "set_headers": {"x-key": {"vault": "shop"}}}}}}
    (folder / "stockade.yaml").write_text(json.dumps(config))
    checked = stockade("check", "-c", "stockade.yaml", "--json")
    assert '"ok":true' in checked
    assert "s3cr3t" not in checked
    assert "removed" in stockade("vault", "remove", "shop")
    assert "found none" in stockade("vault", "remove", "shop")
    assert "expected an entry `shop`" in stockade("check", "-c", "stockade.yaml")
    told = [
        (record.action, record.subject, record.reason) for record in AuditLog(folder / "stockade-data/audit.log").read()
    ]
    assert told == [
        ("vault.set", "shop", ""),
        ("vault.get", "shop", "drill"),
        ("vault.rotate", "all entries", ""),
        ("vault.remove", "shop", ""),
    ]


def test_a_new_key_for_events_keeps_the_old_ones(stockade: Command, folder: Path) -> None:
    assert "expected the keys of encrypted events" in stockade("vault", "rotate", "--events")
    file = folder / "stockade-data" / "keys" / "spool.key"
    file.parent.mkdir()
    file.write_text(f"00000001 {'ab' * 32}\n")
    file.chmod(0o600)
    for _ in range(10):
        stockade("vault", "rotate", "--events")
    lines = file.read_text().splitlines()
    assert len(lines) == 8
    assert len(set(lines)) == 8
    assert file.stat().st_mode & 0o777 == 0o600

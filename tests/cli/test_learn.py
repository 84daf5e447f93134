from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command


def line(path: str, status: int = 200, minute: int = 0, address: str = "203.0.113.7") -> str:
    return f'{address} - - [24/Nov/2026:20:{minute:02}:04 +0000] "GET {path} HTTP/1.1" {status} 5 "-" "curl/8.5"\n'


def write(file: Path) -> None:
    clean = [line(f"/orders/{number}?page=2", minute=number % 60) for number in range(60)]
    attack = line("/search?q=1%27%20OR%20%271%27%3D%271%27%20--", address="198.51.100.9")
    file.write_text("".join([*clean, attack * 3, "not a line\n", line("/wp-admin/setup.php", 404)]))


def test_a_log_tells_operations_actors_and_attacks(stockade: Command, folder: Path) -> None:
    write(folder / "access.log")
    shown = stockade("learn", "access.log")
    assert "65 lines read, from 2026-11-24 20:00:04 to 2026-11-24 20:59:04 UTC; 1 could not be read" in shown
    assert "access.log:64: not a line" in shown
    assert "/orders/{order_id}" in shown
    assert "/wp-admin" not in shown
    assert "sql_injection: 3 requests by address:198.51.100.9 (3)" in shown
    assert "[exit 1]" in shown


def test_the_proposed_config_is_valid(stockade: Command, folder: Path) -> None:
    write(folder / "access.log")
    stockade("learn", "access.log", "--write-config", "proposed.yaml", "--upstream", "http://127.0.0.1:9000")
    assert "[exit 0]" in stockade("check", "-c", "proposed.yaml")


def test_personal_data_in_urls_is_told(stockade: Command, folder: Path) -> None:
    lines = [line(f"/reset?email=ada{number}%40example.com&card=4111%201111%201111%201111") for number in range(30)]
    (folder / "a.log").write_text("".join(lines))
    assert "in URLs: GET /reset: card (card), email (email)" in stockade("learn", "a.log")


def test_json_has_everything(stockade: Command, folder: Path) -> None:
    write(folder / "access.log")
    found = json.loads(stockade("learn", "access.log", "--json").split("\n")[1])
    assert [(one["method"], one["path"], one["count"]) for one in found["operations"]] == [
        ("GET", "/orders/{order_id}", 60)
    ]
    assert found["operations"][0]["query"] == ["page"]
    assert found["unmatched"] == 4
    assert found["unreadable"][0]["line"] == 64


def test_a_log_without_attacks_ends_well(stockade: Command, folder: Path) -> None:
    (folder / "a.log").write_text(line("/health"))
    shown = stockade("learn", "a.log")
    assert "no attacks found" in shown
    assert "[exit 0]" in shown


def test_what_is_no_log_is_told(stockade: Command, folder: Path) -> None:
    (folder / "x").write_text("hello")
    assert "no known format" in stockade("learn", "x")
    assert "cannot read" in stockade("learn", "gone")

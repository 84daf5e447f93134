from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.core.errors import StockadeError
from stockade.prevent.inventory.logs import files
from stockade.prevent.inventory.logs.entry import Entry
from stockade.prevent.inventory.logs.files import PARSERS, parts_of, read

SECOND = 1795551304
LINES = {
    "combined": [
        '203.0.113.7 - alice [24/Nov/2026:20:15:04 +0000] "GET /orders/7?page=2 HTTP/1.1" 200 512 "-" "curl/8.5"',
        '203.0.113.7 - - [24/Nov/2026:21:15:04 +0100] "POST /login HTTP/2.0" 401 12',
        '203.0.113.7 - - [24/Nov/2026:20:15:04 +0000]"GET /orders HTTP/1.1" 200 512 c6af9ac6-7b61',
    ],
    "envoy": [
        '[2026-11-24T20:15:04.280Z] "GET /orders/7?page=2 HTTP/1.1" 200 - 0 154 15 14 "203.0.113.7" "curl/8.5"'
        ' "cc21d9b0" "shop.example" "10.0.0.5:9000"',
        '[2026-11-24T20:15:04.280Z] "POST /login HTTP/2" 503 UF upstream_reset - "-" 0 91 2 - "-" "app/2" "x" "s" "-"',
    ],
    "haproxy": [
        "Nov 24 20:15:04 lb haproxy[14389]: 203.0.113.7:33317 [24/Nov/2026:20:15:04.655] http-in shop/srv1 "
        '10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /orders/7?page=2 HTTP/1.1"',
    ],
    "alb": [
        "https 2026-11-24T20:15:04.186641Z app/lb/50dc6c495c0c9188 203.0.113.7:2817 10.0.0.1:80 0.086 0.048 0.037 200"
        ' 200 0 57 "GET https://shop.example:443/orders/7?page=2 HTTP/1.1" "curl/8.5" ECDHE TLSv1.2 arn "Root=1"',
    ],
    "json": [
        json.dumps(
            {
                "level": "info",
                "ts": SECOND + 0.5,
                "request": {
                    "remote_ip": "203.0.113.7",
                    "method": "GET",
                    "host": "shop.example",
                    "uri": "/orders/7?page=2",
                    "headers": {"User-Agent": ["curl/8.5"]},
                },
                "status": 200,
            }
        ),
        json.dumps(
            {"requestId": "c6", "ip": "203.0.113.7", "httpMethod": "GET", "resourcePath": "/orders", "status": "200"}
        ),
        json.dumps(
            {
                "remote_addr": "203.0.113.7",
                "request": "GET /orders HTTP/1.1",
                "status": 200,
                "time": "2026-11-24T20:15:04Z",
            }
        ),
    ],
}


@pytest.mark.parametrize("name", LINES)
def test_each_format_is_read(name: str) -> None:
    found = [PARSERS[name](line) for line in LINES[name]]
    assert all(found)
    first = found[0]
    assert first is not None
    assert (first.method, first.path, first.query, first.status) == ("GET", "/orders/7", "page=2", 200)
    assert (first.address, first.second) == ("203.0.113.7", SECOND)


@pytest.mark.parametrize("name", LINES)
def test_the_format_of_a_file_is_found_by_itself(name: str, tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_text("\n".join([*LINES[name] * 3, "garbage", ""]))
    (part,) = parts_of(file)
    assert part.format == name
    read_lines = list(read(part))
    assert sum(entry is None for _, entry in read_lines) == 1
    assert len(read_lines) == 3 * len(LINES[name]) + 1


def test_parts_of_a_file_give_every_line_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PART_BYTES", 97)
    file = tmp_path / "access.log"
    lines = [LINES["combined"][0].replace("/orders/7", f"/orders/{number}") for number in range(200)]
    file.write_text("\n".join(lines) + "\n")
    parts = parts_of(file)
    assert len(parts) > 100
    paths = [entry.path for part in parts for _, entry in read(part) if entry]
    assert paths == [f"/orders/{number}" for number in range(200)]


def test_a_compressed_log_is_read(tmp_path: Path) -> None:
    file = tmp_path / "access.log.gz"
    file.write_bytes(gzip.compress(("\n".join(LINES["combined"]) + "\n").encode()))
    assert len([entry for part in parts_of(file) for _, entry in read(part) if entry]) == 3


def test_an_endless_line_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_text(f"{LINES['combined'][0]}\n{'x' * 300_000}\n{LINES['combined'][1]}\n")
    found = [entry for part in parts_of(file) for _, entry in read(part)]
    assert [entry is not None for entry in found] == [True, False, True]


def test_har_and_postman_are_read(tmp_path: Path) -> None:
    request = {"method": "GET", "url": "https://shop.example/orders/7?page=2", "headers": []}
    archive = {"log": {"version": "1.2", "entries": [{"request": request, "response": {"status": 200}}, {"x": 1}]}}
    (tmp_path / "a.har").write_text(json.dumps(archive, indent=1))
    inner = {
        "name": "one",
        "request": {"method": "GET", "url": {"raw": "{{base}}/orders/:id", "path": ["orders", ":id"]}},
    }
    collection = {"info": {"_postman_id": "1"}, "item": [{"name": "folder", "item": [inner]}, inner]}
    (tmp_path / "c.json").write_text(json.dumps(collection))
    entries = [entry for part in parts_of(tmp_path / "a.har") for _, entry in read(part)]
    assert entries == [Entry("GET", "/orders/7", "page=2", 200, host="shop.example"), None]
    entries = [entry for part in parts_of(tmp_path / "c.json") for _, entry in read(part)]
    assert [(entry.method, entry.path) for entry in entries if entry] == [("GET", "/orders/:id")] * 2


def test_a_file_of_no_format_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello\nworld\n")
    with pytest.raises(StockadeError, match="no known format"):
        parts_of(tmp_path / "x")
    with pytest.raises(StockadeError, match="cannot read"):
        parts_of(tmp_path / "gone")


@given(st.text(max_size=200), st.sampled_from(sorted(PARSERS)))
def test_any_line_is_read_or_is_none(line: str, name: str) -> None:
    assert PARSERS[name](line) is None or isinstance(PARSERS[name](line), Entry)

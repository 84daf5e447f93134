from __future__ import annotations

import re
from pathlib import Path

from syrupy.assertion import SnapshotAssertion
from tests.cli.conftest import Command
from tests.spool import write_segment
from tests.unit.records import EVENT, an_id

CONFIG = "version: 1\napis: {shop: {upstream: 'http://127.0.0.1:9000'}}\n"


def filtered(text: str) -> str:
    """Without the id and the moment of a request that is judged here and now."""
    return re.sub(r"[0-9A-Z]{26}  \d{4}-\d\d-\d\d [\d:.]{12}", "ID  TIME", text)


def test_a_recorded_exchange(stockade: Command, snapshot: SnapshotAssertion) -> None:
    assert stockade("explain", an_id(2)) == snapshot
    assert stockade("explain", an_id(4).lower()) == snapshot
    assert stockade("explain", an_id(99)) == snapshot
    assert stockade("explain", "nonsense") == snapshot


def test_what_is_told_of_bodies_is_shown(stockade: Command, folder: Path) -> None:
    request = {**EVENT["request"], "excerpt": '{"q":"\x1b[31m","password":"[masked]"}'}
    fields = [{"field": "items[].email", "type": "string", "format": "email", "data": "email"}]
    told = {
        **EVENT,
        "id": an_id(7),
        "time": 1_700_000_007_000_000,
        "trace": {"id": "4bf92f3577b34da6a3ce929d0e0e4736", "parent": "00f067aa0ba902b7"},
        "request": request,
        "response": {**EVENT["response"], "fields": fields},
    }
    write_segment(folder / "stockade-data" / "spool", [told], 100)
    said = stockade("explain", an_id(7))
    assert '  sent      {"q":"\\x1b[31m","password":"[masked]"}' in said
    assert "  answered  fields: items[].email email" in said
    assert "  trace     4bf92f3577b34da6a3ce929d0e0e4736, called from span 00f067aa0ba902b7" in said


def test_a_request_in_a_file(stockade: Command, folder: Path, snapshot: SnapshotAssertion) -> None:
    (folder / "stockade.yaml").write_text(CONFIG)
    (folder / "good.http").write_bytes(b"GET /items?q=tea HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    (folder / "bad.json").write_text('{"method": "GET", "url": "/items?q=1%27%20UNION%20SELECT%20a%20FROM%20b--"}')
    assert filtered(stockade("explain", "good.http", "--config", "stockade.yaml")) == snapshot
    assert filtered(stockade("explain", "bad.json", "--config", "stockade.yaml")) == snapshot
    said = stockade("explain", "-", "--config", "stockade.yaml", stdin="GET / HTTP/1.1\nHost: a\n\n")
    assert filtered(said) == snapshot
    assert stockade("explain", "-", "--config", "stockade.yaml", stdin='{"method": "GET"}') == snapshot
    assert stockade("explain", "good.http") == snapshot

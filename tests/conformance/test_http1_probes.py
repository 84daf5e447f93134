"""The public HTTP/1.1 probes: at least 97 % of the scored ones pass, and no smuggling probe fails."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

PROBES = Path(__file__).resolve().parents[3] / "shared" / "data" / "http11" / "probes.json"
BAR = 0.97


def reply(port: int, raw: bytes) -> tuple[int | None, str]:
    """Status of the first response, and whether the connection was then `open`, `closed` or silent (`timeout`)."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.settimeout(4)
        received = b""
        try:
            connection.sendall(raw)
            while True:
                piece = connection.recv(65536)
                if not piece:
                    end = "closed"
                    break
                received += piece
                connection.settimeout(0.3)
        except TimeoutError:
            end = "open" if received else "timeout"
        except ConnectionError:
            end = "closed"
    match = re.match(rb"HTTP/1\.[01] (\d{3})", received)
    return (int(match.group(1)) if match else None), end


def passes(expected: str, status: int | None, end: str) -> bool:
    """Whether a reply is one of those that `expected` names; a warning does not count."""
    wanted = re.sub(r"\(warn\)", "", re.sub(r",? *\d\w\w \(warn\)", "", expected)).replace("(pass)", "")
    if wanted.strip() == "2xx + close":
        return status is not None and 200 <= status < 300 and end == "closed"
    if wanted.startswith("!"):
        return status != int(wanted[1:])
    words = re.findall(r"\d{3}|\dxx|close|timeout", wanted)
    if status is not None:
        return str(status) in words or f"{status // 100}xx" in words
    return ("close" in words and end == "closed") or ("timeout" in words and end == "timeout")


def test_probes(ports: object) -> None:
    if not PROBES.is_file():
        pytest.skip(f"expected the public probes at {PROBES}")
    port: int = ports.clear  # type: ignore[attr-defined]  # the fixture's class lives in conftest
    probes = json.loads(PROBES.read_text())
    scored = [probe for probe in probes if probe["scored"]]
    failed: list[str] = []
    smuggling: list[str] = []
    for probe in probes:
        raw = probe["rawRequest"].replace("8080", str(port)).encode("latin-1", errors="surrogateescape")
        status, end = reply(port, raw)
        if not passes(probe["expected"], status, end):
            line = f"{probe['id']}: expected {probe['expected']}, got {status} {end}"
            if probe["scored"]:
                failed.append(line)
            if probe["category"] == "Smuggling":
                smuggling.append(line)
    share = 1 - len(failed) / len(scored)
    print(f"{len(scored) - len(failed)} of {len(scored)} scored probes passed ({share:.1%})", *failed, sep="\n")
    assert not smuggling, smuggling
    assert share >= BAR, failed

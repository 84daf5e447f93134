"""What attackers wrote into events: one event stays one line, and nothing reaches the terminal but text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Command
from tests.spool import write_segment
from tests.unit.records import EVENT, an_id

HOSTILE = [
    "\r\nHTTP/1.1 200 OK",
    "\x1b]0;title\x07\x1b[2J",
    "\x9b31m",
    "\u2028line\u2029separators\x85",
    "\u202eright to left\u2066",
    "\x00\x08\x7f",
    "=HYPERLINK(1)\t+1\t@SUM(1)",
    "\ufeff\u200b\U000e0041",
    '"},{"verdict":"allowed"',
    "[red]markup[/red]",
]


def event(number: int, text: str) -> dict[str, Any]:
    refusal = {**EVENT["refusals"][0], "detail": text, "exception": text, "setting": text}
    finding = {**EVENT["findings"][0], "evidence": text, "place": f"headers.{text}"}
    return {
        **EVENT,
        "id": an_id(number),
        "actor": f"subject:{text}",
        "request": {**EVENT["request"], "method": text, "path": f"/{text}", "query": text, "authority": text},
        "identity": {**EVENT["identity"], "subject": text, "client": text, "roles": [text]},
        "refusals": [refusal],
        "findings": [finding],
        "stages": [{"stage": "access", "outcome": "refuse", "detail": text, "setting": text}],
    }


@pytest.fixture
def attacked(folder: Path) -> Path:
    records = [event(100 + number, text) for number, text in enumerate(HOSTILE)]
    write_segment(folder / "hostile" / "spool", records)
    return folder


def printed(said: str) -> list[str]:
    """Lines as the most eager reader splits them, between the echoed command and the exit code."""
    lines = said.splitlines()[1:-1]
    for line in lines:
        assert line.isprintable(), ascii(line)
    return lines


@pytest.mark.usefixtures("attacked")
def test_each_event_is_one_printable_line(stockade: Command) -> None:
    assert len(printed(stockade("events", "--data", "hostile"))) == 1 + len(HOSTILE)


@pytest.mark.usefixtures("attacked")
def test_json_keeps_the_text_and_stays_one_line(stockade: Command) -> None:
    lines = printed(stockade("events", "--data", "hostile", "--json"))
    told = [json.loads(line)["findings"][0]["evidence"] for line in lines]
    assert told == HOSTILE[::-1]


@pytest.mark.usefixtures("attacked")
@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_an_explanation_is_printable_and_of_the_same_shape(stockade: Command, number: int) -> None:
    plain = printed(stockade("explain", an_id(100 + len(HOSTILE) - 1), "--data", "hostile"))
    assert len(printed(stockade("explain", an_id(100 + number), "--data", "hostile"))) == len(plain)
    raw = printed(stockade("explain", an_id(100 + number), "--data", "hostile", "--json"))
    assert [json.loads(line)["request"]["query"] for line in raw] == [HOSTILE[number]]


@pytest.mark.parametrize("arguments", [("run", "-c", "stockade.yaml"), ("check", "-c", "stockade.yaml")])
def test_what_a_config_holds_cannot_steer_the_terminal(
    stockade: Command, folder: Path, arguments: tuple[str, ...]
) -> None:
    (folder / "stockade.yaml").write_text('version: 1\n"\\e[2J\\r\\nerror: none": 1\napis: {}\n')
    lines = printed(stockade(*arguments))
    assert any("\\x1b[2J" in line for line in lines), lines


def test_what_an_argument_holds_cannot_steer_the_terminal(stockade: Command) -> None:
    lines = printed(stockade("\x1b[2J"))
    assert any("\\x1b[2J" in line for line in lines), lines

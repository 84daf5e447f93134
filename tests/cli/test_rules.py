"""`stockade rules` lists, tests, times and explains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.conftest import Command

RULES = """\
SecRule ARGS|!ARGS:token "@rx (?i)union\\s+select" "id:10,phase:2,deny,t:none,t:urlDecodeUni,log,\\
    msg:'SQL in %{MATCHED_VAR_NAME}',severity:CRITICAL,tag:'sql',setvar:tx.score=+5"
SecRule REQUEST_METHOD "!@within GET POST" "id:11,phase:1,deny,status:405,log"
"""

CASES = """\
rules: main.conf
cases:
  - name: a union
    request: {url: "http://h/?q=1%20union%20select%202"}
    must_fire: [10]
  - name: in a token it may stand
    request: {url: "http://h/?token=union%20select"}
    must_not_fire: [10]
  - name: wrong on purpose
    request: {method: DELETE, url: "http://h/"}
    must_fire: [10]
    must_not_fire: [11]
"""


@pytest.mark.parametrize(
    "arguments",
    [
        "rules list main.conf",
        "rules explain 10 main.conf",
        "rules explain 12 main.conf",
        "rules test cases.yaml",
        "rules test cases.yaml --json",
        "rules list none.conf",
    ],
)
def test_rules(stockade: Command, folder: Path, arguments: str, snapshot: SnapshotAssertion) -> None:
    (folder / "main.conf").write_text(RULES)
    (folder / "cases.yaml").write_text(CASES)
    assert stockade(*arguments.split()).replace(str(folder), "FOLDER") == snapshot


def test_time_tells_the_dearest_rules(stockade: Command, folder: Path) -> None:
    (folder / "main.conf").write_text(RULES)
    text = stockade("rules", "time", "main.conf", "--rounds", "5", "--json")
    found = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert found["total_us"] > 0
    assert {rule["id"] for rule in found["rules"]} == {10, 11}

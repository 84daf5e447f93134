"""The regression tests of the OWASP Core Rule Set, every one of them, in log mode at paranoia level 4.

Here the rules judge the raw bytes alone. What the gateway itself answers (a malformed request is refused with 400) is
judged in `test_crs_gateway.py`, through a running gateway.
"""

from pathlib import Path

import pytest
from tests.conformance.crs import judging, suite

from stockade.core.rules import Rules
from stockade.prevent.seclang import compile_files

NOW_US = 1_790_000_000_000_000

BY_THE_GATEWAY = frozenset(
    {
        "920100-2",
        "920100-5",
        "920100-8",
        "920100-11",
        "920100-12",
        "920100-13",
        "920100-15",
        "920160-1",
        "920160-2",
        "920160-3",
        "920160-5",
        "920274-1",
        "920290-1",
        "920610-2",
        "921140-1",
    }
)
"""Tests that expect 400 for a malformed request, which rules alone do not answer."""

DIFFER = {
    "920181-1": "expects Apache to drop `Content-Length` beside `Transfer-Encoding`; here the rule sees both",
    "920620-1": "expects Apache to join two `Content-Type` fields; here the rule sees both",
}
"""Tests that fail, with the reason."""


@pytest.mark.skipif(not suite.DATA.is_dir(), reason=suite.MISSING)
def test_rules_match_what_the_suite_expects(tmp_path: Path) -> None:
    rules = Rules(compile_files([str(suite.main_file(tmp_path))], tmp_path).plan)
    failed: dict[str, str] = {}
    count = 0
    for case in suite.cases():
        count += 1
        for stage in case.stages:
            answered = judging.answer(stage.url, stage.body) if stage.message.startswith(b"POST ") else (200, [], b"")
            judged = rules.judge(stage.message, now_us=NOW_US, response=answered)
            problem = judging.problem(stage, [match.log for match in judged.matches], answered[0])
            if problem is not None:
                failed[case.name] = problem
                break
    assert count > 4000
    assert failed.keys() == BY_THE_GATEWAY | DIFFER.keys(), failed

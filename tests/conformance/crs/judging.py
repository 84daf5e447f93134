"""How go-ftw decides in log mode, and what its back end answers."""

import base64
import json
import re
from collections.abc import Sequence

from tests.conformance.crs.suite import Stage

_ID = re.compile(r'\[id "(\d+)"\]')

Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, fields, body."""


def answer(path: str, body: bytes) -> Answer:
    """What albedo answers: 200 and nothing, or what a POST to `/reflect` asks for."""
    if not path.split("?")[0].endswith("/reflect"):
        return 200, [], b""
    try:
        asked = json.loads(body)
    except ValueError:
        return 400, [], b""
    if not isinstance(asked, dict):
        return 400, [], b""
    text = asked.get("body", "")
    content = base64.b64decode(asked["encodedBody"]) if asked.get("encodedBody") else str(text).encode()
    fields = [(str(name), str(value)) for name, value in (asked.get("headers") or {}).items()]
    if content and not any(name.lower() == "content-type" for name, _ in fields):
        # What Go's server finds text to be.
        fields.append(("Content-Type", "text/plain; charset=utf-8"))
    return int(asked.get("status") or 200), fields, content


def problem(stage: Stage, log: Sequence[str], status: int | None) -> str | None:
    """Why a stage fails; None when it passes.

    Args:
        stage: what was sent and expected.
        log: lines that were written for it.
        status: status of the answer; None when none came.
    """
    expected = stage.expected
    text = "\n".join(log)
    found = {int(number) for number in _ID.findall(text)}
    if expected.get("expect_error"):
        return None if status is None else f"expected no answer, got {status}"
    wanted = expected.get("status")
    if wanted and status != wanted:
        return f"expected status {wanted}, got {status}"
    missing = set(stage.log.get("expect_ids") or ()) - found
    if missing:
        return f"expected rules {sorted(missing)}, got {sorted(found)}"
    pattern = stage.log.get("match_regex")
    if pattern and not re.search(pattern, text, re.IGNORECASE):
        return f"expected `{pattern}` in the log"
    unwanted = set(stage.log.get("no_expect_ids") or ()) & found
    if unwanted:
        return f"expected no rules {sorted(unwanted)}"
    pattern = stage.log.get("no_match_regex")
    if pattern and re.search(pattern, text, re.IGNORECASE):
        return f"expected no `{pattern}` in the log"
    if stage.log.get("isolated") and len(found) != 1:
        return f"expected one rule, got {sorted(found)}"
    return None

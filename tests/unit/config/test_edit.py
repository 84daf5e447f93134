"""An item is added to a list of a config, however that is written; nothing else changes."""

from __future__ import annotations

import json

import pytest
import yaml

from stockade.config.edit import EditError, with_item

ITEM = {
    "operation": "createNote",
    "rule": 942100,
    "variable": "ARGS:a: b",
    "reason": "it's code",
    "expires": "2027-01-01",
}
STEPS = ("apis", "shop", "seclang", "exceptions")
TEXTS = {
    "nothing yet": "version: 1\napis:\n  shop:\n    upstream: http://h\n    seclang:\n      files: [a.conf]\n",
    "no section": "apis:\n  shop:\n    upstream: http://h  # here\n\n# after\ngateway: {workers: 1}\n",
    "a block list": "apis:\n  shop:\n    seclang:\n      exceptions:\n        - {rule: 1, reason: a}\n\n"
    "  other: {upstream: b}\n",
    "a list at the key's own indent": "apis:\n  shop:\n    seclang:\n"
    "      exceptions:\n      - rule: 1\n        reason: a\n      files: [b]\n",
    "a flow list": "apis:\n  shop:\n    seclang: {files: [a], exceptions: [{rule: 1, reason: a}]}\n",
    "an empty flow list": "apis:\n  shop:\n    seclang:\n      exceptions: []\n      files: [a]\n",
    "a flow section": "apis:\n  shop:\n    seclang: {files: [a.conf]}\n",
    "no end of line": "apis:\n  shop:\n    upstream: http://h",
    "a block scalar last": "apis:\n  shop:\n    upstream: |\n      http://h\ngateway: {}\n",
    "json": '{\n  "apis": {\n    "shop": {"upstream": "http://h"}\n  }\n}\n',
    "json with a list": '{"apis": {"shop": {"seclang": {"exceptions": [{"rule": 1}]}}}}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_it_is_added_and_nothing_else_changes(text: str) -> None:
    edited = with_item(text, STEPS, ITEM)
    found = yaml.safe_load(edited)["apis"]["shop"]["seclang"]["exceptions"][-1]
    assert {key: str(value) for key, value in found.items()} == {key: str(value) for key, value in ITEM.items()}
    assert all(line in edited for line in text.splitlines() if "#" in line)
    if text.startswith("{"):
        json.loads(edited)
    twice = yaml.safe_load(with_item(edited, STEPS, {"rule": 2, "reason": "more"}))
    assert twice["apis"]["shop"]["seclang"]["exceptions"][-1] == {"rule": 2, "reason": "more"}


@pytest.mark.parametrize(
    "text",
    [
        "apis: {}\n",
        "x: &s {files: [a]}\napis:\n  shop:\n    seclang: *s\n",
        "apis:\n  shop:\n    seclang: &s\n      files: [a]\n  two:\n    seclang: *s\n",
    ],
)
def test_what_would_change_more_is_refused(text: str) -> None:
    with pytest.raises(EditError):
        with_item(text, STEPS, ITEM)

"""Changes of the policy: the same file, checked, written down with who and why, and reversible."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.app.admin.states import Clock, FakeLink, changes_in

from stockade.app.changes.changes import BY_FILE, Changes
from stockade.app.errors import StockadeError

TEXT = """version: 1

# People wrote this.
apis:
  shop:
    upstream: http://127.0.0.1:9000  # where it is
    inspect:
      threshold: 0.8
      # notes hold code
  other:
    base_path: /other
    upstream: http://127.0.0.1:9001
"""


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "stockade.yaml"
    made.write_text(TEXT)
    made.chmod(0o640)
    return made


@pytest.fixture
def changes(tmp_path: Path, file: Path, link: FakeLink) -> Changes:
    data = tmp_path / "data"
    data.mkdir()
    made = changes_in(data, Clock(), link, file)
    made.policy.publish()
    return made


def test_a_change_is_a_change_of_the_file(changes: Changes, file: Path, tmp_path: Path) -> None:
    text = TEXT.replace("0.8", "0.7")
    version = changes.change(text, "ann", "more careful")
    assert file.read_text() == text
    assert file.stat().st_mode & 0o777 == 0o640
    newest, first = changes.history.all()
    assert (newest.version, newest.by, newest.why) == (version, "ann", "more careful")
    assert (first.by, first.why) == (BY_FILE, "")
    assert "ann" in (tmp_path / "data" / "audit.log").read_text()


def test_a_change_can_be_taken_back(changes: Changes, file: Path) -> None:
    first = changes.history.all()[0].version
    changes.change(TEXT.replace("0.8", "0.7"), "ann", "more careful")
    assert [line for line in changes.diff(changes.history.source(first))[2:] if line[0] in "+-"] == [
        "-      threshold: 0.7",
        "+      threshold: 0.8",
    ]
    changes.restore(first, "ben", "too careful")
    assert file.read_text() == TEXT
    assert [version.by for version in changes.history.all()] == ["ben", "ann", BY_FILE]


def test_a_change_of_the_file_itself_is_a_version_too(changes: Changes, file: Path) -> None:
    file.write_text(TEXT.replace("0.8", "0.6"))
    changes.policy.refresh(forced=True)
    assert changes.history.all()[0].by == BY_FILE
    assert "0.6" in changes.history.source(changes.history.all()[0].version)


@pytest.mark.parametrize("text", [TEXT.replace("0.8", "8"), TEXT + "colour: red\n", "apis: [", ""])
def test_what_is_wrong_changes_nothing(changes: Changes, file: Path, text: str) -> None:
    assert changes.check(text).problems
    with pytest.raises(StockadeError, match=r"config\.invalid"):
        changes.change(text, "ann", "why")
    assert file.read_text() == TEXT
    assert len(changes.history.all()) == 1


def test_what_the_gateway_refuses_is_taken_back(changes: Changes, file: Path, link: FakeLink) -> None:
    link.answers = {"ok": False, "problem": "no"}
    with pytest.raises(StockadeError, match=r"policy\.refused"):
        changes.change(TEXT.replace("0.8", "0.7"), "ann", "why")
    assert file.read_text() == TEXT


@pytest.mark.parametrize(
    "more",
    [
        "admin: {listen: '0.0.0.0:9440'}\n",
        "data: /elsewhere\n",
        "outputs: {siem: {to: 'https://siem.example', key: {command: [sh, -c, 'id']}}}\n",
        "outputs: {siem: {to: 'https://siem.example', key: {file: /etc/shadow}}}\n",
        "outputs: {siem: {to: 'https://siem.example', key: '${file:/etc/shadow}'}}\n",
    ],
)
def test_whoever_edits_the_policy_does_not_get_at_the_machine(changes: Changes, more: str) -> None:
    for attempt in (lambda: changes.check(TEXT + more), lambda: changes.change(TEXT + more, "ann", "why")):
        with pytest.raises(StockadeError, match=r"policy\.owner"):
            attempt()


def test_no_file_elsewhere_is_read(changes: Changes) -> None:
    for file in ("/etc/passwd", "../secret", "~/x"):
        with pytest.raises(StockadeError, match=r"policy\.owner"):
            changes.check(TEXT.replace("    inspect:", f"    spec: {file}\n    inspect:"))


@pytest.mark.parametrize("api", ["shop", "other"])
def test_an_exception_is_one_line_more(changes: Changes, file: Path, api: str) -> None:
    exception = {"detector": "sql_injection", "place": "body.note", "reason": 'they quote "code": # yes'}
    changes.add_exception(api, exception, "ann")
    before, after = TEXT.splitlines(), file.read_text().splitlines()
    rest = iter(after)
    assert all(line in rest for line in before)
    assert len(after) - len(before) in (2, 3)
    changes.add_exception(api, {**exception, "place": "body.text"}, "ann")
    assert len(file.read_text().splitlines()) == len(after) + 1
    config = changes.config
    assert config is not None
    found = config.apis[api].inspect.exceptions
    assert [(one.place, one.reason) for one in found] == [
        ("body.text", exception["reason"]),
        ("body.note", exception["reason"]),
    ]


def test_a_config_in_flow_style_is_left_to_people(changes: Changes, file: Path) -> None:
    file.write_text("version: 1\napis: {shop: {upstream: 'http://127.0.0.1:9000', inspect: {threshold: 0.5}}}\n")
    with pytest.raises(StockadeError, match=r"policy\.form") as caught:
        changes.add_exception("shop", {"detector": "sql_injection", "reason": "why"}, "ann")
    assert "sql_injection" in str(caught.value.hint)


def test_texts_are_sealed(changes: Changes, tmp_path: Path) -> None:
    changes.change(TEXT + "# canary-7731\n", "ann", "why")
    written = b"".join(file.read_bytes() for file in (tmp_path / "data").glob("control.db*"))
    assert b"canary-7731" not in written
    assert b"9001" not in written

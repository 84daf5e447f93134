"""Documents are read strictly, with the line of every value, and hostile ones cost little."""

import contextlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.config.document import DocumentError, Limits, read_file, read_text

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), PLAIN, max_size=4))
def test_json_is_read_as_json_reads_it(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False)):
        assert read_text(text, "x.json").plain() == value


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for name in ("x.json", "x.yaml"):
        with contextlib.suppress(DocumentError):
            read_text(text, name)


def test_lines_are_those_of_the_keys() -> None:
    for text in ("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n", '{"a":\n {"b": 1,\n "c":\n ["x",\n {"y": 2}]}}'):
        root = read_text(text, "x")
        assert root.locate(["a", "b"])[0].line == 2
        assert root.locate(["a", "c"])[0].line == 3
        assert root.locate(["a", "c", 1, "y"])[0].line == 5
        assert root.locate(["a", "nowhere", 1])[1] == 1


def test_words_of_yaml_1_1_stay_text() -> None:
    plain = read_text("a: no\nb: on\nc: 2027-01-01\nd: 1:30\ne: 0x1F\nf: 1e3\ng: 010\nh: ~\n200: x", "x").plain()
    assert plain == {
        "a": "no",
        "b": "on",
        "c": "2027-01-01",
        "d": "1:30",
        "e": 31,
        "f": 1000.0,
        "g": 10,
        "h": None,
        "200": "x",
    }


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("a: 1\nb: 2\na: 3", 3, "each key once"),
        ("a: !!python/object:os.system x", 1, "without a tag"),
        ("a: *b", 1, "an anchor that stands before"),
        ("b: &a {x: *a}", 1, "an anchor that stands before"),
        ("base: &b {x: 1}\nc:\n  <<: *b", 3, "expected a setting"),
        ("a: 1\n---\nb: 2", 2, "one document"),
        ("a: [1, 2", 1, "YAML"),
        ("a:\n\t- b", 2, "YAML"),
        ("a: .inf", 1, "finite"),
        ("a: 1e999", 1, "64-bit"),
        ("? [a]\n: b", 1, "plain word"),
        ("a: \x00", 1, "YAML"),
    ],
)
def test_yaml_that_is_refused(text: str, line: int, expected: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_text(text, "x.yaml")
    assert expected in caught.value.problem.message
    assert caught.value.problem.line in (line, line + 1)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":NaN}',
        '{"a":1}x',
        '{"a":01}',
        '{"a":"\\ud800"}',
        '{"a":1e999}',
        '{"a" 1}',
        "{a:1}",
        '{"a":1,}',
    ],
)
def test_json_that_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        read_text(text, "x.json")


def test_bombs_cost_little(tmp_path: Path) -> None:
    laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    laughs += "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20))
    deep = tmp_path / "deep.yaml"
    deep.write_text("[" * 500_000)
    started = time.perf_counter()
    for text in (laughs, "[" * 100_000, '{"a":' * 100_000, "- " * 50_000, "a: " + "[" * 900, "{" * 100_000):
        with pytest.raises(DocumentError):
            read_text(text, "x")
    with pytest.raises(DocumentError):
        read_file(deep, "deep.yaml")
    assert time.perf_counter() - started < 5


def test_files_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"a" * 2000)
    (tmp_path / "latin").write_bytes(b"a: 1\nb: \xe9\n")
    for name, expected in (
        ("large", "at most 1000 bytes"),
        ("latin", "UTF-8"),
        ("absent", "can be read"),
        (".", "can"),
    ):
        with pytest.raises(DocumentError, match=expected):
            read_file(tmp_path / name, name, Limits(file_bytes=1000))

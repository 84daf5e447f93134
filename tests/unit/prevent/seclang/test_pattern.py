"""Patterns mean in the core what they mean in PCRE; Python's `re` stands for PCRE where both read alike."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.prevent.seclang.pattern import translate


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"a[^\n[]b", r"a[^\n\[]b"),
        (r"[[:alpha:][]", r"[[:alpha:]\[]"),
        (r"[]a]", r"[\]a]"),
        (r"[^]]", r"[^\]]"),
        (r"[a&&b]", r"[a\&&b]"),
        (r"[+--]", r"[+-\-]"),
        (r"[--/]", r"[\--/]"),
        (r"\[[a]\]", r"\[[a]\]"),
        (r"[\x{9}\h]", r"[\x09[\x09\x20\xa0]]"),
        ("[\u00b4x]\u00b4", "[\\xc2\\xb4x]\u00b4"),
        (r"a--b&&[a-z]", r"a--b&&[a-z]"),
    ],
)
def test_letters_of_a_class_stay_letters(pattern: str, expected: str) -> None:
    assert translate(pattern) == expected


@given(st.text("[]^-&~ab/+", max_size=12), st.text("[]^-&~ab/+", max_size=6))
def test_what_a_class_matches_does_not_change(pattern: str, value: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            original = re.compile(pattern)
        except re.error:
            return
        assert bool(re.compile(translate(pattern)).search(value)) == bool(original.search(value))

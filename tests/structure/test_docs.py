"""What the documentation names exists: tests, files and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def named_tests() -> list[tuple[str, str]]:
    """File and name of every test that the page on attacks points at; `::name` means the file named before it."""
    found: list[tuple[str, str]] = []
    file = ""
    for named in re.findall(r"`([\w./]*)::(\w+)`", (ROOT / "docs/concepts/withstands.md").read_text()):
        file = named[0] or file
        found.append((file, named[1]))
    return found


@pytest.mark.parametrize(("file", "name"), [test for test in named_tests() if test != ("file", "test")])
def test_the_tests_that_show_a_promise_exist(file: str, name: str) -> None:
    crate = ROOT / "crates" / file
    place = crate if crate.is_file() else ROOT / "tests" / file
    assert place.is_file(), f"no such file: {file}"
    assert re.search(rf"\b(fn|def) {name}\b", place.read_text()), f"no test `{name}` in {file}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"

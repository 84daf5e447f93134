"""What holds of the tree as a whole: crate layers, module sizes, and a project that speaks of itself alone."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A crate may depend on those to its left only.
CRATE_ORDER = [
    "stockade-model",
    "stockade-inspect",
    "stockade-seclang",
    "stockade-engine",
    "stockade-gateway",
    "stockade-python",
    "stockade-fuzz",
]

# A table of data may be longer than a module of code.
LONGEST_MODULE = 500


def tracked(*patterns: str) -> list[Path]:
    """Files that git knows, by glob."""
    listing = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / line for line in listing.splitlines() if (ROOT / line).is_file()]


def test_crates_depend_downwards_only() -> None:
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    names = [package["name"] for package in metadata["packages"]]
    assert sorted(names) == sorted(CRATE_ORDER)
    for package in metadata["packages"]:
        place = CRATE_ORDER.index(package["name"])
        for dependency in package["dependencies"]:
            if dependency["name"] in CRATE_ORDER:
                assert CRATE_ORDER.index(dependency["name"]) < place, f"{package['name']} -> {dependency['name']}"


def test_no_clock_or_socket_below_the_gateway() -> None:
    banned = re.compile(r"SystemTime::now|Instant::now|std::fs|std::net::(Tcp|Udp)|std::env|getrandom")
    for crate in ("model", "inspect", "seclang", "engine"):
        for file in tracked(f"crates/{crate}/src/*.rs", f"crates/{crate}/src/**/*.rs"):
            if file.name == "tests.rs":
                continue
            hits = [line for line in file.read_text().splitlines() if banned.search(line.split("//")[0])]
            assert not hits, f"{file.relative_to(ROOT)}: {hits[0].strip()}"


def test_modules_stay_readable() -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in tracked("*.rs", "*.py")
        if (lines := len(file.read_text().splitlines())) > LONGEST_MODULE
    }
    assert not long, f"split by idea: {long}"


def test_no_module_is_named_for_nothing() -> None:
    vague = {"utils", "util", "helpers", "common", "misc"}
    found = [str(file.relative_to(ROOT)) for file in tracked("*.rs", "*.py") if file.stem in vague]
    assert not found


@pytest.mark.parametrize("file", ["requirements/run.txt", "requirements/dev.txt", "Cargo.lock"])
def test_lock_files_are_pinned_by_hash_and_name_no_index(file: str) -> None:
    text = (ROOT / file).read_text()
    assert "--index-url" not in text
    assert "--extra-index-url" not in text
    if file.endswith(".txt"):
        pins = re.findall(r"^[a-z0-9A-Z_.-]+==", text, re.M)
        assert pins
        assert text.count("--hash=sha256:") >= len(pins)


def test_the_tree_names_no_path_of_a_machine() -> None:
    # Built from parts, so that this file does not match itself.
    banned = re.compile("|".join(["/" + "work/", "/" + "tmp/wt", r"\." + "library"]))
    for file in tracked():
        if file.suffix in {".lock", ".png"}:
            continue
        hits = [line for line in file.read_text(errors="ignore").splitlines() if banned.search(line)]
        assert not hits, f"{file.relative_to(ROOT)}: {hits[0].strip()[:120]}"

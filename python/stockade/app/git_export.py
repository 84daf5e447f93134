"""Writes versions of the policy as commits of a git repository, for those who keep config there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stockade.core.errors import StockadeError

FILE = "stockade.yaml"
"""Name of the file in the repository."""

_TRAILER = "Stockade-Version"
WAIT_S = 30
"""Seconds that one call of git may take."""


def export(folder: Path, versions: Sequence[Mapping[str, Any]], source: Callable[[int], str]) -> list[int]:
    """Commit every version with a text that the repository does not have yet, the oldest first.

    Args:
        folder: the repository; made when it is not there.
        versions: as the admin API lists them.
        source: the text of a version.

    Returns:
        The versions that were written.

    Raises:
        StockadeError: git is not there, or refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        _git(folder, "init", "--quiet")
    known = _known(folder)
    written = []
    for version in sorted(versions, key=lambda one: int(one["version"])):
        number = int(version["version"])
        if number in known or not version["has_source"]:
            continue
        (folder / FILE).write_text(source(number), encoding="utf-8")
        _git(folder, "add", FILE)
        subject = _line(version["why"]) or f"Version {number}"
        when = datetime.fromtimestamp(int(version["time"]) / 1_000_000, UTC).isoformat()
        name = re.sub(r"[<>\n\0]", "", str(version["by"])).strip() or "unknown"
        identity = ("-c", f"user.name={name}", "-c", "user.email=stockade@localhost")
        message = f"{subject}\n\n{_TRAILER}: {number}"
        _git(folder, *identity, "commit", "--quiet", "--allow-empty", "--date", when, "-m", message)
        written.append(number)
    return written


def _known(folder: Path) -> set[int]:
    try:
        told = _git(folder, "log", f"--format=%(trailers:key={_TRAILER},valueonly)")
    except StockadeError:
        # A repository without any commit has no log.
        return set()
    return {int(line) for line in told.split() if line.isdecimal()}


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # no shell; the arguments are ours
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=WAIT_S,
        )
    except FileNotFoundError as error:
        raise StockadeError("git.missing", "expected the program `git`, found none", "install it") from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        told = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise StockadeError("git.refused", f"git refused: {told[0][:200] if told else error}", None) from error
    return done.stdout


def _line(text: object) -> str:
    return " ".join(str(text).split())[:200]

"""Reads, checks and changes the config file for the admin API, and goes back to what it said before."""

from __future__ import annotations

import difflib
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stockade.app.audit import Audit
from stockade.app.changes.exceptions import with_exception
from stockade.app.changes.history import History
from stockade.app.changes.limits import refuse_what_is_the_owners
from stockade.app.checked import Checked, checked
from stockade.app.clock import Clock
from stockade.app.errors import ConfigProblemsError, StockadeError
from stockade.app.policy import Policy
from stockade.config import Config, Loaded
from stockade.config.document import DocumentError, read_text
from stockade.store.files import write_whole

LOG = logging.getLogger("stockade.policy")

MOST_BYTES = 1024 * 1024
"""Longest config file."""

BY_FILE = "the config file"
"""Who made a version that was not made through the admin API."""


class Changes:
    """Changes of the policy of one data folder.

    Args:
        file: the config file; None when Stockade was started without one.
        policy: puts it in force.
        load: reads a text as the config file would be read.
        history: versions.
        audit: who did what.
        clock: microseconds since the epoch.
    """

    def __init__(
        self,
        file: Path | None,
        policy: Policy,
        load: Callable[[str], Loaded],
        history: History,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._file = file
        self.policy = policy
        """Puts it in force."""
        self._load = load
        self.history = history
        self._audit = audit
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: tuple[str, str, str] | None = None

    @property
    def file(self) -> str | None:
        """The config file; None when there is none to change."""
        return str(self._file) if self._file is not None else None

    @property
    def config(self) -> Config | None:
        """What is in force, once something is."""
        return self.policy.config

    def text(self) -> str:
        """What the config file says now.

        Raises:
            StockadeError: `policy.no_file` when there is none, or it cannot be read.
        """
        if self._file is None:
            hint = "start Stockade with `--config FILE` to have one"
            raise StockadeError("policy.no_file", "expected a config file, and it was started without one", hint)
        try:
            return self._file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise StockadeError("policy.no_file", f"expected a config file that can be read: {error}") from error

    def check(self, text: str) -> Checked:
        """What `stockade check` would say of a text.

        Raises:
            StockadeError: it changes what is the owner's.
        """
        self._refuse(text)
        return checked(lambda: self._load(text))

    def diff(self, text: str, before: str | None = None) -> list[str]:
        """The difference to what the file says now, or to another text, in lines of the unified form."""
        old = self.text() if before is None else before
        lines = difflib.unified_diff(old.splitlines(), text.splitlines(), "before", "after", lineterm="", n=3)
        return list(lines)

    def change(self, text: str, by: str, why: str) -> int:
        """Check a text, write who and why, make it the config file, and put it in force.

        Returns:
            The version of the bundle.

        Raises:
            ConfigProblemsError: the text is wrong; nothing was changed.
            StockadeError: it changes what is the owner's, cannot be written, or the gateway refused it; the file says
                what it said before.
        """
        with self._lock:
            before = self.text()
            found = self.check(text)
            if found.problems:
                raise ConfigProblemsError(found.problems)
            if text == before:
                raise StockadeError("policy.same", "expected a change, got what the config file says already", None)
            added, taken = _counted(self.diff(text))
            self._audit.note(by, "policy.change", f"{self.file}: {added} lines more, {taken} less", why)
            self._pending = (text, by, why)
            try:
                self._write(text)
                self.policy.refresh(forced=True)
                status = self.policy.status()
                if not status.ok:
                    self._write(before)
                    self.policy.refresh(forced=True)
                    raise StockadeError("policy.refused", "; ".join(status.problems), "the config file is as before")
            finally:
                self._pending = None
            return status.bundle

    def restore(self, version: int, by: str, why: str) -> int:
        """Make the config file say again what it said at a version."""
        return self.change(self.history.source(version), by, why or f"back to version {version}")

    def add_exception(self, api: str, exception: Mapping[str, str], by: str) -> int:
        """Let something pass from now on, with a reason and an end."""
        return self.change(with_exception(self.text(), api, exception), by, exception["reason"])

    def published(self, version: int) -> None:
        """Write down a version that was put in force, whoever made it. Never raises: the policy is in force already."""
        try:
            source = self.text() if self._file is not None else None
            pending = self._pending
            if pending is not None and pending[0] == source:
                by, why = pending[1], pending[2]
            else:
                by, why = BY_FILE, ""
            self.history.add(version, self._clock(), by, why, source)
        except StockadeError as error:
            LOG.error("version %d is in force, but not written down: %s", version, error)

    def _refuse(self, text: str) -> None:
        if len(text.encode()) > MOST_BYTES:
            raise StockadeError("policy.size", f"expected a config of at most {MOST_BYTES} bytes", None)
        refuse_what_is_the_owners(_plain(self.text()), _plain(text))

    def _write(self, text: str) -> None:
        if self._file is None:
            raise StockadeError("policy.no_file", "expected a config file", None)
        try:
            mode = self._file.stat().st_mode & 0o777
            write_whole(self._file, text.encode(), mode)
        except OSError as error:
            problem = f"cannot write `{self._file}`: {error.strerror or error}"
            raise StockadeError("policy.unwritable", problem, "nothing was changed; see who owns the file") from error


def _plain(text: str) -> Any:
    try:
        return read_text(text, "the config").plain()
    except DocumentError:
        # What is wrong with it, the check says.
        return None


def _counted(lines: list[str]) -> tuple[int, int]:
    body = lines[2:]
    return sum(line.startswith("+") for line in body), sum(line.startswith("-") for line in body)

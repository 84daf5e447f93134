"""Finds the files of a rule set: the main file, what it includes, and the data files that operators name."""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stockade.prevent.seclang import lexer
from stockade.prevent.seclang.lexer import Directive
from stockade.prevent.seclang.problem import Place, SecLangError, refused

MOST_DEPTH = 16
"""Includes within includes."""
MOST_FILE_BYTES = 16 * 1024 * 1024
"""Largest file that is read."""
MOST_FILES = 2000
"""Files of one rule set."""


@dataclass(slots=True)
class Reader:
    """Reads files, and remembers which."""

    files: list[Path] = field(default_factory=list)
    """Every file that was read, in order."""

    def read(self, patterns: Sequence[str], folder: Path) -> Iterator[Directive]:
        """The directives of all files that fit, in order.

        Args:
            patterns: names or globs, relative to `folder`.
            folder: where relative names begin.

        Raises:
            SecLangError: no file fits, or one cannot be read or cut into directives.
        """
        for pattern in patterns:
            yield from self._include(pattern, folder, Place(pattern, 1), 0, optional=False)

    def _include(self, pattern: str, folder: Path, place: Place, depth: int, *, optional: bool) -> Iterator[Directive]:
        if depth > MOST_DEPTH:
            raise refused(place, "Include", f"expected at most {MOST_DEPTH} includes within each other", pattern)
        # The folder is taken as it is: only what the rule's author wrote is a pattern.
        full = str(Path(pattern)) if Path(pattern).is_absolute() else f"{glob.escape(str(folder))}/{pattern}"
        found = sorted(glob.glob(full, recursive=False))  # noqa: PTH207 - absolute patterns
        if not found and not optional:
            raise refused(place, "Include", f"expected a file, found none at `{full}`")
        for name in found:
            path = Path(name)
            shown = _shown(path)
            text = self.text(path, place)
            for directive in lexer.directives(text, shown):
                if directive.name.lower() in {"include", "includeoptional"}:
                    if len(directive.arguments) != 1:
                        raise refused(directive.place, "Include", "expected one file or glob")
                    below = directive.name.lower() == "includeoptional"
                    inner = directive.arguments[0]
                    yield from self._include(inner, path.parent, directive.place, depth + 1, optional=below)
                else:
                    yield directive

    def text(self, path: Path, place: Place) -> str:
        """The content of a file; bytes that are not UTF-8 are kept as surrogates.

        Raises:
            SecLangError: it cannot be read or is too large.
        """
        if len(self.files) >= MOST_FILES:
            raise refused(place, "Include", f"expected at most {MOST_FILES} files")
        try:
            size = path.stat().st_size
            if size > MOST_FILE_BYTES:
                raise refused(place, "Include", f"expected at most {MOST_FILE_BYTES} bytes in `{path}`", str(size))
            text = path.read_bytes().decode("utf-8", "surrogateescape")
        except OSError as error:
            raise refused(place, "Include", f"expected to read `{path}`", error.strerror) from error
        self.files.append(path)
        return text


def phrases(text: str) -> list[str]:
    """The phrases of a data file: one a line, without comments and empty lines."""
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


__all__ = ["Reader", "SecLangError", "phrases"]

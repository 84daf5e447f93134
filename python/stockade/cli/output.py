"""How commands print: tables for people, plain text where nobody looks, JSON for programs."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VERDICT_STYLES: Mapping[str, str] = {
    "allowed": "green",
    "refused": "red",
    "would_refuse": "yellow",
    "failed": "magenta",
}
"""Colour of each verdict."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    title: str
    """Heading."""
    width: int | None = None
    """Fixed width in plain text; as wide as needed when None."""
    below: bool = False
    """Whether it stands in a line of its own below the others where a terminal is too narrow for all of them."""


def is_terminal() -> bool:
    """Whether a person looks at the output."""
    return sys.stdout.isatty()


def line(text: str = "") -> None:
    """Print one line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def styled_line(text: str, style: str) -> None:
    """Print one line, coloured on a terminal."""
    if not is_terminal():
        line(text)
        return
    from rich.console import Console
    from rich.text import Text

    Console().print(Text(text, style=style), soft_wrap=True, highlight=False)


def shortened(text: str, width: int) -> str:
    """The text, cut where it is wider than a column."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def print_json(value: Any) -> None:
    """Print one JSON value on one line, with every character that is not printable as an escape of JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # JSON leaves line separators and the terminal's own controls (U+2028, U+009B) as they are.
    line("".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text))


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], styles: Sequence[str] = ()) -> None:
    """Print a table: ruled and coloured on a terminal, in plain columns elsewhere.

    Args:
        columns: headings.
        rows: cells as text; anything that could steer a terminal is made visible.
        styles: colour of each row; none when empty.
    """
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = _widths(columns, cells)
    if is_terminal() and is_narrow(columns, widths):
        styled_line(narrow_row(columns, [column.title for column in columns], widths)[0], "bold")
        for index, row in enumerate(cells):
            for text in narrow_row(columns, row, widths):
                styled_line(text, styles[index] if index < len(styles) else "")
        return
    if is_terminal():
        _print_rich(columns, cells, styles)
        return
    line(plain_row([column.title for column in columns], widths))
    for row in cells:
        line(plain_row(row, widths))


def is_narrow(columns: Sequence[Column], widths: Sequence[int]) -> bool:
    """Whether the terminal has no room for all columns beside each other, and some may stand below."""
    # Between two columns a table has two spaces and its rule.
    return any(column.below for column in columns) and sum(widths) + 3 * len(widths) > terminal_width()


def terminal_width() -> int:
    """Letters in a line of the terminal."""
    return shutil.get_terminal_size().columns


def narrow_row(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """One row as the lines of a narrow terminal: the last column beside is cut, and what stands below is wrapped."""
    room = terminal_width()
    beside = [place for place, column in enumerate(columns) if not column.below]
    first = plain_row([cells[place] for place in beside[:-1]], [widths[place] for place in beside[:-1]])
    start = sum(widths[place] + 2 for place in beside[:-1])
    lines = [first.ljust(start) + shortened(cells[beside[-1]], max(room - start, 8))]
    below = "  ".join(cells[place] for place, column in enumerate(columns) if column.below and cells[place])
    return lines + [f"    {text}" for text in textwrap.wrap(below, max(room - 4, 20))]


def plain_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One row of plain text; the last cell is not padded."""
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip()


def visible(text: str) -> str:
    """The text with every character that could steer a terminal or forge a line written as an escape.

    Paths, user agents and evidence come from attackers.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def clock_time(moment: int, *, date: bool = False) -> str:
    """A moment for people, in UTC.

    Args:
        moment: microseconds since the epoch.
        date: whether the date is shown.
    """
    shown = datetime.fromtimestamp(moment / 1_000_000, UTC)
    return shown.strftime("%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S") + f".{shown.microsecond // 1000:03d}"


def milliseconds(microseconds: int) -> str:
    """A duration for people."""
    return f"{microseconds / 1000:.2f} ms"


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> list[int]:
    return [
        column.width or max([len(column.title), *(len(row[index]) for row in cells)])
        for index, column in enumerate(columns)
    ]


def _print_rich(columns: Sequence[Column], cells: Sequence[Sequence[str]], styles: Sequence[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.title, no_wrap=column.width is not None, overflow="fold")
    for index, row in enumerate(cells):
        style = styles[index] if index < len(styles) else ""
        table.add_row(*(Text(cell, style=style) for cell in row))
    Console().print(table)


def program() -> str:
    """The program as a shell here finds it, for commands that a person pastes: its path where `PATH` has it not."""
    beside = Path(sys.executable).with_name("stockade")
    found = shutil.which("stockade")
    if not beside.is_file() or (found is not None and beside.samefile(found)):
        return "stockade"
    return shlex.quote(str(beside))

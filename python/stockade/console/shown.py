"""How values are written on pages."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

VERDICTS = {"allowed": "allowed", "refused": "refused", "would_refuse": "would refuse", "failed": "failed"}
"""Words for verdicts."""


def visible(text: object) -> str:
    """Text with every character that is not printable, or turns the direction of writing, as an escape."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else letter.encode("unicode_escape").decode("ascii")
        for letter in str(text)
    )


def time_of_day(moment: int | None) -> str:
    """A moment to the second, without its date."""
    return "never" if moment is None else _at(moment).strftime("%H:%M:%S")


def date_time(moment: int | None) -> str:
    """A moment to the second."""
    return "never" if moment is None else _at(moment).strftime("%Y-%m-%d %H:%M:%S")


def iso(moment: int) -> str:
    """A moment for machines."""
    return _at(moment).isoformat().replace("+00:00", "Z")


def ago(moment: int | None, now: int) -> str:
    """How long ago a moment was, or how long it is until then."""
    if moment is None:
        return "never"
    seconds = (now - moment) // 1_000_000
    told = span_of(abs(seconds))
    return f"in {told}" if seconds < 0 else f"{told} ago"


def span_of(seconds: int) -> str:
    """A span of time in its two largest units."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        hours, minutes = divmod(seconds // 60, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(seconds // 3600, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def count(number: float | None) -> str:
    """A number with its thousands apart; large ones in thousands, millions."""
    if number is None:
        return "-"
    for least, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= least:
            # 12.3k; below ten thousand every one counts.
            scale = {"G": 1e9, "M": 1e6, "k": 1e3}[unit]
            return f"{number / scale:.1f}{unit}".replace(".0", "")
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.2g}"


def milliseconds(microseconds: float | None) -> str:
    """A duration."""
    if microseconds is None:
        return "-"
    if not microseconds:
        return "0"
    if microseconds >= 1_000_000:
        return f"{microseconds / 1_000_000:.1f} s"
    return f"{microseconds / 1000:.0f} ms" if microseconds >= 10_000 else f"{microseconds / 1000:.1f} ms"


def size(number: int | None) -> str:
    """Bytes."""
    if number is None:
        return "-"
    for scale, unit in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number} B"


def percent(part: float, whole: float) -> str:
    """A share."""
    if not whole:
        return "0 %"
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 or share == 0 else f"{share:.1f} %" if share >= 0.05 else "< 0.1 %"


def command(*words: str, **options: object) -> str:
    """A command line, quoted for a shell; options that are None or empty are left out."""
    parts = ["stockade", *words]
    for name, value in options.items():
        if value is not None and value != "":
            parts += [f"--{name.strip('_').replace('_', '-')}", str(value)]
    return " ".join(shlex.quote(visible(part)) for part in parts)


def query(name: str, **given: object) -> str:
    """The command line that asks a named query."""
    parameters = [f"{key}={value}" for key, value in given.items() if value not in (None, "")]
    return command("events", "query", name, *parameters)


def _at(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1_000_000, UTC)

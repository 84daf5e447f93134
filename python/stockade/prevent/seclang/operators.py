"""Operators: how a value is judged. `!@rx ^a` becomes a name, an argument and whether it is turned round."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stockade.model.problem import Problem, Severity
from stockade.prevent.seclang import macros
from stockade.prevent.seclang.pattern import translate
from stockade.prevent.seclang.problem import Place, close_to, refused
from stockade.prevent.seclang.reader import Reader, phrases

TEXTS = frozenset(
    [
        "beginsWith",
        "contains",
        "containsWord",
        "endsWith",
        "streq",
        "strmatch",
        "within",
    ]
)
"""Compare with a text, in which macros may stand."""
NUMBERS = frozenset(
    [
        "eq",
        "ge",
        "gt",
        "le",
        "lt",
    ]
)
"""Compare numbers; macros may stand in the argument."""
BARE = frozenset(
    [
        "detectSQLi",
        "detectXSS",
        "unconditionalMatch",
        "noMatch",
        "validateUrlEncoding",
        "validateUtf8Encoding",
    ]
)
"""Need no argument."""
VERIFY = frozenset(
    [
        "verifyCC",
        "verifySSN",
        "verifyCPF",
        "verifySVNR",
    ]
)
"""Find a number by a pattern and check its digits."""
FILES = {"pmfromfile": "pm", "pmf": "pm", "ipmatchfromfile": "ipMatch", "ipmatchf": "ipMatch"}
"""Read their argument from files."""
PATTERNS = frozenset({"rx", "rxGlobal"})
"""Patterns; where a macro stands in one, it is built anew for each value that is filled in."""
NEVER = {
    "rbl": "no name server is asked while a request waits; import the list as decisions",
    "geolookup": "there is no database of places",
}
"""Match nothing here, with the reason: rule sets carry them behind settings that are off, and load with a warning."""
REFUSED = {
    "gsblookup": "needs a service that was shut down",
    "inspectfile": "runs a program for every request",
    "validateschema": "needs an XML schema; describe the body in the API's contract",
    "validatedtd": "needs a document type; describe the body in the API's contract",
    "validatehash": "needs hashes in answers, which are not written",
    "fuzzyhash": "needs a database of fuzzy hashes",
    "rsub": "changes the request; the gateway forwards what was judged",
}
"""Known, but not run, with the reason."""

KNOWN = sorted(TEXTS | NUMBERS | BARE | VERIFY | {"rx", "rxGlobal", "pm", "pmFromFile", "ipMatch", "ipMatchFromFile",
    "validateByteRange"})  # fmt: skip
"""Every operator that runs."""

_RANGE = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator with its argument."""

    name: str
    """In its usual spelling, such as `rx`."""
    negated: bool = False
    """`!`: matches where the operator does not."""
    argument: str = ""
    """As written; for `rx` translated."""
    items: tuple[str, ...] = field(default=())
    """Phrases, networks or byte ranges."""
    place: Place = field(default=Place("", 0))
    """Where it stands."""
    warning: Problem | None = None
    """What it does not do here."""

    def to_plan(self) -> dict[str, Any]:
        """As in `OperatorPlan`."""
        plan: dict[str, Any] = {"name": self.name}
        if self.negated:
            plan["negated"] = True
        if self.items:
            plan["items"] = list(self.items)
        elif self.argument:
            filled = self.name in TEXTS or self.name in NUMBERS or self.name in PATTERNS
            plan["argument"] = macros.parse(self.argument, self.place) if filled else [self.argument]
        return plan


def parse(text: str, place: Place, reader: Reader, folder: Path) -> Operator:
    """Parse the second argument of `SecRule`.

    Args:
        text: such as `!@within %{tx.allowed_methods}`; without `@` it is a pattern.
        place: where it stands.
        reader: reads data files.
        folder: where their names begin.

    Raises:
        SecLangError: the operator does not exist, is not run, or its argument is wrong.
    """
    text = text.strip()
    negated = text.startswith("!")
    rest = text[1:].lstrip() if negated else text
    if not rest.startswith("@"):
        return _pattern("rx", rest, negated=negated, place=place)
    name, _, argument = rest[1:].partition(" ")
    lower = name.lower()
    argument = argument.strip()
    if lower in NEVER:
        return _never(name, negated=negated, place=place)
    if lower in REFUSED:
        raise refused(place, f"@{name}", f"expected an operator that is run here: it {REFUSED[lower]}")
    if lower in {"rx", "rxglobal"}:
        return _pattern("rxGlobal" if lower == "rxglobal" else "rx", argument, negated=negated, place=place)
    if lower in FILES:
        items = _from_files(argument, place, reader, folder)
        name = FILES[lower]
        return Operator(name, negated, items=_networks(items, place) if name == "ipMatch" else items, place=place)
    if lower in _ITEMS:
        name, build = _ITEMS[lower]
        return Operator(name, negated, items=build(argument, place), place=place)
    for known in (TEXTS, NUMBERS, BARE):
        for spelling in known:
            if lower == spelling.lower():
                return Operator(spelling, negated, argument, place=place)
    for spelling in VERIFY:
        if lower == spelling.lower():
            return _pattern(spelling, argument, negated=negated, place=place)
    raise refused(place, f"@{name}", "expected an operator", name, close_to(name, KNOWN))


def _pattern(name: str, argument: str, *, negated: bool, place: Place) -> Operator:
    if macros.has_macro(argument) and name not in PATTERNS:
        hint = "compare with `@streq`, `@contains` or `@within` instead"
        raise refused(place, f"@{name}", "expected a pattern that is known when rules are loaded", argument, hint)
    return Operator(name, negated, translate(argument), place=place)


def _never(name: str, *, negated: bool, place: Place) -> Operator:
    if negated:
        raise refused(place, f"!@{name}", f"expected an operator that can be turned round: {NEVER[name.lower()]}")
    what = f"`@{name}` never matches here: {NEVER[name.lower()]}"
    warning = Problem(f"@{name}", what, None, place.file, place.line, severity=Severity.WARNING)
    return Operator("noMatch", place=place, warning=warning)


def _from_files(argument: str, place: Place, reader: Reader, folder: Path) -> tuple[str, ...]:
    names = argument.split()
    if not names:
        raise refused(place, "@pmFromFile", "expected the name of a file")
    out: list[str] = []
    for name in names:
        out.extend(phrases(reader.text(folder / name, place)))
    return tuple(out)


def _words(argument: str, place: Place) -> tuple[str, ...]:
    words = tuple(re.sub(r"\|([0-9A-Fa-f]{2}(?: ?[0-9A-Fa-f]{2})*)\|", _bytes, word) for word in argument.split())
    if not words:
        raise refused(place, "@pm", "expected phrases")
    return words


def _bytes(found: re.Match[str]) -> str:
    """Snort notation: `|0d 0a|`."""
    return bytes.fromhex(found.group(1)).decode("utf-8", "surrogateescape")


def _networks(items: tuple[str, ...], place: Place) -> tuple[str, ...]:
    out: list[str] = []
    for item in items:
        try:
            out.append(str(ipaddress.ip_network(item.strip(), strict=False)))
        except ValueError as error:
            raise refused(place, "@ipMatch", "expected an address or a network", item) from error
    return tuple(out)


def _addresses(argument: str, place: Place) -> tuple[str, ...]:
    return _networks(tuple(part for part in argument.split(",") if part.strip()), place)


def _byte_ranges(argument: str, place: Place) -> tuple[str, ...]:
    out: list[str] = []
    for part in argument.split(","):
        found = _RANGE.fullmatch(part.strip())
        first = int(found.group(1)) if found else 256
        last = int(found.group(2)) if found and found.group(2) else first
        if first > last or last > 255:
            raise refused(place, "@validateByteRange", "expected bytes and ranges such as `9,10,32-126`", part)
        out.append(f"{first}-{last}")
    return tuple(out)


_ITEMS: dict[str, tuple[str, Callable[[str, Place], tuple[str, ...]]]] = {
    "pm": ("pm", _words),
    "ipmatch": ("ipMatch", _addresses),
    "validatebyterange": ("validateByteRange", _byte_ranges),
}
"""Operators whose argument is a list."""

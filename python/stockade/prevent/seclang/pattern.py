r"""Patterns: from the dialect of PCRE to that of the core, where they differ only in how the same thing is written.

What the core cannot run in linear time (look-around, back-references) is left as it is; the core runs those with a
bounded number of steps.
"""

import re

_REWRITES = (
    (re.compile(r"\\x\{([0-9A-Fa-f]{1,2})\}"), lambda found: "\\x" + found.group(1).rjust(2, "0")),
    (re.compile(r"\\e"), lambda _: r"\x1b"),
    (re.compile(r"\\h"), lambda _: r"[\x09\x20\xa0]"),
    (re.compile(r"\\H"), lambda _: r"[^\x09\x20\xa0]"),
    (re.compile(r"\\Z"), lambda _: r"\z"),
)
_ESCAPE = re.compile(r"\\x\{[0-9A-Fa-f]{1,2}\}|\\.", re.DOTALL)


def translate(pattern: str) -> str:
    """The pattern as the core reads it."""

    def one(found: re.Match[str]) -> str:
        text = found.group(0)
        for rewrite, build in _REWRITES:
            whole = rewrite.fullmatch(text)
            if whole:
                return build(whole)
        return text

    return _ESCAPE.sub(one, pattern)

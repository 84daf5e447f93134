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


_POSIX = re.compile(r"\[:\^?[a-z]+:\]")


def translate(pattern: str) -> str:
    """The pattern as the core reads it.

    Within a class PCRE takes `[`, `&&`, `~~` and `--` as they stand; the core would read a class within the class, or
    an operation on sets, so they are escaped.
    """
    out: list[str] = []
    # `start` is where the contents of the class begin; -1 outside of one.
    place, start = 0, -1
    while place < len(pattern):
        letter = pattern[place]
        escape = _ESCAPE.match(pattern, place)
        if escape is not None:
            out.append(_rewritten(escape.group(0)))
            place = escape.end()
            continue
        if start < 0:
            out.append(letter)
            place += 1
            if letter == "[":
                if pattern[place : place + 1] == "^":
                    out.append("^")
                    place += 1
                start = place
            continue
        posix = _POSIX.match(pattern, place)
        if posix is not None:
            out.append(posix.group(0))
            place = posix.end()
            continue
        if letter == "]" and place > start:
            start = -1
            out.append(letter)
        else:
            out.append(_within(pattern, place, start))
        place += 1
    return "".join(out)


def _rewritten(text: str) -> str:
    for rewrite, build in _REWRITES:
        whole = rewrite.fullmatch(text)
        if whole:
            return build(whole)
    return text


def _within(pattern: str, place: int, start: int) -> str:
    """One letter of a class whose contents begin at `start`."""
    letter = pattern[place]
    if not letter.isascii():
        # PCRE looks at bytes, and so does the core: each byte of the letter is a member.
        return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))
    if letter in "[]":
        return "\\" + letter
    if letter in "&~" and pattern[place + 1 : place + 2] == letter:
        return "\\" + letter
    # The first of `[--/]` and the second of `[+--]` are letters, the other is the sign of a range.
    first, second = place == start, place > start + 1 and pattern[place - 1] == "-"
    if letter == "-" and ((first and pattern[place + 1 : place + 2] == "-") or second):
        return "\\-"
    return letter

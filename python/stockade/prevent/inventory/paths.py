"""Finds the templates of paths in traffic: which segments are the API's own words and which are values.

Segments with a form of their own (numbers, UUIDs, dates, tokens) are values, unless there is only ever one. Words are
told apart by how they are used: an API has few words at one place, each asked for often; slugs are many, each asked for
seldom. What stands below them is merged, so `/users/{id}/orders` is one template however the users are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stockade.prevent.inventory.forms import form_of

DEPTH = 24
"""Segments of a path that are looked at; what is deeper is no template."""
NODES = 200_000
"""Places of all paths together; what comes after that is only counted."""
VALUES = 32
"""Distinct values remembered of one parameter."""
SLUGS = 6
"""Seldom words at one place from which they are taken for slugs."""
OFTEN = 20
"""Exchanges from which a word may be the API's own though there are slugs beside it."""
OWN_WORDS = frozenset({"me", "self", "current", "search", "new", "latest", "all", "count", "export", "batch", "bulk"})
"""Words that stand beside values in many APIs and are no value however seldom they are asked for."""
STANDS_OUT = 8
"""How many times as often as a slug beside it such a word must have been asked for."""


@dataclass(slots=True)
class _Node:
    count: int = 0
    methods: dict[str, int] = field(default_factory=dict)
    words: dict[str, _Node] = field(default_factory=dict)
    values: dict[str, _Node] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value in a template."""

    name: str
    """Name, made from the word before it."""
    form: str
    """What its values look like, one of `forms.FORMS`; `word` for slugs and for a mixture."""


@dataclass(frozen=True, slots=True)
class Template:
    """One operation as traffic shows it."""

    method: str
    """Method."""
    path: str
    """Template, such as `/orders/{order_id}`."""
    parameters: tuple[Parameter, ...]
    """Values in it, in order."""
    count: int
    """Exchanges it was learned from."""


class PathLearner:
    """Takes paths in and tells templates; bounded, whatever the traffic."""

    def __init__(self) -> None:
        self._root = _Node()
        self._nodes = 0
        self.left_out = 0

    def add(self, method: str, path: str, count: int = 1) -> None:
        """Take one path in. Give only paths that the API knows: a scanner's guesses (404, 405) teach nothing.

        Args:
            method: method.
            path: canonical path without query.
            count: exchanges with it.
        """
        segments = path.strip("/").split("/") if path.strip("/") else []
        if len(segments) > DEPTH:
            self.left_out += count
            return
        node = self._root
        for segment in segments:
            form = form_of(segment)
            below, key = (node.words, segment) if form == "word" else (node.values, form)
            child = below.get(key)
            if child is None:
                if self._nodes >= NODES:
                    self.left_out += count
                    return
                self._nodes += 1
                child = below[key] = _Node()
            child.count += count
            if form != "word" and len(child.seen) < VALUES:
                child.seen.add(segment)
            node = child
        node.methods[method] = node.methods.get(method, 0) + count

    def templates(self) -> list[Template]:
        """What was found, by path and method."""
        found = list(_walk(self._root, (), ()))
        return sorted(found, key=lambda template: (template.path, template.method))


def _walk(node: _Node, path: tuple[str, ...], parameters: tuple[Parameter, ...]) -> Iterator[Template]:
    for method, count in node.methods.items():
        yield Template(method, "/" + "/".join(path), parameters, count)
    words, values = _sorted_out(node)
    for word, child in words.items():
        yield from _walk(child, (*path, word), parameters)
    if values is not None:
        form, child = values
        name = _name(path, form, {parameter.name for parameter in parameters})
        yield from _walk(child, (*path, f"{{{name}}}"), (*parameters, Parameter(name, form)))


def _sorted_out(node: _Node) -> tuple[dict[str, _Node], tuple[str, _Node] | None]:
    """The API's own words at a place, and everything else as one value."""
    words = dict(node.words)
    values: list[tuple[str, _Node]] = []
    for form, child in node.values.items():
        if len(child.seen) == 1 and child.count >= OFTEN:
            # Always the same: a version such as `2010-04-01`, not a value.
            words[next(iter(child.seen))] = child
        else:
            values.append((form, child))
    slugs = _slugs(words, sum(child.count for _, child in values))
    values += [("word", words.pop(word)) for word in slugs]
    if not values:
        return words, None
    forms = {form for form, _ in values}
    return words, (forms.pop() if len(forms) == 1 else "word", _merged([child for _, child in values]))


def _slugs(words: dict[str, _Node], valued: int) -> list[str]:
    """Words that are values, with `valued` exchanges that have an evident value at their place."""
    if valued:
        return [
            word
            for word, child in words.items()
            if word not in OWN_WORDS and child.count < OFTEN and child.count * OFTEN <= valued
        ] or _many_seldom(words)
    return _many_seldom(words)


def _many_seldom(words: dict[str, _Node]) -> list[str]:
    if len(words) < SLUGS:
        return []
    counts = sorted(child.count for child in words.values())
    seldom = [count for count in counts if count < OFTEN]
    if len(seldom) < SLUGS:
        return []
    usual = seldom[len(seldom) // 2]
    found = []
    for word, child in words.items():
        stands_out = child.count >= max(OFTEN, STANDS_OUT * usual)
        if not stands_out or (_is_phrase(word) and len(seldom) >= 2 * SLUGS and child.count < 100 * usual):
            found.append(word)
    return found


def _is_phrase(word: str) -> bool:
    return word.count("-") >= 2 or any(letter.isdigit() for letter in word)


def _merged(nodes: Iterable[_Node]) -> _Node:
    merged = _Node()
    for node in nodes:
        merged.count += node.count
        merged.seen |= node.seen
        for method, count in node.methods.items():
            merged.methods[method] = merged.methods.get(method, 0) + count
        for below, into in ((node.words, merged.words), (node.values, merged.values)):
            for key, child in below.items():
                known = into.get(key)
                into[key] = child if known is None else _merged([known, child])
    return merged


def _name(path: tuple[str, ...], form: str, taken: set[str]) -> str:
    if form == "date":
        base = "date"
    else:
        word = next((part for part in reversed(path) if not part.startswith("{")), "")
        plain = "".join(letter if letter.isalnum() else "_" for letter in _singular(word)).strip("_").lower()
        base = f"{plain}_id" if plain else "id"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name


def _singular(word: str) -> str:
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss") and len(word) > len(ending) + 1:
            return word[: -len(ending)] + instead
    return word

"""A parsed document that still knows the line of every value."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stockade.model.problem import Problem

Scalar = str | int | float | bool | None
Step = str | int


class DocumentError(Exception):
    """A document that cannot be read; `problem` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps that keep a hostile document from costing more than it should."""

    file_bytes: int = 1024 * 1024
    """Largest file."""
    depth: int = 64
    """Deepest nesting of lists and mappings."""
    nodes: int = 100_000
    """Values in the whole document, with aliases expanded."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands."""

    value: "str | int | float | bool | dict[str, Node] | list[Node] | None"
    """A scalar, or the nodes below it."""
    line: int
    """Line from 1; for the value of a mapping, the line of its key."""

    def plain(self) -> Any:
        """The value without lines: dicts, lists and scalars."""
        match self.value:
            case dict():
                return {key: node.plain() for key, node in self.value.items()}
            case list():
                return [node.plain() for node in self.value]
            case scalar:
                return scalar

    def child(self, step: Step) -> "Node | None":
        """The node one step below, by key or index; in a list also by the `name` or `id` of an item."""
        match self.value:
            case dict() as mapping:
                return mapping.get(str(step))
            case list() as items:
                if isinstance(step, int) or step.isdigit():
                    index = int(step)
                    return items[index] if index < len(items) else None
                return next((item for item in items if _is_named(item, step)), None)
            case _:
                return None

    def locate(self, steps: Sequence[Step]) -> "tuple[Node, int]":
        """The deepest node on the way of `steps`, and how many steps led to it."""
        node = self
        for count, step in enumerate(steps):
            below = node.child(step)
            if below is None:
                return node, count
            node = below
        return node, len(steps)

    def walk(self, steps: tuple[Step, ...] = ()) -> "Iterator[tuple[tuple[Step, ...], Node]]":
        """Every node below this one, itself first, with the steps that lead to it."""
        yield steps, self
        match self.value:
            case dict() as mapping:
                for key, node in mapping.items():
                    yield from node.walk((*steps, key))
            case list() as items:
                for index, node in enumerate(items):
                    yield from node.walk((*steps, index))
            case _:
                return


def _is_named(item: Node, name: str) -> bool:
    if not isinstance(item.value, dict):
        return False
    return any(item.value[key].value == name for key in ("name", "id") if key in item.value)

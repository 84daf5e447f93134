"""A place in a document: a node with the file and the way to it."""

from dataclasses import dataclass
from pathlib import Path

from stockade.config.document import Node


@dataclass(frozen=True, slots=True)
class Place:
    """A node and where it stands."""

    file: Path
    """File it stands in."""
    steps: tuple[str, ...]
    """Keys and indices from the root of that file."""
    node: Node
    """The node."""

    @property
    def pointer(self) -> str:
        """JSON pointer (RFC 6901) in its file."""
        return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in self.steps) or "/"

    @property
    def key(self) -> tuple[Path, tuple[str, ...]]:
        """What tells it from every other place."""
        return self.file, self.steps

    def below(self, step: str | int) -> "Place | None":
        """The place one step below, when there is one."""
        value = self.node.value
        node = value.get(str(step)) if isinstance(value, dict) else self.node.child(step)
        return None if node is None else Place(self.file, (*self.steps, str(step)), node)

    def mapping(self) -> "list[tuple[str, Place]]":
        """Entries of a mapping, in order; none when it is something else."""
        if not isinstance(self.node.value, dict):
            return []
        return [(key, Place(self.file, (*self.steps, key), node)) for key, node in self.node.value.items()]

    def items(self) -> "list[Place]":
        """Items of a list; none when it is something else."""
        if not isinstance(self.node.value, list):
            return []
        return [Place(self.file, (*self.steps, str(index)), node) for index, node in enumerate(self.node.value)]

    def text(self, step: str) -> str | None:
        """The text of an entry; None when it is absent or something else."""
        value = self.node.value
        node = value.get(step) if isinstance(value, dict) else None
        return node.value if node is not None and isinstance(node.value, str) else None

    def flag(self, step: str, default: bool = False) -> bool:
        """The truth of an entry; the default when it is absent or something else."""
        value = self.node.value
        node = value.get(step) if isinstance(value, dict) else None
        return node.value if node is not None and isinstance(node.value, bool) else default

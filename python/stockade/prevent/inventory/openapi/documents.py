"""The files of an OpenAPI document, places in them, and `$ref` from one place to another.

References stay below the folder of the first file (no URL is fetched, no path climbs out), and chains of references are
bounded.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from stockade.config.document import DocumentError, Limits, Node, read_file
from stockade.model.problem import Problem, Severity

LIMITS = Limits(file_bytes=32 * 1024 * 1024, depth=100, nodes=3_000_000)
"""Caps for each file."""

_MOST_FILES = 500
_LONGEST_CHAIN = 50
_MOST_PROBLEMS = 50
_SHOWN = 80


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
        node = self.node.child(step)
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
        node = self.node.child(step)
        return node.value if node is not None and isinstance(node.value, str) else None

    def flag(self, step: str, default: bool = False) -> bool:
        """The truth of an entry; the default when it is absent or something else."""
        node = self.node.child(step)
        return node.value if node is not None and isinstance(node.value, bool) else default


class Documents:
    """Reads each file once, follows references, and collects problems."""

    def __init__(self, file: Path, shown_as: str) -> None:
        """Begin at a file.

        Args:
            file: the first file; all others lie in its folder or below.
            shown_as: its name in problems.
        """
        self._first = file.absolute()
        self._folder = self._first.parent.resolve()
        self._shown_as = shown_as
        self._roots: dict[Path, Node | None] = {}
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that was read or looked for."""
        return tuple(self._roots)

    def root(self) -> Place | None:
        """The root of the first file; None with a problem when it cannot be read."""
        return self._open(self._first, None)

    def shown(self, file: Path) -> str:
        """A file's name in problems."""
        if file == self._first:
            return self._shown_as
        return str(Path(self._shown_as).parent / file.relative_to(self._folder))

    def problem(self, place: Place, expected: str, got: str | None = None, hint: str | None = None) -> None:
        """Note a problem at a place."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(self._problem(place, expected, got, hint))

    def warning(self, place: Place, message: str, hint: str | None = None) -> None:
        """Note something odd at a place."""
        if len(self.warnings) < _MOST_PROBLEMS:
            self.warnings.append(self._problem(place, message, None, hint, Severity.WARNING))

    def _problem(
        self,
        place: Place,
        expected: str,
        got: str | None,
        hint: str | None,
        severity: Severity = Severity.ERROR,
    ) -> Problem:
        got = got if got is None or len(got) <= _SHOWN else f"{got[: _SHOWN - 3]}..."
        return Problem(place.pointer, expected, got, self.shown(place.file), place.node.line, hint, severity)

    def follow(self, place: Place) -> Place | None:
        """The place that a chain of `$ref` ends at; the place itself when it has none.

        Returns:
            None, with a problem noted, when a reference leads nowhere.
        """
        for _ in range(_LONGEST_CHAIN):
            reference = place.text("$ref")
            if reference is None:
                return place
            target = self.resolve(place, reference)
            if target is None:
                return None
            place = target
        self.problem(place, f"expected at most {_LONGEST_CHAIN} references in a row", "more, or a circle")
        return None

    def resolve(self, place: Place, reference: str) -> Place | None:
        """The place that a reference names; None, with a problem noted, when there is none."""
        name, _, fragment = reference.partition("#")
        root = self._open(place.file, place) if not name else self._other(place, unquote(name))
        if root is None:
            return None
        if fragment and not fragment.startswith("/"):
            hint = "write `#/components/schemas/NAME`"
            self.problem(place, "expected a reference by JSON pointer", reference, hint)
            return None
        target = root
        for step in unquote(fragment).split("/")[1:]:
            below = target.below(step.replace("~1", "/").replace("~0", "~"))
            if below is None:
                self.problem(place, "expected a reference to something that exists", reference)
                return None
            target = below
        return target

    def _other(self, place: Place, name: str) -> Place | None:
        if "://" in name or name.startswith("//"):
            hint = "save the document beside this one and refer to the file"
            self.problem(place, "expected a reference to a local file", name, hint)
            return None
        try:
            file = (place.file.parent / name).resolve()
        except (OSError, ValueError, RuntimeError):
            self.problem(place, "expected a reference to a local file", name)
            return None
        if not file.is_relative_to(self._folder):
            self.problem(place, "expected a file in the folder of the document or below", name)
            return None
        return self._open(self._first if file == self._first.resolve() else file, place)

    def _open(self, file: Path, referrer: Place | None) -> Place | None:
        if file not in self._roots:
            if len(self._roots) >= _MOST_FILES:
                if referrer is not None:
                    self.problem(referrer, f"expected at most {_MOST_FILES} files", "more")
                return None
            try:
                self._roots[file] = read_file(file, self.shown(file), LIMITS)
            except DocumentError as error:
                self._roots[file] = None
                self.problems.append(error.problem)
        node = self._roots[file]
        return None if node is None else Place(file, (), node)

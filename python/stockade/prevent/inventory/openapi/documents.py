"""The files of an OpenAPI document, and `$ref` from one place to another.

References stay below the folder of the first file or lead into the copies that the config names (no URL is fetched, no
path climbs out), and chains of references are bounded.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from stockade.config.document import DocumentError, Limits, Node, read_file
from stockade.model.problem import Problem, Severity
from stockade.prevent.inventory.openapi.place import Place
from stockade.prevent.inventory.openapi.resources import NAMES, Resource, Resources

LIMITS = Limits(file_bytes=32 * 1024 * 1024, depth=100, nodes=3_000_000)
"""Caps for each file."""

_STANDARD = (
    "https://json-schema.org/draft/2020-12/",
    "https://json-schema.org/draft/2019-09/",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
)
"""Schemas that the engine knows by name."""
_MOST_FILES = 500
_LONGEST_CHAIN = 50
_MOST_PROBLEMS = 50
_SHOWN = 80


class Documents:
    """Reads each file once, follows references, and collects problems."""

    def __init__(self, file: Path, shown_as: str, copies: Mapping[str, Path] | None = None) -> None:
        """Begin at a file.

        Args:
            file: the first file; all others lie in its folder or below.
            shown_as: its name in problems.
            copies: local copies of documents by URL; a URL that ends in `/` stands for all below it.
        """
        self._first = file.absolute()
        self._folder = self._first.parent.resolve()
        self._shown_as = shown_as
        self._copies = dict(copies or {})
        self._roots: dict[Path, Node | None] = {}
        self._resources: dict[Path, Resources] = {}
        self._by_uri: dict[str, Resource] = {}
        self._validates: dict[str, bool] = {}
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
        if file.is_relative_to(self._folder):
            return str(Path(self._shown_as).parent / file.relative_to(self._folder))
        return str(file)

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

    def standard(self, place: Place, reference: str) -> str | None:
        """The whole URI of a reference to a schema that the engine knows by name; None for any other."""
        if "json-schema.org" not in reference and not self.resource(place).uri.startswith(_STANDARD):
            return None
        uri = urljoin(self.resource(place).uri, reference)
        return uri if uri.startswith(_STANDARD) and uri.partition("#")[0] not in self._by_uri else None

    def resource(self, place: Place) -> Resource:
        """The resource that a place belongs to."""
        return self._resources[place.file].around(place)

    def validates(self, place: Place) -> bool:
        """Whether keywords such as `minimum` say anything at a place.

        They do not where `$schema` names a copied metaschema without that vocabulary (JSON Schema 2020-12, 8.1.2).
        """
        name = self.resource(place).root.text("$schema")
        if name is None or name.startswith(_STANDARD):
            return True
        if name not in self._validates:
            uri = name.rstrip("#")
            copy = self._copy(uri)
            known = self._by_uri.get(uri) or (self._whole(copy, place, uri) if copy is not None else None)
            vocabulary = known.root.below("$vocabulary") if known else None
            named = [key for key, _ in vocabulary.mapping()] if vocabulary else None
            self._validates[name] = named is None or any(key.endswith("/vocab/validation") for key in named)
        return self._validates[name]

    def around(self, place: Place, mark: str) -> Place | None:
        """The nearest place around one that has an entry `mark` which is true; None when there is none."""
        node = self._roots.get(place.file)
        at = None if node is None else Place(place.file, (), node)
        found: Place | None = None
        for step in place.steps:
            if at is None:
                return found
            found = at if at.flag(mark) else found
            at = at.below(step)
        return found

    def dynamic_anchors(self, resource: Resource) -> list[Place]:
        """The places of a resource that have a `$dynamicAnchor`."""
        return self._resources[resource.root.file].dynamic.get(resource.uri, [])

    def resolve(self, place: Place, reference: str) -> Place | None:
        """The place that a reference names; None, with a problem noted, when there is none."""
        name, _, fragment = reference.partition("#")
        resource = self._named(place, name) if name else self.resource(place)
        if resource is None:
            return None
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            found = self._resources[resource.root.file].anchors.get((resource.uri, fragment))
            if found is None:
                hint = "write `#/components/schemas/NAME`, or the name of an `$anchor`"
                self.problem(place, "expected a reference to something that exists", reference, hint)
            return found
        target = resource.root
        for step in fragment.split("/")[1:]:
            below = target.below(step.replace("~1", "/").replace("~0", "~"))
            if below is None:
                self.problem(place, "expected a reference to something that exists", reference)
                return None
            target = below
        return target

    def _named(self, place: Place, name: str) -> Resource | None:
        """The resource that a reference names without its fragment."""
        base = self.resource(place)
        if base.root.steps == () and base.uri == place.file.as_uri() and not urlsplit(name).scheme:
            return self._below_folder(place, unquote(name))
        uri = urljoin(base.uri, name)
        known = self._by_uri.get(uri)
        if known is not None:
            return known
        copy = self._copy(uri)
        if copy is not None:
            return self._whole(copy, place, uri)
        if uri.startswith("file:///"):
            return self._below_folder(place, unquote(urlsplit(uri).path))
        hint = "save the document beside this one and refer to the file, or name it in `contract.copies`"
        self.problem(place, "expected a reference to a local file", name, hint)
        return None

    def _copy(self, uri: str) -> Path | None:
        for url, path in self._copies.items():
            if uri == url:
                return path.absolute()
            if url.endswith("/") and uri.startswith(url):
                found = (path / unquote(uri.removeprefix(url))).resolve()
                if found.is_relative_to(path.resolve()):
                    return found
        return None

    def _below_folder(self, place: Place, name: str) -> Resource | None:
        if name.startswith("//"):
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
        return self._whole(self._first if file == self._first.resolve() else file, place, None)

    def _whole(self, file: Path, referrer: Place, uri: str | None) -> Resource | None:
        root = self._open(file, referrer, uri)
        return self.resource(root) if root is not None else None

    def _open(self, file: Path, referrer: Place | None, uri: str | None = None) -> Place | None:
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
            else:
                self._index(file, uri)
        node = self._roots[file]
        return None if node is None else Place(file, (), node)

    def _index(self, file: Path, uri: str | None) -> None:
        node = self._roots[file]
        if node is None:
            return
        whole = Resource(uri or file.as_uri(), Place(file, (), node))
        resources = Resources(whole)
        if NAMES.search(file.read_bytes()):
            resources.find()
        self._resources[file] = resources
        self._by_uri.setdefault(whole.uri, resources.around(whole.root))
        for resource in resources.nested.values():
            self._by_uri.setdefault(resource.uri, resource)

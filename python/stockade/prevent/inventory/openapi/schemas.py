"""The schemas of a document: those of operations, and the named ones that they refer to, kept once for all of them."""

import re
from typing import Any

from stockade.prevent.inventory.openapi.compound import Compound
from stockade.prevent.inventory.openapi.documents import Documents
from stockade.prevent.inventory.openapi.keywords import Converter, Direction
from stockade.prevent.inventory.openapi.place import Place
from stockade.prevent.inventory.operation import Schema

_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_MOST_DEFINITIONS = 50_000


class Schemas(Converter):
    """Converts the schemas of operations. References become `#/$defs/NAME`, where NAME is one of `definitions`.

    A schema that cannot do without dynamic references stands alone, with all it needs in its own `$defs`.
    """

    def __init__(self, documents: Documents, *, is_3_0: bool, read_only: bool = False) -> None:
        """Begin; see `Converter`."""
        super().__init__(documents, is_3_0=is_3_0, read_only=read_only)
        self.definitions: dict[str, Schema] = {}
        self.places: dict[str, Place] = {}
        self._names: dict[Any, str] = {}
        self._pending: list[tuple[str, Place, Direction]] = []
        # Edges between named schemas; of those that look at the same value a circle never ends.
        self._edges: dict[str | None, set[str]] = {}
        self._same_value: dict[str | None, set[str]] = {}
        self._dynamic_owners: set[str | None] = set()
        self._ending: set[str] = set()

    def convert(self, place: Place, direction: Direction = "request") -> Schema:
        """The schema at a place.

        Args:
            place: the schema.
            direction: whether values of it are sent to the API or by it.
        """
        for known in (self._edges, self._same_value):
            known.pop(None, None)
        self._dynamic_owners.discard(None)
        self._direction = direction
        schema = self._convert(place, None)
        fresh: list[str] = []
        while self._pending:
            name, pending, self._direction = self._pending.pop()
            self.definitions[name] = self._convert(pending, name)
            fresh.append(name)
        self._refuse_endless(place, fresh)
        if self._dynamic_owners and self._is_dynamic():
            compound = Compound(self._documents, is_3_0=self._is_3_0, read_only=self._read_only)
            return compound.whole(place, direction)
        return schema

    def _refer(self, place: Place, reference: str, owner: str | None, *, same_value: bool) -> dict[str, Any] | None:
        standard = self._documents.standard(place, reference)
        if standard is not None:
            return {"$ref": standard}
        target = self._documents.resolve(place, reference)
        name = None if target is None else self._name(place, target)
        if name is None:
            return None
        self._edges.setdefault(owner, set()).add(name)
        if same_value:
            self._same_value.setdefault(owner, set()).add(name)
        return {"$ref": f"#/$defs/{name}"}

    def _refer_dynamic(
        self, place: Place, reference: str, owner: str | None, *, same_value: bool
    ) -> dict[str, Any] | None:
        self._dynamic_owners.add(owner)
        return self._refer(place, reference, owner, same_value=same_value)

    def _name(self, place: Place, target: Place) -> str | None:
        key = (target.key, self._direction)
        known = self._names.get(key)
        if known is not None:
            return known
        if len(self._names) >= _MOST_DEFINITIONS:
            self._documents.problem(place, f"expected at most {_MOST_DEFINITIONS} named schemas", "more")
            return None
        stem = _NAME.sub("_", target.steps[-1] if target.steps else target.file.stem)[:60] or "schema"
        stem = stem if self._direction == "request" else f"{stem}.response"
        name, count = stem, 1
        while name in self.places:
            count += 1
            name = f"{stem}_{count}"
        self._names[key] = name
        self.places[name] = target
        self._pending.append((name, target, self._direction))
        return name

    def _is_dynamic(self) -> bool:
        """Whether the schema that was converted last leads to a dynamic reference."""
        seen: set[str | None] = {None}
        todo: list[str | None] = [None]
        while todo:
            name = todo.pop()
            if name in self._dynamic_owners:
                return True
            for following in self._edges.get(name, set()) - seen:
                seen.add(following)
                todo.append(following)
        return False

    def _refuse_endless(self, place: Place, fresh: list[str]) -> None:
        """Note a problem when a new schema refers to itself for one and the same value."""
        for name in fresh:
            if name not in self._ending and not self._ends(place, name):
                return

    def _ends(self, place: Place, start: str) -> bool:
        """Follow a schema's references to their end; False, with a problem noted, when they lead back."""
        trail = [(start, iter(self._same_value.get(start, ())))]
        on_trail = {start}
        while trail:
            name, below = trail[-1]
            following = next(below, None)
            if following is None:
                trail.pop()
                on_trail.discard(name)
                self._ending.add(name)
            elif following in on_trail:
                self._documents.problem(place, f"expected schemas that end; `{following}` refers to itself")
                return False
            elif following not in self._ending:
                on_trail.add(following)
                trail.append((following, iter(self._same_value.get(following, ()))))
        return True

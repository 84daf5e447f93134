"""A schema with dynamic references, as one compound document (JSON Schema 2020-12, 9.3).

What a `$dynamicRef` leads to depends on the resources that were entered on the way, so each keeps its own `$id` here,
with every schema of it that has a `$dynamicAnchor`.
"""

from typing import Any

from stockade.prevent.inventory.openapi.documents import Documents
from stockade.prevent.inventory.openapi.keywords import Converter, Direction
from stockade.prevent.inventory.openapi.place import Place
from stockade.prevent.inventory.openapi.resources import Resource
from stockade.prevent.inventory.operation import Schema

_MOST_DEFINITIONS = 5000


class Compound(Converter):
    """Converts one schema with all that it leads to."""

    def __init__(self, documents: Documents, *, is_3_0: bool, read_only: bool) -> None:
        """Begin; see `Converter`."""
        super().__init__(documents, is_3_0=is_3_0, read_only=read_only)
        self._resources: dict[str, dict[str, Any]] = {}
        """What each resource becomes, by its URI."""
        self._addresses: dict[Any, str] = {}
        self._pending: list[tuple[Place, dict[str, Any], str | None]] = []
        self._here: Place | None = None

    def whole(self, place: Place, direction: Direction) -> Schema:
        """The schema at a place, self-contained."""
        self._direction = direction
        address = self._address(place, place)
        while self._pending:
            self._here, node, name = self._pending.pop()
            converted = self._convert(self._here, None)
            if name is not None:
                node["$defs"][name] = converted
            elif isinstance(converted, dict):
                node.update(converted | {"$id": node["$id"], "$defs": node["$defs"]})
            elif converted is False:
                node["not"] = {}
        return {"$id": "stockade:/", "$ref": address, "$defs": {node["$id"][10:]: node for node in self._nodes()}}

    def _nodes(self) -> list[dict[str, Any]]:
        return list(self._resources.values())

    def _refer(self, place: Place, reference: str, owner: str | None, *, same_value: bool) -> dict[str, Any] | None:
        del owner, same_value
        standard = self._documents.standard(place, reference)
        if standard is not None:
            return {"$ref": standard}
        target = self._documents.resolve(place, reference)
        return None if target is None else {"$ref": self._address(place, target)}

    def _refer_dynamic(
        self, place: Place, reference: str, owner: str | None, *, same_value: bool
    ) -> dict[str, Any] | None:
        del owner, same_value
        target = self._documents.resolve(place, reference)
        if target is None:
            return None
        node = self._node(self._documents.resource(target))
        return {"$dynamicRef": f"{node['$id']}#{target.text('$dynamicAnchor')}"}

    def _instead(self, place: Place) -> Schema | None:
        if self._here is not None and place.key == self._here.key:
            return None
        is_resource = self._documents.resource(place).root.key == place.key
        if is_resource or place.text("$dynamicAnchor") is not None:
            return {"$ref": self._address(place, place)}
        return None

    def _convert_here(self, place: Place, owner: str | None, *, same_value: bool) -> Schema:
        schema = super()._convert_here(place, owner, same_value=same_value)
        anchor = place.text("$dynamicAnchor")
        if isinstance(schema, dict) and anchor is not None:
            schema["$dynamicAnchor"] = anchor
        return schema

    def _node(self, resource: Resource) -> dict[str, Any]:
        node = self._resources.get(resource.uri)
        if node is None:
            node = {"$id": f"stockade:/r{len(self._resources)}", "$defs": {}}
            self._resources[resource.uri] = node
            for place in self._documents.dynamic_anchors(resource):
                self._address(place, place)
        return node

    def _address(self, place: Place, target: Place) -> str:
        """Where a schema is kept."""
        known = self._addresses.get(target.key)
        if known is not None:
            return known
        if len(self._addresses) >= _MOST_DEFINITIONS:
            self._documents.problem(place, f"expected at most {_MOST_DEFINITIONS} schemas reachable from one", "more")
            return "stockade:/"
        resource = self._documents.resource(target)
        node = self._node(resource)
        known = self._addresses.get(target.key)
        if known is not None:
            return known
        name = None if target.key == resource.root.key else f"s{len(self._addresses)}"
        address = str(node["$id"]) if name is None else f"{node['$id']}#/$defs/{name}"
        self._addresses[target.key] = address
        self._pending.append((target, node, name))
        return address

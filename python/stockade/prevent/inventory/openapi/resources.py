"""What a file names beside its JSON pointers: `$id`, `$anchor` and `$dynamicAnchor` (JSON Schema 2020-12, 8.2)."""

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin

from stockade.prevent.inventory.openapi.place import Place

NAMES = re.compile(rb"\$(?:id|anchor|dynamicAnchor)\b")
"""What a file must hold for [`Resources`] to have anything to find."""

_MAPS = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
"""Keywords whose keys are names, not keywords."""
_DATA = {"enum", "const", "default", "example", "examples"}
"""Keywords whose values are data, not schemas."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A schema resource, or a whole file."""

    uri: str
    """What it is called; the base of the references in it."""
    root: Place
    """Where it begins."""


@dataclass(slots=True)
class Resources:
    """The resources of one file."""

    whole: Resource
    """The file itself."""
    nested: dict[tuple[str, ...], Resource] = field(default_factory=dict)
    """Those that a `$id` begins, by the way to them."""
    anchors: dict[tuple[str, str], Place] = field(default_factory=dict)
    """Places by the URI of their resource and their anchor."""
    dynamic: dict[str, list[Place]] = field(default_factory=dict)
    """Places with a `$dynamicAnchor`, by the URI of their resource."""

    def find(self) -> None:
        """Look through the file."""
        todo: list[tuple[Place, Resource, bool]] = [(self.whole.root, self.whole, False)]
        while todo:
            place, resource, is_map = todo.pop()
            if not is_map:
                resource = self._note(place, resource)
            for key, below in place.mapping():
                if is_map or key not in _DATA:
                    todo.append((below, resource, not is_map and key in _MAPS))
            todo.extend((item, resource, False) for item in place.items())

    def _note(self, place: Place, resource: Resource) -> Resource:
        name = place.text("$id")
        if name is not None and not name.rstrip("#").count("#"):
            resource = Resource(urljoin(resource.uri, name.rstrip("#")), place)
            self.nested[place.steps] = resource
        for keyword in ("$anchor", "$dynamicAnchor"):
            anchor = place.text(keyword)
            if anchor is not None:
                self.anchors[resource.uri, anchor] = place
        if place.text("$dynamicAnchor") is not None:
            self.dynamic.setdefault(resource.uri, []).append(place)
        return resource

    def around(self, place: Place) -> Resource:
        """The resource that a place of this file belongs to."""
        if self.nested:
            for length in range(len(place.steps), -1, -1):
                resource = self.nested.get(place.steps[:length])
                if resource is not None:
                    return resource
        return self.whole

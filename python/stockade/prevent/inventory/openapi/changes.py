"""What changed between two versions of a contract, and which changes break clients."""

from collections.abc import Iterator
from dataclasses import dataclass

from stockade.prevent.inventory.openapi.schema_changes import changes as schema_changes
from stockade.prevent.inventory.operation import Inventory, Media, Operation, Parameter, Schema


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    operation: str
    """Operation, as `GET /orders/{id}`."""
    place: str
    """Where in it, such as `query.page`, `request.note` or `response 200.items[].id`; empty for the whole of it."""
    what: str
    """What changed."""
    breaks: bool
    """Whether a client that was right may now fail: its requests are refused, or it reads what it does not know."""


def changes(old: Inventory, new: Inventory) -> list[Change]:
    """The differences, those that break clients first.

    Args:
        old: the version that clients know.
        new: the version that is to come.
    """
    found = list(_Comparison(old, new).operations())
    return sorted(found, key=lambda change: (not change.breaks, change.operation, change.place))


class _Comparison:
    def __init__(self, old: Inventory, new: Inventory) -> None:
        self._old = old
        self._new = new

    def operations(self) -> Iterator[Change]:
        before = {_key(operation): operation for operation in self._old.operations}
        after = {_key(operation): operation for operation in self._new.operations}
        if (self._old.base_path or "/") != (self._new.base_path or "/"):
            text = f"base path `{self._old.base_path or '/'}` became `{self._new.base_path or '/'}`"
            yield Change("", "", text, True)
        for key in before.keys() - after.keys():
            yield Change(_shown(before[key]), "", "was taken out", True)
        for key in after.keys() - before.keys():
            yield Change(_shown(after[key]), "", "was added", False)
        for key in before.keys() & after.keys():
            yield from self._operation(before[key], after[key])

    def _operation(self, old: Operation, new: Operation) -> Iterator[Change]:
        name = _shown(new)
        if old.public and not new.public:
            yield Change(name, "", "needs a credential", True)
        if not old.public and new.public:
            yield Change(name, "", "needs no credential any more", False)
        if new.deprecated and not old.deprecated:
            yield Change(name, "", "became deprecated", False)
        yield from self._parameters(name, old, new)
        yield from self._body(name, old, new)
        yield from self._responses(name, old, new)

    def _parameters(self, name: str, old: Operation, new: Operation) -> Iterator[Change]:
        # A path parameter is known by its position: its name is of no matter to clients.
        before, after = _parameters(old), _parameters(new)
        for key in before.keys() - after.keys():
            yield Change(name, ".".join(key), "was taken out", key[0] == "query")
        for key in after.keys() - before.keys():
            needed = after[key].required
            yield Change(name, ".".join(key), "was added" + (" and is required" if needed else ""), needed)
        for key in before.keys() & after.keys():
            one, other = before[key], after[key]
            place = ".".join(key)
            if one.required != other.required:
                what = "became required" if other.required else "is no longer required"
                yield Change(name, place, what, other.required)
            if (one.style, one.explode) != (other.style, other.explode):
                yield Change(name, place, f"is written in another style: {other.style}", True)
            yield from self._schema(name, place, one.schema, other.schema, is_request=True)

    def _body(self, name: str, old: Operation, new: Operation) -> Iterator[Change]:
        if old.body is None and new.body is None:
            return
        if old.body is None or new.body is None:
            breaks = new.body is None or new.body.required
            what = "is no longer taken" if new.body is None else "is taken" + (" and required" if breaks else "")
            yield Change(name, "request", what, breaks)
            return
        if old.body.required != new.body.required:
            what = "became required" if new.body.required else "is no longer required"
            yield Change(name, "request", what, new.body.required)
        yield from self._media(name, "request", old.body.content, new.body.content, is_request=True)

    def _responses(self, name: str, old: Operation, new: Operation) -> Iterator[Change]:
        before = {response.status: response for response in old.responses}
        after = {response.status: response for response in new.responses}
        for status in before.keys() - after.keys():
            yield Change(name, f"response {status}", "was taken out", False)
        for status in after.keys() - before.keys():
            breaks = status[0] in "23" and bool(before)
            yield Change(name, f"response {status}", "was added", breaks)
        for status in before.keys() & after.keys():
            one, other = before[status], after[status]
            yield from self._media(name, f"response {status}", one.content, other.content, is_request=False)

    def _media(
        self, name: str, place: str, old: tuple[Media, ...], new: tuple[Media, ...], *, is_request: bool
    ) -> Iterator[Change]:
        before = {media.media_type: media for media in old}
        after = {media.media_type: media for media in new}
        for kind in before.keys() - after.keys():
            yield Change(name, place, f"`{kind}` was taken out", True)
        for kind in after.keys() - before.keys():
            yield Change(name, place, f"`{kind}` was added", False)
        for kind in before.keys() & after.keys():
            one, other = before[kind].schema, after[kind].schema
            one, other = True if one is None else one, True if other is None else other
            yield from self._schema(name, place, one, other, is_request=is_request)

    def _schema(self, name: str, place: str, old: Schema, new: Schema, *, is_request: bool) -> Iterator[Change]:
        for change in schema_changes(old, new, self._old.schemas, self._new.schemas):
            breaks = change.takes_less if is_request else change.takes_more
            yield Change(name, f"{place}{change.place}", change.what, breaks)


def _key(operation: Operation) -> tuple[str, str]:
    """Method and path; what a path parameter is called does not tell operations apart."""
    steps = ("{}" if "{" in step else step for step in operation.path.split("/"))
    return operation.method, "/".join(steps)


def _shown(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def _parameters(operation: Operation) -> dict[tuple[str, str], Parameter]:
    names = [step for step in operation.path.split("/") if "{" in step]
    found: dict[tuple[str, str], Parameter] = {}
    for parameter in operation.parameters:
        name = parameter.name
        if parameter.place == "path":
            name = str(next((index for index, step in enumerate(names, 1) if f"{{{name}}}" in step), name))
        found[parameter.place, name] = parameter
    return found

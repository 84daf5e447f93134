"""Compares what the config names with what the spec has: operations, tags and paths that lead nowhere."""

import difflib
import re
from collections.abc import Iterator, Sequence

from stockade.config.api import Api
from stockade.config.document.node import Step
from stockade.config.selector import Selector
from stockade.config.sources import Sources
from stockade.model.problem import Problem, Severity
from stockade.prevent.inventory.operation import Inventory, Operation


def check(name: str, api: Api, inventory: Inventory | None, base_path: str, sources: Sources) -> Iterator[Problem]:
    """Everything in one API's settings that its spec does not know.

    Args:
        name: the API's name in config.
        api: its settings.
        inventory: its operations; None when it has no spec.
        base_path: its base path.
        sources: where the settings came from.
    """
    operations = inventory.operations if inventory else ()
    for steps, selector in _selectors(("apis", name), api):
        yield from _unknown(steps, selector, operations, sources, has_spec=inventory is not None)
        if inventory is not None:
            yield from _unmatched_paths(steps, selector, operations, base_path, sources)
    for index, exception in enumerate(api.inspect.exceptions):
        if exception.operation is not None:
            steps = ("apis", name, "inspect", "exceptions", index, "operation")
            yield from _unknown_operation(steps, exception.operation, operations, sources, inventory is not None)
    for index, left_out in enumerate(api.seclang.exceptions if api.seclang else ()):
        if left_out.operation is not None:
            steps = ("apis", name, "seclang", "exceptions", index, "operation")
            yield from _unknown_operation(steps, left_out.operation, operations, sources, inventory is not None)
    if inventory is not None and api.access.admin is not None:
        known = {tag for operation in operations for tag in operation.tags}
        for index, tag in enumerate(api.access.admin.tags):
            if tag not in known and "tags" in api.access.admin.model_fields_set:
                yield _no_tag(("apis", name, "access", "admin", "tags", index), tag, known, sources)
    if inventory is not None and api.identity.is_required:
        yield from _public(name, api, operations, sources)


def _selectors(base: tuple[Step, ...], api: Api) -> Iterator[tuple[tuple[Step, ...], Selector]]:
    if api.identity.anonymous is not None:
        yield (*base, "identity", "anonymous"), api.identity.anonymous
    for index, route in enumerate(api.identity.routes):
        yield (*base, "identity", "routes", index), route
    for index, rule in enumerate(api.access.rules):
        yield (*base, "access", "rules", index), rule
    for index, field in enumerate(api.access.fields):
        yield (*base, "access", "fields", index), field
    for index, limit in enumerate(api.limits):
        yield (*base, "limits", index), limit


def _unknown(
    steps: tuple[Step, ...],
    selector: Selector,
    operations: Sequence[Operation],
    sources: Sources,
    *,
    has_spec: bool,
) -> Iterator[Problem]:
    for index, operation in enumerate(selector.operations):
        yield from _unknown_operation((*steps, "operations", index), operation, operations, sources, has_spec)
    known = {tag for operation in operations for tag in operation.tags}
    for index, tag in enumerate(selector.tags):
        if tag not in known:
            yield _no_tag((*steps, "tags", index), tag, known, sources)
    by_both = selector.operations and selector.tags and "identity" not in steps[2:3]
    if by_both and not any(
        operation.id in selector.operations and set(operation.tags) & set(selector.tags) for operation in operations
    ):
        message = "selects no operation: none of `operations` has one of `tags`"
        yield sources.problem(steps, message, severity=Severity.WARNING)


def _unknown_operation(
    steps: tuple[Step, ...], name: str, operations: Sequence[Operation], sources: Sources, has_spec: bool
) -> Iterator[Problem]:
    ids = [operation.id for operation in operations]
    if name in ids:
        return
    if not has_spec:
        hint = "add `spec`, or choose by `paths` and `methods`"
        yield sources.problem(steps, "expected a `spec` that has this operation", hint, got=name)
        return
    yield sources.problem(steps, "expected an operation of the spec", _close(name, ids), got=name)


def _no_tag(steps: tuple[Step, ...], tag: str, known: set[str], sources: Sources) -> Problem:
    message = f"no operation of the spec has the tag `{tag}`"
    return sources.problem(steps, message, _close(tag, sorted(known)), severity=Severity.WARNING)


def _close(name: str, known: Sequence[str]) -> str | None:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"there are {', '.join(known[:12])}{' and more' if len(known) > 12 else ''}" if known else None


def _unmatched_paths(
    steps: tuple[Step, ...],
    selector: Selector,
    operations: Sequence[Operation],
    base_path: str,
    sources: Sources,
) -> Iterator[Problem]:
    below = "" if base_path == "/" else base_path
    for index, glob in enumerate(selector.paths):
        if not any(overlaps(glob, below + operation.path) for operation in operations):
            hint = f"paths begin with the base path `{base_path}`" if below else None
            message = f"no operation of the spec has a path like `{glob}`"
            yield sources.problem((*steps, "paths", index), message, hint, severity=Severity.WARNING)


def overlaps(glob: str, template: str) -> bool:
    """Whether some path fits both a glob and a path template."""
    return _overlap(glob.strip("/").split("/"), template.strip("/").split("/"))


def _overlap(globs: list[str], segments: list[str]) -> bool:
    # Positions of the glob that can be reached; linear in segments times parts.
    reached = _with_skips({0}, globs)
    for segment in segments:
        following: set[int] = set()
        for place in reached:
            if place == len(globs):
                continue
            if globs[place] == "**":
                following.add(place)
            elif _segment_overlaps(globs[place], segment):
                following.add(place + 1)
        reached = _with_skips(following, globs)
    return len(globs) in reached


def _with_skips(reached: set[int], globs: list[str]) -> set[int]:
    """Adds the positions behind every `**`, which may stand for no segment."""
    found = set(reached)
    for place in sorted(reached):
        while place < len(globs) and globs[place] == "**":
            place += 1
            found.add(place)
    return found


def _segment_overlaps(glob: str, segment: str) -> bool:
    if "{" in segment:
        return True
    pattern = ".*".join(re.escape(piece) for piece in re.split(r"\*+", glob))
    return re.fullmatch(pattern, segment, re.IGNORECASE) is not None


def _public(name: str, api: Api, operations: Sequence[Operation], sources: Sources) -> Iterator[Problem]:
    anonymous = api.identity.anonymous or Selector()
    routes = api.identity.routes
    closed = [
        operation.id
        for operation in operations
        if operation.public
        and operation.id not in anonymous.operations
        and not set(operation.tags) & set(anonymous.tags)
        and not any(overlaps(glob, operation.path) for glob in anonymous.paths)
        and not any(_names(route, operation) for route in routes)
    ]
    if closed:
        shown = ", ".join(f"`{operation}`" for operation in closed[:8]) + (" and more" if len(closed) > 8 else "")
        yield sources.problem(
            ("apis", name, "identity"),
            f"the spec says that {shown} need no credential, but identity requires one",
            f"add `anonymous: {{operations: [{', '.join(closed[:8])}]}}` when they are meant to be open",
            severity=Severity.WARNING,
        )


def _names(selector: Selector, operation: Operation) -> bool:
    return (
        operation.id in selector.operations
        or bool(set(operation.tags) & set(selector.tags))
        or any(overlaps(glob, operation.path) for glob in selector.paths)
    )

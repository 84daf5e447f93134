"""Turns what pydantic found into problems in the user's words."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from stockade.config.document.node import Step
from stockade.config.root import Config
from stockade.config.section import Section
from stockade.config.sources import Sources
from stockade.config.values.refuse import CODE
from stockade.model.problem import Problem

_EXPECTED = {
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected `true` or `false`",
    "bool_parsing": "expected `true` or `false`",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "dict_type": "expected a mapping of settings",
    "mapping_type": "expected a mapping of settings",
    "model_type": "expected a mapping of settings",
    "model_attributes_type": "expected a mapping of settings",
    "path_type": "expected the path of a file or folder",
    "datetime_type": "expected a date or a time",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "expected {} or more"),
    "less_than_equal": ("le", "expected {} or less"),
    "too_short": ("min_length", "expected {} or more entries"),
    "too_long": ("max_length", "expected {} or fewer entries"),
    "string_too_short": ("min_length", "expected {} or more characters"),
    "string_too_long": ("max_length", "expected {} or fewer characters"),
    "string_pattern_mismatch": ("pattern", "expected text of the form {}"),
}


def problems_of(error: ValidationError, sources: Sources) -> list[Problem]:
    """One problem for each thing that does not fit, in the order of the file."""
    details = error.errors(include_url=False, include_input=False)
    places = [entry["loc"] for entry in details]
    # A list whose entries are all wrong is reported as too short as well, which says nothing new.
    telling = [
        entry
        for entry in details
        if entry["type"] != "too_short" or not any(_is_below(place, entry["loc"]) for place in places)
    ]
    return sorted((_problem(entry, sources) for entry in telling), key=lambda problem: problem.line or 0)


def _is_below(place: Sequence[Step], parent: Sequence[Step]) -> bool:
    return len(place) > len(parent) and tuple(place[: len(parent)]) == tuple(parent)


def _problem(details: ErrorDetails, sources: Sources) -> Problem:
    steps = tuple(details["loc"])
    context = details.get("ctx") or {}
    # Problems with a mapping key come with this mark behind the key.
    if steps and steps[-1] == "[key]":
        steps = steps[:-1]
        return sources.problem(steps, str(context.get("expected", details["msg"])), got=str(steps[-1]))
    match details["type"]:
        case "extra_forbidden":
            return _unknown(steps, sources)
        case "missing":
            hint = _example_hint(steps)
            return sources.problem(steps, "expected this setting; it has no default", hint)
        case "literal_error":
            options = str(context.get("expected", "")).replace("'", "`")
            return sources.problem(steps, f"expected {options}", show_value=_shows(steps))
        case kind if kind == CODE:
            return sources.problem(
                steps, str(context["expected"]), context.get("hint"), show_value=_is_value(steps) and _shows(steps)
            )
        case "greater_than_equal" | "less_than_equal" if (bounds := _range_of(steps)) is not None:
            return sources.problem(steps, f"expected {bounds[0]} to {bounds[1]}", show_value=_shows(steps))
        case kind if kind in _BOUNDS:
            name, wording = _BOUNDS[kind]
            return sources.problem(steps, wording.format(context.get(name)), show_value=_shows(steps))
        case kind:
            hint = "put it in quotes" if kind == "string_type" else None
            expected = _EXPECTED.get(kind) or f"expected something else ({details['msg'].lower()})"
            return sources.problem(steps, expected, hint, show_value=_shows(steps))


def _is_value(steps: Sequence[Step]) -> bool:
    return _section_at(steps) is None


def _shows(steps: Sequence[Step]) -> bool:
    """Whether the value of a setting may be shown: that of a secret never is."""
    kind: Any = Config
    for step in steps:
        if kind is SecretStr:
            return False
        kind = _below(kind, step)
    return kind is not SecretStr


def _unknown(steps: tuple[Step, ...], sources: Sources) -> Problem:
    name = str(steps[-1])
    section = _section_at(steps[:-1])
    known = sorted(section.model_fields) if section else []
    close = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    if close:
        hint = f"did you mean `{close[0]}`?"
    elif homes := [home for home in _homes(name) if home]:
        hint = f"`{name}` belongs to {' or '.join(f'`{home}`' for home in homes[:3])}"
    else:
        hint = f"known settings here: {', '.join(known)}"
    return sources.problem(steps, "expected a known setting", hint, got=name)


def _example_hint(steps: Sequence[Step]) -> str | None:
    section = _section_at(steps[:-1])
    field = section.model_fields.get(str(steps[-1])) if section else None
    if field is None or not field.examples or isinstance(field.examples[0], dict | list):
        return None
    return f"for example `{steps[-1]}: {field.examples[0]}`"


def _range_of(steps: Sequence[Step]) -> tuple[Any, Any] | None:
    section = _section_at(steps[:-1])
    field = section.model_fields.get(str(steps[-1])) if section else None
    marks = field.metadata if field else []
    least = next((mark.ge for mark in marks if isinstance(mark, Ge)), None)
    most = next((mark.le for mark in marks if isinstance(mark, Le)), None)
    return None if least is None or most is None else (least, most)


def _section_at(steps: Sequence[Step]) -> type[Section] | None:
    """The section that stands at a setting; None where there is a plain value."""
    kind: Any = Config
    for step in steps:
        kind = _below(kind, step)
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _below(kind: Any, step: Step) -> Any:
    if isinstance(kind, type) and issubclass(kind, Section):
        field = kind.model_fields.get(str(step))
        return _bare(field.annotation) if field else None
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        return _bare(arguments[0])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _bare(arguments[1])
    return None


def _bare(kind: Any) -> Any:
    """A type without `Annotated` and without `| None`."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return next((_bare(option) for option in get_args(kind) if option is not type(None)), None)
    return kind


def _homes(name: str) -> Iterator[str]:
    """Sections in which a setting of that name exists."""
    yield from sorted({path for path, section in sections() if name in section.model_fields})


def sections() -> Iterator[tuple[str, type[Section]]]:
    """Every section with its path, such as `apis.NAME.inspect`, parents first."""
    pending: list[tuple[str, Any]] = [("", Config)]
    while pending:
        path, kind = pending.pop(0)
        if isinstance(kind, type) and issubclass(kind, Section):
            yield path, kind
            for name, field in kind.model_fields.items():
                pending.append((f"{path}.{name}" if path else name, _bare(field.annotation)))
        elif get_origin(kind) is tuple:
            pending.append((f"{path}[]", _bare(get_args(kind)[0])))
        elif isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping):
            pending.append((f"{path}.NAME", _bare(get_args(kind)[1])))

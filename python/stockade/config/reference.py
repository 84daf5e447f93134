"""The reference of all settings, and the JSON Schema of the config file; both made from the models."""

import json
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from stockade.config.problems import sections
from stockade.config.root import Config
from stockade.config.section import Section
from stockade.config.values import Duration, Rate, Size, Within

_INTRODUCTION = """# Settings

Everything in `stockade.yaml`. Only `apis.NAME.upstream` has no default. Unknown settings are refused.

- Durations are written as `250ms`, `10s`, `5m`, `1h`, `1d`; sizes as `512B`, `8KiB`, `10MiB`; rates as `100/s`, `10/m`.
- Relative paths begin at the folder of the config file.
- A secret is `{env: NAME}`, `{file: path}`, `{command: [program, argument], timeout: 5s}` or `{vault: name}`.
- `${env:NAME}`, `${file:path}` and `${vault:name}` inside any text stand for what they name; `$${` for `${`.
- Top-level keys that begin with `x-` are left alone, for anchors and notes.
- `NAME` stands for a name of your choice, `[]` for each entry of a list.

`stockade check` says what is wrong with a config; `stockade check --schema` prints its JSON Schema for editors.
"""


def page() -> str:
    """The reference page in Markdown."""
    parts = [_INTRODUCTION]
    for path, section in sections():
        title = f"`{path}`" if path else "The file"
        about = " ".join((section.__doc__ or "").split())
        rows = ["| setting | type | default | meaning |", "|---|---|---|---|"]
        rows += [_row(name, field) for name, field in section.model_fields.items()]
        parts.append(f"\n## {title}\n\n{about}\n\n" + "\n".join(rows) + "\n")
    return "".join(parts)


def json_schema() -> str:
    """The JSON Schema (2020-12) of the config file."""
    schema = Config.model_json_schema(mode="validation")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**head, **schema, "patternProperties": {"^x-": {}}}, indent=1)


def _row(name: str, field: FieldInfo) -> str:
    meaning = " ".join((field.description or "").split())
    if field.examples:
        meaning += f" Example: `{_text(field.examples[0])}`."
    cells = [f"`{name}`", _kind(field.annotation, field.metadata), _default(field), meaning]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None:
        return "none"
    if isinstance(field.default, Section):
        return "see there"
    return f"`{_text(field.default)}`"


def _text(value: Any) -> str:
    """A value as it is written in the config."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "none"
        case Section():
            given = value.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)
            return _text(next(iter(given.values()))) if len(given) == 1 else _text(given)
        case list() | tuple():
            return f"[{', '.join(_text(item) for item in value)}]"
        case dict():
            return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) + "}"
        case _:
            return str(value)


def _kind(annotation: Any, metadata: list[Any]) -> str:
    """A type in the user's words, with its range."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0], [*metadata, *arguments[1:]])
    if origin in (Union, UnionType):
        return " or ".join(_kind(option, metadata) for option in arguments if option is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{_text(option)}`" for option in arguments)
    if origin is tuple:
        return f"list of {_kind(arguments[0], [])}"
    if origin is not None and len(arguments) == 2:
        return f"mapping of names to {_kind(arguments[1], [])}"
    name = _NAMES.get(annotation)
    if name is None:
        is_section = isinstance(annotation, type) and issubclass(annotation, Section)
        name = "section" if is_section else getattr(annotation, "__name__", "text").lower()
    return name + _range(metadata)


def _range(metadata: list[Any]) -> str:
    for mark in metadata:
        if isinstance(mark, Within):
            return f", {mark.least} to {mark.most}"
    bounds = _flat(metadata)
    least = next((mark.ge for mark in bounds if isinstance(mark, Ge)), None)
    most = next((mark.le for mark in bounds if isinstance(mark, Le)), None)
    return "" if least is None or most is None else f", {least} to {most}"


def _flat(metadata: list[Any]) -> list[Any]:
    return [inner for mark in metadata for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]


_NAMES: dict[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "secret",
    Duration: "duration",
    Size: "size",
    Rate: "rate",
}

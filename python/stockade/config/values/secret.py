"""Secrets by reference: a variable, a file, the output of a command, or an entry of the vault."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BeforeValidator, SecretStr, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from stockade.config.values.duration import Duration
from stockade.config.values.refuse import refuse

KINDS = ("env", "file", "command", "vault")
"""Kinds of references, as they are written."""

HINT = "write `{env: NAME}`, `{file: path}`, `{command: [program, argument]}` or `{vault: name}`"
"""How a secret is referred to."""

_COMMAND_WAIT = Duration(5_000)
_LONGEST_WAIT = Duration(60_000)
_MOST_ARGUMENTS = 64


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is, never the secret itself."""

    kind: Literal["env", "file", "command", "vault"]
    """What kind of place."""
    words: tuple[str, ...]
    """The variable, path or entry; of a command its program and arguments."""
    wait: Duration = _COMMAND_WAIT
    """How long a command may take."""

    @classmethod
    def parse(cls, value: Any) -> "Reference":
        """Read a reference from its mapping.

        Raises:
            PydanticCustomError: it is something else.
        """
        if not isinstance(value, dict):
            refuse("expected a reference to a secret", HINT)
        kinds = [kind for kind in KINDS if kind in value]
        others = set(value) - {*kinds, *(("timeout",) if "command" in value else ())}
        if len(kinds) != 1 or others:
            refuse("expected a reference with exactly one of `env`, `file`, `command` and `vault`", HINT)
        kind, told = kinds[0], value[kinds[0]]
        if kind == "command":
            return cls("command", _arguments(told), _wait(value.get("timeout", _COMMAND_WAIT)))
        return cls.named(kind, told)

    @classmethod
    def named(cls, kind: str, name: Any) -> "Reference":
        """A reference of one word: a variable, a file or an entry of the vault.

        Raises:
            PydanticCustomError: the kind is another, or the name cannot be one of its kind.
        """
        known, fits, expected, hint = _NAMES.get(kind, (None, None, "", HINT))
        if known is None or fits is None:
            refuse("expected a reference to a variable, a file or an entry of the vault", HINT)
        if not isinstance(name, str) or not fits.fullmatch(name):
            refuse(expected, hint)
        return cls(known, (name,))


_NAMES: Mapping[str, tuple[Literal["env", "file", "vault"] | None, re.Pattern[str] | None, str, str]] = {
    "env": ("env", re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}"), "expected the name of an environment variable", HINT),
    "file": ("file", re.compile(r"[^\0]*[^\0\s][^\0]*"), "expected the path of a file", HINT),
    "vault": (
        "vault",
        re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?"),
        "expected the name of an entry of the vault",
        "1 to 64 letters, digits, `-`, `_` and `.`; `stockade vault list` shows them",
    ),
}


def _arguments(told: Any) -> tuple[str, ...]:
    words = tuple(told) if isinstance(told, list | tuple) else ()
    good = all(isinstance(word, str) and "\0" not in word for word in words)
    if not 1 <= len(words) <= _MOST_ARGUMENTS or not good or not words[0]:
        hint = "write `command: [program, argument, ...]`; no shell reads it, so nothing needs quoting"
        refuse(f"expected a list of 1 to {_MOST_ARGUMENTS} texts: a program and its arguments", hint)
    return words


def _wait(told: Any) -> Duration:
    wait = Duration.parse(told)
    if not Duration(1) <= wait <= _LONGEST_WAIT:
        refuse(f"expected a duration of 1ms to {_LONGEST_WAIT}")
    return wait


class SecretError(Exception):
    """A secret that a reference names cannot be read; nothing of it stands in the text."""

    def __init__(self, expected: str, hint: str | None = None) -> None:
        super().__init__(expected)
        self.expected = expected
        """What would have been right, without the place."""
        self.hint = hint
        """What to do about it."""


def _resolve(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str | SecretStr):
        return value
    reference = Reference.parse(value)
    read = (info.context or {}).get("secrets")
    if read is None:
        _unreadable()
    try:
        return SecretStr(read(reference))
    except SecretError as error:
        refuse(error.expected, error.hint)


def _unreadable() -> NoReturn:
    raise PydanticCustomError("stockade", "{expected}", {"expected": "expected a config file", "hint": None})


_REFERENCES = {
    "anyOf": [
        {"type": "string"},
        *(
            {
                "type": "object",
                "properties": {kind: {"type": "string"}},
                "required": [kind],
                "additionalProperties": False,
            }
            for kind in ("env", "file", "vault")
        ),
        {
            "type": "object",
            "properties": {
                "command": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": _MOST_ARGUMENTS},
                "timeout": {"type": "string"},
            },
            "required": ["command"],
            "additionalProperties": False,
        },
    ]
}

SecretRef = Annotated[SecretStr, BeforeValidator(_resolve), WithJsonSchema(_REFERENCES)]
"""A secret: `{env: NAME}`, `{file: path}`, `{command: [program, argument]}` or `{vault: name}`.

A text is taken as it is, with `${env:NAME}`, `${file:path}` and `${vault:name}` inside it replaced. The value never
shows in problems, in `repr` or in what is dumped; `get_secret_value()` hands it over.
"""

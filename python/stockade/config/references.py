"""References inside texts: `${env:NAME}`, `${file:path}` and `${vault:name}`.

The text of the config keeps the reference; only the resolved value goes on to validation, and no problem ever shows it.
A setting that is a secret as a whole also takes the reference as a mapping, see `values/secret.py`.
"""

import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import PydanticCustomError

from stockade.config.document.node import Node, Step
from stockade.config.secrets import SecretReader
from stockade.config.values.secret import Reference, SecretError
from stockade.model.problem import Problem

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}\n]*)\}")
_HINT = "write `${env:NAME}`, `${file:path}` or `${vault:name}`; `$${` stands for `${` itself"


class Resolver:
    """Replaces references by what they refer to."""

    def __init__(self, secrets: SecretReader, shown_as: str) -> None:
        """Resolve with this reader.

        Args:
            secrets: reads what references name.
            shown_as: name of the config file in problems.
        """
        self._secrets = secrets
        self._shown_as = shown_as
        self.problems: list[Problem] = []

    def resolve(self, node: Node, steps: tuple[Step, ...] = ()) -> Any:
        """The plain value of a node with every reference replaced; what cannot be resolved is in `problems`."""
        match node.value:
            case dict() as mapping:
                return {key: self.resolve(below, (*steps, key)) for key, below in mapping.items()}
            case list() as items:
                return [self.resolve(below, (*steps, index)) for index, below in enumerate(items)]
            case str() as text if "${" in text:
                return "".join(self._parts(text, node, steps))
            case scalar:
                return scalar

    def _parts(self, text: str, node: Node, steps: tuple[Step, ...]) -> Iterator[str]:
        end = 0
        for match in _REFERENCE.finditer(text):
            yield text[end : match.start()]
            end = match.end()
            if match[1] is None:
                yield "${"
                continue
            kind, _, name = match[1].partition(":")
            try:
                yield self._secrets.read(Reference.named(kind, name))
            except PydanticCustomError as error:
                expected = str((error.context or {}).get("expected"))
                self._refuse(node, steps, expected, match[0], _HINT)
            except SecretError as error:
                self._refuse(node, steps, error.expected, None, error.hint)
        yield text[end:]

    def _refuse(self, node: Node, steps: tuple[Step, ...], expected: str, got: str | None, hint: str | None) -> None:
        self.problems.append(Problem(setting(steps), expected, got, self._shown_as, node.line, hint))


def setting(steps: "tuple[Step, ...] | list[Step]") -> str:
    """The dotted path of a setting, such as `apis.shop.limits[0].rate`."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text

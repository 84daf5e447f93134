"""References to secrets: `${env:NAME}` and `${file:path}` inside text settings.

The text of the config keeps the reference; only the resolved value goes on to validation, and no problem ever shows it.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stockade.config.document.node import Node, Step
from stockade.model.problem import Problem

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}\n]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST_FILE = 64 * 1024
_HINT = "write `${env:NAME}` or `${file:path}`; `$${` stands for `${` itself"


class Resolver:
    """Replaces references by what they refer to, and remembers where there were any."""

    def __init__(self, environment: Mapping[str, str], folder: Path, shown_as: str) -> None:
        """Resolve from these variables, and files relative to this folder.

        Args:
            environment: variables that `${env:...}` may name.
            folder: folder of the config file.
            shown_as: name of the config file in problems.
        """
        self._environment = environment
        self._folder = folder
        self._shown_as = shown_as
        self.problems: list[Problem] = []
        self.referenced: set[tuple[Step, ...]] = set()

    def resolve(self, node: Node, steps: tuple[Step, ...] = ()) -> Any:
        """The plain value of a node with every reference replaced; what cannot be resolved is in `problems`."""
        match node.value:
            case dict() as mapping:
                return {key: self.resolve(below, (*steps, key)) for key, below in mapping.items()}
            case list() as items:
                return [self.resolve(below, (*steps, index)) for index, below in enumerate(items)]
            case str() as text if "${" in text:
                return self._text(text, node, steps)
            case scalar:
                return scalar

    def _text(self, text: str, node: Node, steps: tuple[Step, ...]) -> str:
        return "".join(self._parts(text, node, steps))

    def _parts(self, text: str, node: Node, steps: tuple[Step, ...]) -> Iterator[str]:
        end = 0
        for match in _REFERENCE.finditer(text):
            yield text[end : match.start()]
            end = match.end()
            if match[1] is None:
                yield "${"
                continue
            self.referenced.add(steps)
            kind, _, name = match[1].partition(":")
            match kind:
                case "env":
                    yield self._variable(name, node, steps)
                case "file":
                    yield self._file(name, node, steps)
                case _:
                    self._refuse(node, steps, "expected a reference to a variable or a file", match[0], _HINT)
        yield text[end:]

    def _variable(self, name: str, node: Node, steps: tuple[Step, ...]) -> str:
        if not _VARIABLE.fullmatch(name):
            self._refuse(node, steps, "expected the name of an environment variable", f"${{env:{name}}}", _HINT)
            return ""
        value = self._environment.get(name)
        if value is None:
            expected = f"expected the environment variable `{name}` to be set"
            self._refuse(node, steps, expected, None, f"set it before starting: `export {name}=...`")
            return ""
        return value

    def _file(self, name: str, node: Node, steps: tuple[Step, ...]) -> str:
        try:
            with (self._folder / name).open("rb") as file:
                data = file.read(_LARGEST_FILE + 1)
            if len(data) <= _LARGEST_FILE:
                return data.decode("utf-8").rstrip("\r\n")
            problem = f"more than {_LARGEST_FILE} bytes"
        except UnicodeDecodeError:
            problem = "bytes that are not UTF-8"
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or "not a path"
        expected = f"expected a small text file at `{name}`"
        self._refuse(node, steps, expected, problem, "the path is relative to the folder of the config file")
        return ""

    def _refuse(self, node: Node, steps: tuple[Step, ...], expected: str, got: str | None, hint: str) -> None:
        self.problems.append(Problem(setting(steps), expected, got, self._shown_as, node.line, hint))


def setting(steps: "tuple[Step, ...] | list[Step]") -> str:
    """The dotted path of a setting, such as `apis.shop.limits[0].rate`."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text

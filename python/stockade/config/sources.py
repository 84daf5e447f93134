"""Where each setting came from: a line of the config file, or a flag."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stockade.config.document.node import Node, Step
from stockade.config.references import setting
from stockade.model.problem import Problem, Severity

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_SHOWN = 80
# Settings whose text may be a secret even when it is not a reference.
_SECRET_KEYS = {"key"}
_SECRET_PARENTS = {"set_headers"}


@dataclass(frozen=True, slots=True)
class Sources:
    """Finds the place of a setting, for problems that are found after loading."""

    file: str | None = None
    """The config file as the user named it; None when there is none."""
    root: Node | None = None
    """Its content."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """Flags by the setting that they set, such as `gateway.listen` by `--listen`."""

    def steps(self, text: str) -> tuple[Step, ...]:
        """The steps of a dotted setting such as `apis.shop.limits[0].rate` or `apis.shop.limits.login.by`.

        API names may hold dots, so a step is taken as far as the file has such a key.
        """
        steps: list[Step] = []
        words: list[Step] = [int(match[1]) if match[1] else match[2] for match in _STEP.finditer(text)]
        node = self.root
        while words:
            taken = 1
            for length in range(len(words), 1, -1):
                joined = ".".join(str(word) for word in words[:length])
                if node is not None and isinstance(node.value, dict) and joined in node.value:
                    taken = length
                    break
            step: Step = words[0] if taken == 1 else ".".join(str(word) for word in words[:taken])
            steps.append(step)
            words = words[taken:]
            node = node.child(step) if node is not None else None
        return tuple(steps)

    def problem(
        self,
        steps: Sequence[Step],
        expected: str,
        hint: str | None = None,
        *,
        got: str | None = None,
        show_value: bool = False,
        severity: Severity = Severity.ERROR,
    ) -> Problem:
        """A problem with the place of a setting filled in.

        Args:
            steps: the setting.
            expected: what would have been right.
            hint: what to do.
            got: what came; overrides `show_value`.
            show_value: show what stands in the file, unless it may be a secret.
            severity: error or warning.
        """
        flag = self.flags.get(setting(tuple(steps)))
        if self.root is None or self.file is None:
            return Problem(flag or setting(tuple(steps)), expected, got, hint=hint, severity=severity)
        node, count = self.root.locate(steps)
        # A value in its short form (a text instead of a mapping) has no steps below it: the setting is the text.
        known = tuple(steps) if isinstance(node.value, dict) else tuple(steps[:count])
        if got is None and show_value and (count == len(steps) or not isinstance(node.value, dict)):
            got = _shown(node, known)
        return Problem(setting(known), expected, got, self.file, node.line, hint, severity)


def _shown(node: Node, steps: Sequence[Step]) -> str:
    match node.value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case None:
            return "nothing"
        case bool() as value:
            return "true" if value else "false"
        case value:
            names = [step for step in steps if isinstance(step, str)]
            if names and (names[-1] in _SECRET_KEYS or _SECRET_PARENTS.intersection(names)) and "${" not in str(value):
                return "(hidden)"
            text = str(value).replace("\n", " ")
            return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."

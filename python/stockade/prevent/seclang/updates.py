"""Directives that change rules which were read before: taken out, looked at less, answered otherwise."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stockade.model.problem import Problem, Severity
from stockade.prevent.seclang import actions, variables
from stockade.prevent.seclang.actions import Action
from stockade.prevent.seclang.lexer import Directive
from stockade.prevent.seclang.problem import refused
from stockade.prevent.seclang.rules import Marker, Rule

NAMES = frozenset(
    [
        "secruleremovebyid",
        "secruleremovebytag",
        "secruleremovebymsg",
        "secruleupdatetargetbyid",
        "secruleupdatetargetbytag",
        "secruleupdatetargetbymsg",
        "secruleupdateactionbyid",
    ]
)
"""The directives, in lower case."""


@dataclass(frozen=True, slots=True)
class Update:
    """What one of them does."""

    directive: Directive

    def apply(self, entries: list[Rule | Marker]) -> Problem | None:
        """Change the rules it names; answers a warning when there are none.

        Raises:
            SecLangError: it is written wrong.
        """
        name, place, arguments = self.directive.name.lower(), self.directive.place, self.directive.arguments
        if not arguments:
            raise refused(place, self.directive.name, "expected the rules to change")
        link = 0
        if name == "secruleupdateactionbyid":
            first, _, rest = arguments[0].partition(":")
            link = int(rest) if rest.isdigit() else 0
            fits = _fits(name, (first,), self.directive)
        else:
            fits = _fits(name, arguments, self.directive)
        chosen = [entry for entry in entries if isinstance(entry, Rule) and fits(entry)]
        if "remove" in name:
            entries[:] = [entry for entry in entries if isinstance(entry, Marker) or not fits(entry)]
        elif "updatetarget" in name:
            self._targets(chosen)
        else:
            self._actions(chosen, link)
        if chosen:
            return None
        what = f"`{self.directive.name}` changes nothing: no rule before it fits `{arguments[0][:60]}`"
        return Problem(self.directive.name, what, None, place.file, place.line, severity=Severity.WARNING)

    def _targets(self, chosen: Sequence[Rule]) -> None:
        place, arguments = self.directive.place, self.directive.arguments
        if not 2 <= len(arguments) <= 3:
            raise refused(place, self.directive.name, "expected rules, variables, and what they replace if anything")
        # Here, commas are known to stand between variables as well.
        text = arguments[1].replace(",", "|") if "/" not in arguments[1] else arguments[1]
        new = variables.parse(text, place)
        replaced = variables.parse(arguments[2], place) if len(arguments) == 3 else []
        for rule in chosen:
            for index, link in enumerate(rule.links):
                if link.operator is None:
                    continue
                if replaced:
                    if any(target in link.targets for target in replaced):
                        link.targets = [target for target in link.targets if target not in replaced] + new
                    continue
                present = {target.collection for target in link.targets}
                link.targets = link.targets + [
                    target for target in new if (target.collection in present if target.exclude else index == 0)
                ]

    def _actions(self, chosen: Sequence[Rule], link: int) -> None:
        place, arguments = self.directive.place, self.directive.arguments
        if len(arguments) != 2:
            raise refused(place, self.directive.name, "expected rules and actions")
        new = actions.parse(arguments[1], place)
        for action in new:
            if action.name in {"id", "phase", "chain"}:
                raise refused(place, action.name, f"expected `{action.name}` to stay as it is")
        for rule in chosen:
            if link >= len(rule.links):
                raise refused(place, self.directive.name, f"expected a chain of more than {link} rules", str(rule.id))
            rule.links[link].actions = _merged(rule.links[link].actions, new)


def _merged(old: Sequence[Action], new: Sequence[Action]) -> list[Action]:
    kept = list(old)
    if any(action.name in actions.DISRUPTIVE for action in new):
        kept = [action for action in kept if action.name not in actions.DISRUPTIVE]
    if any(action.name == "t" for action in new):
        kept = [action for action in kept if action.name != "t"]
    single = {action.name for action in new} & {"msg", "logdata", "severity", "status", "rev", "ver"}
    switches = {"log": "nolog", "nolog": "log", "auditlog": "noauditlog", "noauditlog": "auditlog"}
    gone = {switches[action.name] for action in new if action.name in switches}
    return [action for action in kept if action.name not in single | gone] + list(new)


def _fits(name: str, arguments: Sequence[str], directive: Directive) -> Callable[[Rule], bool]:
    if name.endswith("byid"):
        text = " ".join(arguments) if "remove" in name else arguments[0]
        ranges = actions.id_ranges(text, directive.place)
        return lambda rule: any(first <= rule.id <= last for first, last in ranges)
    try:
        pattern = re.compile(arguments[0])
    except re.error as error:
        raise refused(directive.place, directive.name, f"expected a pattern: {error}", arguments[0]) from error
    if name.endswith("bytag"):
        return lambda rule: any(pattern.search(tag) for tag in rule.tags)
    return lambda rule: pattern.search(rule.message) is not None

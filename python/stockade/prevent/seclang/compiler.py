"""From SecLang files to the plan: rules in their phases, places to skip to found, texts cut at their macros."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockade.model.problem import Problem, Severity
from stockade.prevent.seclang import actions, lexer, macros, rules, updates
from stockade.prevent.seclang.actions import Action
from stockade.prevent.seclang.lexer import Directive
from stockade.prevent.seclang.problem import SecLangError, close_to, refused
from stockade.prevent.seclang.reader import Reader
from stockade.prevent.seclang.rules import Defaults, Link, Marker, Rule
from stockade.prevent.seclang.settings import NO_EFFECT, REFUSED, Settings
from stockade.prevent.seclang.updates import Update

MOST_PROBLEMS = 50
"""Problems that are told at once."""
_KNOWN = ["SecRule", "SecAction", "SecMarker", "SecDefaultAction", "SecRuleEngine", "SecRequestBodyAccess", "Include"]


@dataclass(frozen=True, slots=True)
class Compilation:
    """A rule set that was read."""

    plan: dict[str, Any]
    """As in `SecLangPlan`."""
    files: tuple[Path, ...]
    """Files it was made from."""
    warnings: tuple[Problem, ...]
    """What was read and does nothing."""


def compile_files(patterns: Sequence[str], folder: Path) -> Compilation:
    """Compile files.

    Args:
        patterns: names or globs, in the order in which they are read.
        folder: where relative names begin.

    Raises:
        SecLangError: with every problem that was found.
    """
    reader = Reader()
    return _compile(reader.read(patterns, folder), reader, folder)


def compile_text(text: str, folder: Path, name: str = "rules") -> Compilation:
    """Compile rules that stand in no file.

    Args:
        text: the rules.
        folder: where the names of data files begin.
        name: what messages call it.

    Raises:
        SecLangError: with every problem that was found.
    """
    return _compile(lexer.directives(text, name), Reader(), folder)


def _compile(found: Iterable[Directive], reader: Reader, folder: Path) -> Compilation:
    state = _State(reader, folder)
    problems: list[Problem] = []
    broken = False
    for directive in found:
        # The rest of a chain whose beginning is wrong is not wrong by itself.
        if broken and directive.name.lower() == "secrule":
            broken = _goes_on(directive)
            continue
        broken = False
        try:
            state.take(directive)
        except SecLangError as error:
            problems.extend(error.problems)
            state.open = None
            broken = _goes_on(directive)
        if len(problems) >= MOST_PROBLEMS:
            break
    if state.open is not None and not problems:
        problems.extend(refused(state.open.place, "chain", "expected a rule after `chain`").problems)
    if not problems:
        try:
            plan = state.plan()
        except SecLangError as error:
            problems.extend(error.problems)
        else:
            warnings = (*state.settings.warnings.values(), *state.warnings)
            return Compilation(plan, tuple(dict.fromkeys(reader.files)), warnings)
    raise SecLangError(problems)


def _goes_on(directive: Directive) -> bool:
    """Whether a rule that could not be read says that its chain goes on."""
    return bool(directive.arguments) and _CHAIN.search(directive.arguments[-1]) is not None


_CHAIN = re.compile(r"(?:^|,)\s*chain\s*(?:,|$)")


class _State:
    """What was read so far."""

    def __init__(self, reader: Reader, folder: Path) -> None:
        self.reader = reader
        self.folder = folder
        self.settings = Settings()
        self.defaults = Defaults()
        self.entries: list[Rule | Marker] = []
        self.ids: dict[int, Rule] = {}
        self.open: Rule | None = None
        self.warnings: list[Problem] = []
        self.default_snapshots: dict[int, Sequence[Action]] = {}

    def take(self, directive: Directive) -> None:
        name = directive.name.lower()
        folder = Path(directive.place.file).parent if directive.place.file != "rules" else self.folder
        if name in {"secrule", "secaction"}:
            self._rule(rules.read_link(directive, self.reader, folder), folder)
            return
        if self.open is not None:
            raise refused(directive.place, directive.name, f"expected the next rule of the chain of {self.open.id}")
        if name == "secmarker":
            if len(directive.arguments) != 1:
                raise refused(directive.place, directive.name, "expected one name")
            self.entries.append(Marker(directive.arguments[0], directive.place))
        elif name == "secdefaultaction":
            self.defaults.set(directive)
        elif name in updates.NAMES:
            warning = Update(directive).apply(self.entries)
            if warning is not None:
                self.warnings.append(warning)
        elif not self.settings.take(directive, self.reader, folder):
            known = [*_KNOWN, *NO_EFFECT, *REFUSED]
            hint = close_to(directive.name, known)
            raise refused(directive.place, "directive", "expected a directive", directive.name, hint)

    def _rule(self, link: Link, folder: Path) -> None:
        if link.operator is not None and link.operator.warning is not None:
            self.warnings.append(link.operator.warning)
        if self.open is not None:
            rules.add(self.open, link)
            rule = self.open
        else:
            rule = rules.begin(link, folder)
            known = self.ids.get(rule.id)
            if known is not None:
                raise refused(link.place, "id", f"expected an id of its own; {known.place} has it too", str(rule.id))
            self.ids[rule.id] = rule
            self.default_snapshots[rule.id] = tuple(self.defaults.of(rule.phase))
            self.entries.append(rule)
        self.open = rule if rule.chained else None

    def plan(self) -> dict[str, Any]:
        writer = _Writer(self.default_snapshots)
        for entry in self.entries:
            writer.add(entry)
        self.warnings.extend(writer.warnings)
        return {**self.settings.plan, **writer.finish()}


class _Writer:
    """Writes rules into their phases."""

    def __init__(self, defaults: dict[int, Sequence[Action]]) -> None:
        self.defaults = defaults
        self.phases: list[list[dict[str, Any]]] = [[], [], [], [], []]
        self.markers: list[tuple[str, tuple[int, ...]]] = []
        self.skips: list[tuple[dict[str, Any], Rule, str, int, int]] = []
        self.files: dict[str, int] = {}
        self.tags: dict[str, int] = {}
        self.warnings: list[Problem] = []

    def add(self, entry: Rule | Marker) -> None:
        if isinstance(entry, Marker):
            self.markers.append((entry.name, tuple(len(phase) for phase in self.phases)))
            return
        phase = self.phases[entry.phase - 1]
        written = self._rule(entry)
        for marker in entry.meta("skipAfter"):
            self.skips.append((written, entry, marker, len(self.markers), len(phase)))
        # A rule's id is a place to skip to as well.
        phase.append(written)
        self.markers.append((str(entry.id), tuple(len(one) for one in self.phases)))

    def finish(self) -> dict[str, Any]:
        for written, rule, marker, after, _ in self.skips:
            target = next((places for name, places in self.markers[after:] if name == marker), None)
            if target is None:
                raise refused(rule.place, "skipAfter", "expected a `SecMarker` of that name after the rule", marker)
            written["skip_to"] = target[rule.phase - 1]
        return {"files": list(self.files), "tags": list(self.tags), "phases": self.phases}

    def _rule(self, rule: Rule) -> dict[str, Any]:
        first = rule.links[0]
        own = first.actions
        merged = [*self.defaults[rule.id], *own]
        plan: dict[str, Any] = {
            "id": rule.id,
            "file": self.files.setdefault(rule.place.file, len(self.files)),
            "line": rule.place.line,
            "tags": [self.tags.setdefault(tag, len(self.tags)) for tag in rule.tags],
            "disruptive": self._disruptive(rule, merged),
            "links": [self._link(rule, link) for link in rule.links],
        }
        for name in ("msg", "logdata"):
            texts = rule.meta(name)
            if texts:
                plan[name] = macros.parse(texts[-1], rule.place)
        severities = rule.meta("severity")
        if severities:
            plan["severity"] = actions.severity(severities[-1], rule.place)
        for name in ("rev", "ver", "maturity", "accuracy"):
            values = rule.meta(name)
            if values:
                plan[name] = values[-1]
        for yes, no, key in (("log", "nolog", "log"), ("auditlog", "noauditlog", "audit")):
            said = [action.name for action in merged if action.name in {yes, no}]
            plan[key] = (said or [yes])[-1] == yes
        # `nolog` alone silences the audit log too.
        if any(action.name == "nolog" for action in own) and not any(action.name == "auditlog" for action in own):
            plan["audit"] = False
        skips = rule.meta("skip")
        if skips:
            if not skips[-1].isdigit():
                raise refused(rule.place, "skip", "expected a number of rules", skips[-1])
            plan["skip"] = int(skips[-1])
        return plan

    def _disruptive(self, rule: Rule, merged: Sequence[Action]) -> dict[str, Any]:
        chosen = [action for action in merged if action.name in actions.DISRUPTIVE] or [Action("pass")]
        action = chosen[-1]
        defaults = [one for one in self.defaults[rule.id] if one.name in actions.DISRUPTIVE]
        if action.name == "block":
            action = defaults[-1] if defaults else Action("pass")
        statuses = [one.value for one in merged if one.name == "status"]
        status = int(statuses[-1]) if statuses and statuses[-1].isdigit() else 403
        if not 200 <= status <= 599:
            # Settings that ModSecurity itself recommended for years say `status:44`.
            what = f"expected a status of 200 to 599, got `{status}`; 403 takes its place"
            place = rule.place
            self.warnings.append(Problem("status", what, None, place.file, place.line, severity=Severity.WARNING))
            status = 403
        if action.name in {"deny", "block"}:
            return {"kind": "deny", "status": status}
        if action.name == "drop":
            return {"kind": "drop"}
        if action.name == "redirect":
            redirect = status if status in {301, 302, 303, 307, 308} else 302
            return {"kind": "redirect", "status": redirect, "location": macros.parse(action.value, rule.place)}
        if action.name == "allow":
            scopes = {"": "transaction", "phase": "phase", "request": "request"}
            if action.value.lower() not in scopes:
                raise refused(rule.place, "allow", "expected `allow`, `allow:phase` or `allow:request`", action.value)
            return {"kind": "allow", "scope": scopes[action.value.lower()]}
        return {"kind": "pass"}

    def _link(self, rule: Rule, link: Link) -> dict[str, Any]:
        plan: dict[str, Any] = {"line": link.place.line}
        if link.targets:
            plan["targets"] = [target.to_plan() for target in link.targets]
        if link.operator is not None:
            plan["operator"] = link.operator.to_plan()
        names: list[str] = []
        for action in [*self.defaults[rule.id], *link.actions]:
            if action.name == "t":
                names = [] if action.value == "none" else [*names, action.value]
        if names:
            plan["transformations"] = names
        for flag, key in (("multiMatch", "multi_match"), ("capture", "capture")):
            if any(action.name == flag for action in link.actions):
                plan[key] = True
        effects: list[dict[str, Any]] = []
        for action in link.actions:
            if action.name in actions.EFFECTS:
                effect = actions.effect(action, link.place)
                if effect is not None:
                    effects.append(effect)
        if effects:
            plan["effects"] = effects
        return plan

"""Rules as they were read: `SecRule` and `SecAction` with their chains, defaults filled in.

Before it: `reader` and the parsers of the three arguments. After it: `updates`, which change rules by id, tag or
message, and `compiler`, which writes the plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stockade.prevent.seclang import actions, operators, variables
from stockade.prevent.seclang.actions import Action
from stockade.prevent.seclang.lexer import Directive
from stockade.prevent.seclang.operators import Operator
from stockade.prevent.seclang.problem import Place, refused
from stockade.prevent.seclang.reader import Reader
from stockade.prevent.seclang.variables import Target

NOT_IN_CHAINS = frozenset({"id", "phase", "skip", "skipAfter", "severity"} | (actions.DISRUPTIVE - {"block", "pass"}))
"""Actions that only the first rule of a chain may have."""


@dataclass(slots=True)
class Link:
    """One `SecRule` of a chain, or the only one."""

    place: Place
    targets: list[Target]
    operator: Operator | None
    actions: list[Action]


@dataclass(slots=True)
class Rule:
    """One rule, with all links of its chain."""

    id: int
    phase: int
    place: Place
    links: list[Link]
    folder: Path
    chained: bool = field(default=False)
    """Whether a further link must follow."""

    def meta(self, name: str) -> list[str]:
        """Values of an action in all links, in order."""
        return [action.value for link in self.links for action in link.actions if action.name == name]

    @property
    def tags(self) -> list[str]:
        """Tags of all links."""
        return self.meta("tag")

    @property
    def message(self) -> str:
        """`msg`, as written."""
        return next(iter(self.meta("msg")), "")


@dataclass(frozen=True, slots=True)
class Marker:
    """`SecMarker`: a place that `skipAfter` goes to."""

    name: str
    place: Place


@dataclass(slots=True)
class Defaults:
    """`SecDefaultAction`, by phase."""

    by_phase: dict[int, list[Action]] = field(default_factory=dict)

    def set(self, directive: Directive) -> None:
        """Take one `SecDefaultAction`.

        Raises:
            SecLangError: it names an id, a message or no phase, or a disruptive action is missing.
        """
        if len(directive.arguments) != 1:
            raise refused(directive.place, directive.name, "expected one list of actions")
        parsed = actions.parse(directive.arguments[0], directive.place)
        phases = [action.value for action in parsed if action.name == "phase"]
        if not phases:
            raise refused(directive.place, directive.name, "expected a `phase`")
        for action in parsed:
            if action.name in {"id", "msg", "severity", "chain", "skip", "skipAfter", "rev", "ver"}:
                raise refused(directive.place, directive.name, f"expected no `{action.name}` in defaults")
        number = actions.phase(phases[0], directive.place)
        self.by_phase[number] = [action for action in parsed if action.name != "phase"]

    def of(self, phase: int) -> Sequence[Action]:
        """Defaults of a phase: `log,auditlog,pass` where none were set."""
        return self.by_phase.get(phase, [Action("log"), Action("auditlog"), Action("pass")])


def read_link(directive: Directive, reader: Reader, folder: Path) -> Link:
    """One `SecRule` or `SecAction`.

    Raises:
        SecLangError: one of its arguments is wrong.
    """
    place, arguments = directive.place, directive.arguments
    if directive.name.lower() == "secaction":
        if len(arguments) != 1:
            raise refused(place, directive.name, "expected one list of actions", str(len(arguments)))
        return Link(place, [], None, actions.parse(arguments[0], place))
    if len(arguments) not in {2, 3}:
        hint = "put arguments with spaces in double quotes"
        raise refused(place, directive.name, "expected variables, an operator and actions", str(len(arguments)), hint)
    return Link(
        place,
        variables.parse(arguments[0], place),
        operators.parse(arguments[1], place, reader, folder),
        actions.parse(arguments[2], place) if len(arguments) == 3 else [],
    )


def begin(link: Link, folder: Path) -> Rule:
    """A rule from its first link.

    Raises:
        SecLangError: it has no id, or its phase is none.
    """
    ids = [action.value for action in link.actions if action.name == "id"]
    if not ids or not ids[0].isdigit() or not 0 < int(ids[0]) < 2**63:
        hint = "add an id of your own, such as `id:100001`"
        raise refused(link.place, "id", "expected a rule to have a number as `id`", ids[0] if ids else None, hint)
    phases = [action.value for action in link.actions if action.name == "phase"]
    number = actions.phase(phases[0], link.place) if phases else 2
    return Rule(int(ids[0]), number, link.place, [link], folder, _chains(link))


def add(rule: Rule, link: Link) -> None:
    """Add a further link to a chain.

    Raises:
        SecLangError: it has an action that only the first link may have.
    """
    for action in link.actions:
        if action.name in NOT_IN_CHAINS:
            raise refused(link.place, action.name, f"expected `{action.name}` in the first rule of the chain only")
    if len(rule.links) >= 64:
        raise refused(link.place, "chain", "expected at most 64 rules in a chain")
    rule.links.append(link)
    rule.chained = _chains(link)


def _chains(link: Link) -> bool:
    return any(action.name == "chain" for action in link.actions)

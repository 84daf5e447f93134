"""One detection rule: what fits, how often or in which order, counted for whom, and what it says then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stockade.detect.behaviour.known import Bounded
from stockade.detect.behaviour.signals import ALERT, Abuse, Signal
from stockade.detect.rules.condition import Fields, Test, fields_of

COUNTED = 20_000
"""Actors that one rule counts for at once."""

MOST = 10_000
"""Most that a rule may count to."""


@dataclass(slots=True)
class Rule:
    """A rule as it is run."""

    id: str
    """Id, unique among the rules."""
    title: str
    """What it finds, one sentence."""
    abuse: Abuse
    """Class of what it finds."""
    steps: tuple[Test, ...]
    """Conditions: one, or several that must come one after the other."""
    weight: float = ALERT
    """Log-odds that it adds; from 9 on it is an alert of its own."""
    by: str = "actor"
    """Field whose values are counted apart."""
    at_least: int = 1
    """How often, in the window."""
    distinct: str = ""
    """Field of which different values are counted, instead of exchanges."""
    within_us: int = 0
    """Window, microseconds; 0 when one exchange is enough."""
    where: str = ""
    """File and line."""
    fires: tuple[Mapping[str, Any], ...] = ()
    """Examples: lists of exchanges on which it fires."""
    silent: tuple[Mapping[str, Any], ...] = ()
    """Examples on which it does not."""
    _counts: Bounded[list[tuple[int, str]]] = field(default_factory=lambda: Bounded(COUNTED))

    def take(self, fields: Fields, time: int) -> int:
        """Take an exchange in.

        Returns:
            How much was counted when the rule fires; 0 when it does not.
        """
        key = fields.get(self.by)
        if not key:
            return 0
        if len(self.steps) > 1:
            return self._step(str(key), fields, time)
        if not self.steps[0](fields):
            return 0
        if not self.within_us:
            return 1
        held = [one for one in self._counts.get(key) or [] if one[0] > time - self.within_us]
        value = str(fields.get(self.distinct, "")) if self.distinct else ""
        if self.distinct:
            held = [one for one in held if one[1] != value]
        held.append((time, value))
        self._counts.put(key, held[-self.at_least :])
        return len(held) if len(held) >= self.at_least else 0

    def _step(self, key: str, fields: Fields, time: int) -> int:
        held = self._counts.get(key) or []
        if held and held[0][0] <= time - self.within_us:
            held = []
        if self.steps[len(held)](fields):
            held = [*held, (time, "")]
        elif self.steps[0](fields):
            held = [(time, "")]
        if len(held) == len(self.steps):
            self._counts.put(key, [])
            return len(held)
        if held:
            self._counts.put(key, held)
        return 0

    def forget(self) -> None:
        """Forget all counts."""
        self._counts = Bounded(COUNTED)

    def state(self) -> list[Any]:
        """Its counts, to be kept."""
        return [[key, held] for key, held in self._counts.table.items()]

    def restore(self, told: list[Any]) -> None:
        """Take over counts."""
        for key, held in told:
            self._counts.put(key, [(int(time), str(value)) for time, value in held])


class Rules:
    """All rules.

    Args:
        rules: in the order of the files.
    """

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self.rules = rules

    def state(self) -> dict[str, Any]:
        """Counts of all, to be kept."""
        return {rule.id: counts for rule in self.rules if (counts := rule.state())}

    def restore(self, told: Mapping[str, Any]) -> None:
        """Take over counts; those of rules that are gone are forgotten."""
        for rule in self.rules:
            rule.restore(told.get(rule.id, []))

    def take(self, raw: Mapping[str, Any], actor: str, time: int) -> Iterator[Signal]:
        """Take a record in.

        Args:
            raw: the record.
            actor: the actor, as behaviour names it.
            time: when, microseconds since the epoch.
        """
        if not self.rules:
            return
        fields = fields_of(raw) | {"actor": actor}
        for rule in self.rules:
            count = rule.take(fields, time)
            if count:
                kind = rule.by if rule.by in ("address", "subject", "key") else ""
                whom = f"{kind}:{fields[rule.by]}" if kind else actor
                yield Signal(
                    whom,
                    rule.abuse,
                    f"rule.{rule.id}",
                    rule.weight,
                    max(rule.weight, ALERT + 2),
                    f"{rule.title} ({count} times; {rule.at_least - 1 or 'none'} would be usual)",
                    count,
                    rule.at_least - 1,
                )


def failures_of(rule: Rule) -> list[str]:
    """Examples of a rule that do not come out as they should."""
    found = []
    for wanted, examples in ((True, rule.fires), (False, rule.silent)):
        for place, example in enumerate(examples):
            rule.forget()
            fired = False
            for number, exchange in enumerate(_exchanges(example)):
                time = 1_000_000_000_000_000 + int(exchange.get("at_s", number)) * 1_000_000
                fired = bool(rule.take({"actor": "example", **exchange}, time)) or fired
            if fired != wanted:
                name = "fires" if wanted else "silent"
                came = "fired" if fired else "did not fire"
                found.append(f"{rule.where}: rule `{rule.id}`: example {place + 1} of `{name}` {came}")
    rule.forget()
    return found


def _exchanges(example: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """One exchange, or with `times` as many of the same, or `then` a list."""
    if "then" in example:
        for one in example["then"]:
            yield from _exchanges(one)
        return
    fields = {name: value for name, value in example.items() if name != "times"}
    if "path" in fields:
        query = fields.get("query")
        fields.setdefault("uri", f"{fields['path']}?{query}" if query else fields["path"])
    for number in range(int(example.get("times", 1))):
        yield {
            name: value.replace("#", str(number)) if isinstance(value, str) else value for name, value in fields.items()
        }

"""What the rules of a set add to its score, and from which score on it refuses, read from the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Scores:
    """The points of a rule set that adds up a score in `TX`, as the Core Rule Set does.

    Args:
        plan: the rules, as in `SecLangPlan`.
    """

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._plan = plan
        self._constants: dict[str, int] = {}
        self._constants = self._read_constants()
        self._points = {rule["id"]: self._points_of(rule) for rule in self._rules()}
        self.threshold = self._read_threshold()
        """Score from which on a request is refused."""

    def of(self, rule: int) -> int:
        """Points that one match of a rule adds."""
        return self._points.get(rule, 0)

    def _rules(self) -> Iterator[Mapping[str, Any]]:
        for phase in self._plan["phases"]:
            yield from phase

    def _sets(self, rule: Mapping[str, Any]) -> Iterator[tuple[str, str, int | None]]:
        """Key, kind of change and number of everything that a rule sets in `TX`."""
        for link in rule["links"]:
            for effect in link.get("effects", ()):
                if effect["kind"] == "set" and effect["collection"] == "TX":
                    key = "".join(part for part in effect["key"] if isinstance(part, str))
                    yield key, effect["change"], self._number(effect["value"])

    def _number(self, text: list[Any]) -> int | None:
        """A text that is a number, or names one."""
        if len(text) == 1 and isinstance(text[0], str) and text[0].strip().isdigit():
            return int(text[0])
        if len(text) == 1 and isinstance(text[0], dict) and text[0].get("collection") == "TX":
            return self._constants.get(text[0].get("key") or "")
        return None

    def _read_constants(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for rule in self._rules():
            for key, change, number in self._sets(rule):
                # Rule sets set defaults last, where nothing was set: the first one counts.
                if change == "=" and number is not None and number > 0:
                    found.setdefault(key, number)
        return found

    def _points_of(self, rule: Mapping[str, Any]) -> int:
        return max((number or 0 for _, change, number in self._sets(rule) if change == "+"), default=0)

    def _read_threshold(self) -> int:
        for name in ("inbound_anomaly_score_threshold", "inbound_anomaly_score_level"):
            if name in self._constants:
                return self._constants[name]
        return 1

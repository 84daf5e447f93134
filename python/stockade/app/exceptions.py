"""Exceptions from recorded events: the narrowest ones that let an exchange pass, and what else they would let through.

An exception names the operation, the place (of a SecLang rule: the variable) and the detector or rule. Nothing of a
request is kept but what was found in it, so the replay asks of every recorded refusal whether a finding is left that
refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stockade.app import events
from stockade.app.errors import StockadeError
from stockade.app.explain import recorded
from stockade.app.plans import plan_in_force
from stockade.app.scores import Scores
from stockade.config import edit
from stockade.model.event import Event, Finding
from stockade.store.filter import EventFilter
from stockade.store.folder import DataFolder

SECLANG = "seclang"
"""Detector of findings that SecLang rules made."""
REASONS = ("inspect.attack", "seclang.denied")
"""Refusals that an exception can be made of."""
MOST_EVENTS = 100_000
"""Refusals that are replayed at most, the newest ones."""

_RULE = re.compile(r"rule (\d+) at ")
_INDEX = re.compile(r"\[\d+\]")
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")


@dataclass(frozen=True, slots=True)
class Proposed:
    """One exception as it would stand in the config."""

    api: str
    """API, by its name in config."""
    operation: str | None
    """Operation id; None where the API has no spec that knows it."""
    detector: str
    """Detector; `seclang` for a rule."""
    place: str
    """Place, or variable of a rule, with a star for every index."""
    rule: int | None = None
    """Id of the rule."""

    @property
    def section(self) -> str:
        """The list it stands in."""
        return f"apis.{self.api}.{'inspect' if self.rule is None else 'seclang'}.exceptions"

    def to_item(self, reason: str, expires: datetime) -> dict[str, Any]:
        """The item as the config has it."""
        named: dict[str, Any] = {"operation": self.operation} if self.operation else {}
        if self.rule is None:
            named |= {"place": self.place, "detector": self.detector}
        else:
            named |= {"rule": self.rule, "variable": self.place}
        return {**named, "reason": reason, "expires": f"{expires:%Y-%m-%d}"}

    def covers(self, event: Event, finding: Finding) -> bool:
        """Whether it lets a finding of an event pass."""
        return (
            event.api == self.api
            and self.operation in (None, event.operation)
            and finding.detector == self.detector
            and rule_of(finding) == self.rule
            and _starred(finding).lower() == self.place.lower()
        )


@dataclass(frozen=True, slots=True)
class Replay:
    """What exceptions would change of the refusals that are recorded."""

    refusals: int
    """Recorded refusals that were asked about, the event itself not counted."""
    passed: tuple[Event, ...]
    """Those that would be let through."""
    still: int
    """Those that have a finding that is let pass, and are refused for others."""


def rule_of(finding: Finding) -> int | None:
    """Id of the rule that made a finding; None for a detector."""
    found = _RULE.match(finding.note) if finding.detector == SECLANG else None
    return int(found.group(1)) if found else None


def proposed(data: Path, exchange_id: str) -> tuple[Event, tuple[Proposed, ...]]:
    """The narrowest exceptions that let a recorded exchange pass.

    Raises:
        StockadeError: there is no such event, or nothing was found in it that an exception could be made of.
    """
    event = recorded(data, exchange_id)[1]
    decisive = _Decisive(data)
    findings = list(decisive.of(event))
    if not findings:
        reasons = ", ".join(f"`{refusal.reason}`" for refusal in event.refusals) or "nothing"
        raise StockadeError(
            "rules.no_finding",
            f"expected an exchange that a detector or a SecLang rule refused, got one refused for {reasons}",
            f"`stockade explain {event.id}` tells what to change",
        )
    made = (
        Proposed(event.api or "", event.operation, finding.detector, _starred(finding), rule_of(finding))
        for finding in findings
    )
    return event, tuple(dict.fromkeys(made))


def replayed(data: Path, event: Event, exceptions: Sequence[Proposed], since: str | None, now: int) -> Replay:
    """Ask every recorded refusal of the same API whether it would pass.

    Raises:
        StockadeError: events cannot be read.
    """
    decisive = _Decisive(data)
    count = still = 0
    passed: list[Event] = []
    for other in _refusals(data, events.filter_of(now, since=since, api=event.api)):
        if other.id == event.id:
            continue
        count += 1
        findings = list(decisive.of(other))
        left = [one for one in findings if not any(exception.covers(other, one) for exception in exceptions)]
        if len(left) == len(findings):
            continue
        if decisive.refuses(other, left):
            still += 1
        else:
            passed.append(other)
    return Replay(count, tuple(passed), still)


def write(file: Path, exceptions: Sequence[Proposed], items: Sequence[Mapping[str, Any]]) -> None:
    """Add exceptions to a config file; all else in it stays as it is.

    Raises:
        StockadeError: it cannot be read, or is written in a way in which that cannot be done.
    """
    try:
        text = file.read_text()
        for exception, item in zip(exceptions, items, strict=True):
            section = "inspect" if exception.rule is None else "seclang"
            text = edit.with_item(text, ("apis", exception.api, section, "exceptions"), item)
        temporary = file.with_name(f".{file.name}.new")
        temporary.write_text(text)
        temporary.chmod(file.stat().st_mode & 0o777)
        temporary.replace(file)
    except (OSError, edit.EditError) as error:
        raise StockadeError("rules.except", f"cannot add to `{file}`: {error}", "add what is shown by hand") from error


def end_of(now: int, days: int) -> datetime:
    """The day on which an exception ends that is made now."""
    return datetime.fromtimestamp(now / 1_000_000, UTC) + timedelta(days=days)


def _refusals(data: Path, wanted: EventFilter) -> Iterator[Event]:
    for stored in events.newest(data, wanted, MOST_EVENTS):
        record = stored.record
        if isinstance(record, Event) and any(refusal.reason in REASONS for refusal in record.refusals):
            yield record


def _starred(finding: Finding) -> str:
    """The place with a star for every index, so that the next list fits too."""
    if finding.detector != SECLANG:
        return _INDEX.sub("[*]", finding.place)
    name, colon, key = finding.place.partition(":")
    return f"{name}:{_NUMBER.sub('*', key)}" if colon and key.startswith("json.") else finding.place


class _Decisive:
    """Which findings made an exchange be refused, by the thresholds and scores of the plan in force."""

    def __init__(self, data: Path) -> None:
        plan = plan_in_force(DataFolder(data))
        self.thresholds = {api["name"]: float(api["inspect"]["threshold"]) for api in plan["apis"]}
        self.scores = {api["name"]: Scores(api["seclang"]) for api in plan["apis"] if api.get("seclang")}

    def of(self, event: Event) -> Iterator[Finding]:
        """The findings that an exception has to let pass."""
        reasons = {refusal.reason for refusal in event.refusals}
        if "inspect.attack" in reasons:
            least = self.thresholds.get(event.api or "", 0.0)
            yield from (one for one in event.findings if one.detector != SECLANG and one.confidence >= least)
        if "seclang.denied" in reasons:
            yield from self._by_rules(event)

    def _by_rules(self, event: Event) -> Iterable[Finding]:
        found = [one for one in event.findings if rule_of(one) is not None]
        denied = _denied(event)
        direct = [one for one in found if rule_of(one) == denied and not one.place.startswith("TX")]
        if direct:
            return direct
        scores = self.scores.get(event.api or "")
        return [one for one in found if scores is not None and scores.of(rule_of(one) or 0) > 0]

    def refuses(self, event: Event, left: Sequence[Finding]) -> bool:
        """Whether an exchange is refused for what is left of its findings."""
        if any(one.detector != SECLANG for one in left):
            return True
        denied = _denied(event)
        if any(rule_of(one) == denied for one in left):
            return True
        scores = self.scores.get(event.api or "")
        return scores is not None and sum(scores.of(rule_of(one) or 0) for one in left) >= scores.threshold


def _denied(event: Event) -> int | None:
    """Id of the rule that refused."""
    details = (refusal.detail for refusal in event.refusals if refusal.reason == "seclang.denied")
    found = (_RULE.match(detail) for detail in details)
    return next((int(match.group(1)) for match in found if match), None)

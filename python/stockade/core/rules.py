"""SecLang rules alone, run over a raw message: for tests of rules, for measuring them, for regression suites."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stockade.core import _native


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """One rule that matched."""

    rule: int
    """Its id."""
    phase: int
    """Phase, 1 to 5."""
    file: str
    """File of the rule."""
    line: int
    """Its line."""
    message: str
    """`msg`, filled in."""
    data: str
    """`logdata`, filled in."""
    severity: int | None
    """0 (emergency) to 7."""
    tags: tuple[str, ...]
    """Its tags."""
    operator: str
    """The last operator of its chain."""
    variable: str
    """The variable that matched last."""
    value: str
    """Its value after transformations, cut."""
    denied: int | None
    """Status, when it refused."""
    log: str
    """The line of ModSecurity's error log."""


@dataclass(frozen=True, slots=True)
class RulesJudgement:
    """What came of a message."""

    matches: tuple[RuleMatch, ...]
    """Rules that matched and are told of, in order."""
    denial: Mapping[str, Any] | None
    """`status`, `location`, `rule`, `message`, `place` and `variable` of the refusal."""


class Rules:
    """A compiled rule set.

    Args:
        plan: as `prevent.seclang` writes it.

    Raises:
        StockadeError: `seclang.rule` when a rule cannot be run, with its place.
    """

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._native = _native.Rules(json.dumps(plan, ensure_ascii=False, separators=(",", ":")).encode())

    def __len__(self) -> int:
        """How many rules there are."""
        return self._native.count

    def judge(
        self,
        message: bytes,
        *,
        now_us: int,
        client: str = "127.0.0.1",
        server: str = "127.0.0.1",
        server_port: int = 80,
        id: str = "offline",
        response: tuple[int, Sequence[tuple[str, str]], bytes] | None = None,
    ) -> RulesJudgement:
        """Run all phases over a raw HTTP/1 message, read leniently.

        Args:
            message: head and body.
            now_us: the moment, microseconds since the epoch.
            client: address of the caller.
            server: address that was called.
            server_port: its port.
            id: id of the exchange.
            response: status, fields and body of the answer.

        Raises:
            StockadeError: the input cannot be read.
        """
        answer = None if response is None else {"status": response[0], "headers": list(response[1])}
        asked = _asked(now_us, client, server, server_port, id, answer)
        body = b"" if response is None else response[2]
        found = json.loads(self._native.judge(asked, message, body))
        matches = tuple(RuleMatch(**{**one, "tags": tuple(one["tags"])}) for one in found["matches"])
        return RulesJudgement(matches, found["denial"])

    def time(self, message: bytes, *, now_us: int, rounds: int) -> tuple[float, dict[int, float]]:
        """Measure the phases of a request.

        Args:
            message: head and body.
            now_us: the moment, microseconds since the epoch.
            rounds: how often it is run.

        Returns:
            Microseconds of one run, and of each rule in it, by id.
        """
        asked = _asked(now_us, "127.0.0.1", "127.0.0.1", 80, "offline", None)
        found = json.loads(self._native.time(asked, message, rounds))
        each = {int(rule): spent / rounds / 1000 for rule, spent in found["rules"]}
        return found["total_ns"] / rounds / 1000, each


def _asked(now_us: int, client: str, server: str, port: int, name: str, response: Mapping[str, Any] | None) -> bytes:
    asked = {
        "client": client,
        "server": server,
        "server_port": port,
        "id": name,
        "now_us": now_us,
        "response": response,
    }
    return json.dumps(asked).encode()

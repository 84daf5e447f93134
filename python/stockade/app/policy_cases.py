"""Access decisions tried out: callers are made up, everything else is judged as the gateway would judge it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from stockade.app import wiring
from stockade.app.clock import wall_clock
from stockade.app.errors import ConfigProblemsError, StockadeError
from stockade.app.policy import Asked
from stockade.config import ConfigError
from stockade.core.engine import Engine, Message, Response
from stockade.prevent.gateway.plan import compile_plan

DENYING = frozenset({"identity", "access"})
"""Stages whose refusal is a no to the caller."""

METHOD = "made-up"
"""Name of the identity method that proves made-up callers, unless a case names another."""

_HEADER = b'{"alg":"HS256","kid":"k"}'
_EXAMPLE = 'such as `cases: [{name: ..., caller: {subject: "3"}, request: GET /orders/7, expect: deny}]`'
_KEYS = {"name", "caller", "request", "headers", "body", "from", "at", "answer", "expect", "by"}
_CALLER_KEYS = {"subject", "roles", "scopes", "claims", "method"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls."""

    subject: str
    """Who it is."""
    roles: tuple[str, ...] = ()
    """Roles of the credential."""
    scopes: tuple[str, ...] = ()
    """Scopes of the credential."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Further claims."""
    method: str = METHOD
    """Name of the identity method that would have proven it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One question: may this caller do that?"""

    request: str
    """`METHOD TARGET`."""
    caller: Caller | None = None
    """Who calls; nobody that is known when None."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further header fields."""
    body: Any = None
    """JSON body, or text; None for no body."""
    address: str = "127.0.0.1"
    """Address of the caller."""
    at: int | None = None
    """The moment, microseconds since the epoch; now when None."""
    answer: Response | None = None
    """What the API answers, where that decides or teaches."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided, and by what."""

    permitted: bool
    """Whether the caller may."""
    reason: str
    """Code of the refusal; empty when there is none."""
    detail: str
    """What was looked at and what decided, in words."""
    setting: str
    """Rule, policy or setting that decided."""
    other: str = ""
    """Stage other than identity and access that refused: nothing was decided about access then."""

    def to_json(self) -> dict[str, Any]:
        """The decision as a JSON object."""
        return {
            "permitted": self.permitted,
            "reason": self.reason,
            "detail": self.detail,
            "setting": self.setting,
            "other": self.other,
        }

    def is_by(self, name: str) -> bool:
        """Whether a reason, rule, policy or setting of this name decided."""
        return name == self.reason or f"`{name}`" in self.detail or self.setting.endswith(f".{name}")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one case."""

    name: str
    """Its name."""
    decided: Decided
    """What was decided."""
    wrong: str
    """What was expected instead; empty when it is as expected."""

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return {"name": self.name, "ok": not self.wrong, "wrong": self.wrong, **self.decided.to_json()}


class Judge:
    """Decides by a config; what earlier answers taught counts for later questions, as it does in a gateway.

    Args:
        config: the config file.

    Raises:
        ConfigProblemsError: it cannot be taken.
    """

    def __init__(self, config: Path) -> None:
        loaded = wiring.load(Asked(config=config))
        try:
            self._plan = compile_plan(loaded).plan
        except ConfigError as error:
            raise ConfigProblemsError(error.problems) from error
        self._key = secrets.token_bytes(32)
        self._engines: dict[str, Engine] = {}

    def decide(self, asking: Asking) -> Decided:
        """Decide one question."""
        now = wall_clock() if asking.at is None else asking.at
        method, _, target = asking.request.partition(" ")
        headers = list(asking.headers)
        body = b""
        if asking.body is not None:
            body = (asking.body if isinstance(asking.body, str) else json.dumps(asking.body)).encode()
            if "content-type" not in {name.lower() for name, _ in headers}:
                headers.append(("content-type", "application/json"))
        if asking.caller is not None:
            headers.append(("authorization", f"Bearer {self._token(asking.caller, now)}"))
        message = Message.build(method, target, headers, body, client=asking.address)
        engine = self._engine(asking.caller.method if asking.caller else METHOD)
        return _decided(engine.explain(message, now_us=now, response=asking.answer).event)

    def _engine(self, method: str) -> Engine:
        # One engine for each name of a method; most cases name none, so what is learned is shared.
        if method not in self._engines:
            apis = [self._api(api, method) for api in self._plan["apis"]]
            self._engines[method] = Engine(json.dumps({**self._plan, "apis": apis}).encode())
        return self._engines[method]

    def _api(self, api: Mapping[str, Any], method: str) -> dict[str, Any]:
        """An API that only decides who may call, and takes the word of our key for who it is."""
        identity = api["identity"]
        claims = dict.fromkeys(claim for one in identity["methods"] for claim in one.get("claims", ()))
        proof = {
            "kind": "jwt",
            "name": method,
            "keys": {"keys": [{"kty": "oct", "kid": "k", "k": _coded(self._key)}]},
            "algorithms": ["HS256"],
            "issuers": [],
            "audiences": [],
            "skew_s": 0,
            "roles_claim": "roles",
            "scopes_claim": "scope",
            "required_claims": [],
            "claims": list(claims),
        }
        kept = {name: value for name, value in api.items() if name != "seclang"}
        return {
            **kept,
            "mode": "enforce",
            "identity": {**identity, "methods": [proof] if identity["methods"] else []},
            "inspect": {**api["inspect"], "enabled": False},
            "limits": [],
        }

    def _token(self, caller: Caller, now: int) -> str:
        claims = {
            **caller.claims,
            "sub": caller.subject,
            "roles": list(caller.roles),
            "scope": " ".join(caller.scopes),
            "exp": now // 1_000_000 + 60,
        }
        signed = f"{_coded(_HEADER)}.{_coded(json.dumps(claims).encode())}"
        return f"{signed}.{_coded(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())}"


def run_cases(file: Path, config: Path) -> list[CaseResult]:
    """Run the cases of a YAML file.

    Raises:
        StockadeError: the file cannot be read, or is no list of cases.
        ConfigProblemsError: the config cannot be taken.
    """
    try:
        document = yaml.safe_load(file.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StockadeError("usage", f"expected a file of cases in `{file}`: {error}") from error
    if not isinstance(document, Mapping) or not isinstance(document.get("cases"), list):
        raise StockadeError("usage", f"expected `cases`, a list, in `{file}`", _EXAMPLE)
    judge = Judge(config)
    return [_run(judge, case, f"case {number} of `{file}`") for number, case in enumerate(document["cases"], 1)]


def _run(judge: Judge, case: object, place: str) -> CaseResult:
    if not isinstance(case, Mapping) or not isinstance(case.get("request"), str):
        raise StockadeError("usage", f"expected a `request`, such as `GET /orders/7`, in {place}", _EXAMPLE)
    if unknown := sorted(str(key) for key in set(case) - _KEYS):
        raise StockadeError("usage", f"unknown key `{unknown[0]}` in {place}", f"known are {', '.join(sorted(_KEYS))}")
    expected = case.get("expect")
    if expected not in ("allow", "deny"):
        raise StockadeError("usage", f"expected `expect: allow` or `expect: deny` in {place}", _EXAMPLE)
    decided = judge.decide(
        Asking(
            request=case["request"],
            caller=_caller(case.get("caller"), place),
            headers=tuple((str(name), str(value)) for name, value in (case.get("headers") or {}).items()),
            body=case.get("body"),
            address=str(case.get("from", "127.0.0.1")),
            at=_moment(case.get("at"), place),
            answer=_answer(case.get("answer")),
        )
    )
    wrong = ""
    if decided.other:
        wrong = f"expected a decision about access; stage {decided.other} refused it"
    elif decided.permitted != (expected == "allow"):
        wrong = f"expected {expected}"
    elif "by" in case and not decided.is_by(str(case["by"])):
        wrong = f"expected `{case['by']}` to decide"
    return CaseResult(str(case.get("name", case["request"])), decided, wrong)


def _caller(value: object, place: str) -> Caller | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or "subject" not in value:
        raise StockadeError("usage", f"expected `caller` to have a `subject` in {place}", _EXAMPLE)
    if unknown := sorted(str(key) for key in set(value) - _CALLER_KEYS):
        hint = f"known are {', '.join(sorted(_CALLER_KEYS))}"
        raise StockadeError("usage", f"unknown key `caller.{unknown[0]}` in {place}", hint)
    return Caller(
        str(value["subject"]),
        _texts(value.get("roles")),
        _texts(value.get("scopes")),
        dict(value.get("claims") or {}),
        str(value.get("method", METHOD)),
    )


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(str(one) for one in value)
    return () if value is None else (str(value),)


def _moment(value: object, place: str) -> int | None:
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        hint = "write `2026-11-30T22:00:00Z`"
        raise StockadeError("usage", f"expected `at` to be a moment in {place}, got `{value}`", hint) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def _answer(value: object) -> Response | None:
    if not isinstance(value, Mapping):
        return None
    body = value.get("body")
    coded = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
    return Response(int(value.get("status", 200)), (("content-type", "application/json"),), coded)


def _decided(event: Mapping[str, Any]) -> Decided:
    refusals = event.get("refusals") or []
    if refusals:
        refusal = refusals[-1]
        said = refusal["detail"], refusal["setting"]
        other = "" if refusal["stage"] in DENYING else str(refusal["stage"])
        return Decided(False, str(refusal["reason"]), *said, other)
    notes: list[Mapping[str, Any]] = event.get("stages") or []
    note = next((note for note in notes if note["stage"] == "access"), {})
    return Decided(True, "", str(note.get("detail", "")), str(note.get("setting", "")))


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

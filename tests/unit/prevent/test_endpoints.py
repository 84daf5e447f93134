from __future__ import annotations

from dataclasses import replace
from typing import Any

from stockade.prevent.inventory.declared import Declared
from stockade.prevent.inventory.drift import Drift
from stockade.prevent.inventory.endpoints import WEIGHTS, Endpoint, Traffic, endpoints
from stockade.prevent.inventory.observe import Templates, observe

DECLARED = [
    Declared("shop", "listOrders", "GET", "/v1/orders"),
    Declared("shop", "listOrders2", "GET", "/v2/orders", owner="Team Orders"),
    Declared("shop", "getOrder", "GET", "/v2/orders/{id}"),
    Declared("shop", "export", "POST", "/v2/export", deprecated=True),
    Declared("shop", "users", "GET", "/v2/users", tags=("admin",)),
]


def row(operation: str, unauthenticated: int = 0) -> dict[str, Any]:
    return {
        "api": "shop",
        "operation": operation,
        "exchanges": 9,
        "unauthenticated": unauthenticated,
        "actors": 2,
        "first_seen": 1,
        "last_seen": 5,
    }


def path(text: str, time: int, unauthenticated: int = 0) -> dict[str, Any]:
    return {
        "api": "shop",
        "method": "GET",
        "path": text,
        "exchanges": 1,
        "unauthenticated": unauthenticated,
        "first_seen": time,
        "last_seen": time,
    }


UNDECLARED = [path(f"/internal/jobs/{number}", number, number % 2) for number in range(1, 60)]
TRAFFIC = Traffic([row("listOrders"), row("listOrders2"), row("getOrder", 3), row("export")], UNDECLARED)


def found(traffic: Traffic = TRAFFIC) -> dict[str, Endpoint]:
    templates = Templates(DECLARED, UNDECLARED)
    return {one.operation or one.path: one for one in endpoints(DECLARED, templates, traffic)}


def test_what_is_seen_and_not_declared_is_a_shadow_with_a_template() -> None:
    shadow = found()["/internal/jobs/{job_id}"]
    assert shadow.findings == ("shadow", "unauthenticated")
    assert (shadow.exchanges, shadow.first_seen, shadow.last_seen) == (59, 1, 59)


def test_what_is_deprecated_old_or_never_called_is_told() -> None:
    everything = found()
    assert everything["export"].findings == ("zombie",)
    assert everything["listOrders"].findings == ("old_version",)
    assert everything["listOrders2"].findings == ()
    assert everything["users"].findings == ("orphan",)
    assert everything["getOrder"].findings == ("unauthenticated",)
    assert (everything["listOrders"].version, everything["listOrders2"].version) == (1, 2)
    assert everything["listOrders2"].owner == "Team Orders"


def test_the_grade_is_the_sum_of_parts_that_are_shown_and_the_riskiest_comes_first() -> None:
    everything = list(found().values())
    assert everything[0].path == "/internal/jobs/{job_id}"
    assert everything[0].risk == {
        part: WEIGHTS[part] for part in ("shadow", "unauthenticated", "takes_an_id", "administration")
    }
    assert [one.grade for one in everything] == sorted((one.grade for one in everything), reverse=True)
    assert all(0 <= one.grade <= 100 for one in everything)


def test_data_drift_callers_and_proofs_are_told_and_count() -> None:
    shape = "\x1f".join(("email:string:email:email", "api_key:string::key", "city:string::"))
    fields = {"request_fields": None, "response_fields": shape, "recent": 0, "samples": 30}
    types = {"request_type": None, "response_type": "application/json"}
    seen = observe(
        Templates(DECLARED, []),
        [],
        [{"api": "shop", "operation": "getOrder", "method": "GET", "path": None, "status": 200, **types, **fields}],
    )
    whose = {"api": "shop", "operation": "getOrder"}
    traffic = replace(
        TRAFFIC,
        seen=seen,
        identities=[
            {**whose, "identity_method": None, "exchanges": 3},
            {**whose, "identity_method": "jwt", "exchanges": 6},
        ],
        callers=[{**whose, "actor": f"subject:{name}", "exchanges": 9} for name in "abcdefg"],
        drift={("shop", "GET", "/v2/orders/{id}"): (Drift("response", 200, "city", "new", "now string"),)},
    )
    one = found(traffic)["getOrder"]
    assert {(at.side, at.field, at.data.data_class) for at in one.data} == {
        ("response", "email", "email"),
        ("response", "api_key", "key"),
        ("response", "api_key", "credential"),
    }
    assert one.findings == ("unauthenticated", "drift")
    assert one.identity == {"none": 3, "jwt": 6}
    assert [actor for actor, _ in one.callers] == [f"subject:{name}" for name in "abcde"]
    assert set(one.risk) == {"unauthenticated", "drift", "takes_an_id", "personal_data", "secret_data"}

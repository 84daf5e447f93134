from __future__ import annotations

from typing import Any

from stockade.prevent.inventory.endpoints import WEIGHTS, Declared, Endpoint, endpoints

DECLARED = [
    Declared("shop", "listOrders", "GET", "/v1/orders"),
    Declared("shop", "listOrders2", "GET", "/v2/orders"),
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


def found() -> dict[str, Endpoint]:
    seen = [row("listOrders"), row("listOrders2"), row("getOrder", 3), row("export")]
    undeclared = [path(f"/internal/jobs/{number}", number, number % 2) for number in range(1, 60)]
    return {one.operation or one.path: one for one in endpoints(DECLARED, seen, undeclared)}


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


def test_the_grade_is_the_sum_of_parts_that_are_shown_and_the_riskiest_comes_first() -> None:
    everything = list(found().values())
    assert everything[0].path == "/internal/jobs/{job_id}"
    assert everything[0].risk == {
        part: WEIGHTS[part] for part in ("shadow", "unauthenticated", "takes_an_id", "administration")
    }
    assert [one.grade for one in everything] == sorted((one.grade for one in everything), reverse=True)
    assert all(0 <= one.grade <= 100 for one in everything)

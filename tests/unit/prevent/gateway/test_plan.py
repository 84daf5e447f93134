"""Config becomes the plan that the engine compiles; what does not compile is told at its place."""

from typing import Any

import pytest

from stockade.model import Severity
from stockade.prevent.gateway.selections import overlaps

from .conftest import Build, Problems


def api(build: Build, settings: str) -> dict[str, Any]:
    """The plan of one API with these settings."""
    plan = build(f"apis: {{shop: {{upstream: 'http://h:9000', {settings}}}}}").plan
    (found,) = plan["apis"]
    return dict(found)


IDENTITY = "identity: {methods: [{jwt: {keys_file: jwks.json}}]}"


def test_defaults_are_open_where_nothing_is_known(build: Build) -> None:
    plan = api(build, "")
    assert plan["base_path"] == "/"
    assert plan["contract"]["unknown_operations"] == plan["contract"]["unknown_parameters"] == "pass"
    assert plan["identity"] == {
        "methods": [],
        "required": False,
        "anonymous": [],
        "routes": [],
        "session_cookies": [],
        "strip_credential": False,
    }
    assert plan["access"]["rules"] == plan["access"]["objects"] == plan["access"]["fields"] == []
    assert plan["access"]["deny_others"] is False
    assert plan["inspect"]["large_bodies"] == "stream"
    assert plan["limits"] == []


def test_a_spec_closes_what_it_does_not_name(build: Build) -> None:
    plan = api(build, "spec: openapi.yaml")
    assert plan["contract"]["unknown_operations"] == plan["contract"]["unknown_parameters"] == "refuse"
    assert [operation["id"] for operation in plan["operations"]] == ["listOrders", "createOrder", "getStats", "health"]


def test_administration_is_closed_once_callers_can_be_known(build: Build) -> None:
    rules = api(build, f"base_path: /v1, {IDENTITY}")["access"]["rules"]
    assert [(rule["name"], rule["select"]["tags"], rule["select"]["paths"], rule["roles"]) for rule in rules] == [
        ("admin", ["admin"], [], []),
        ("admin-paths", [], ["/v1/admin", "/v1/admin/**"], []),
    ]


def test_administration_can_be_given_and_turned_off(build: Build) -> None:
    rules = api(build, f"{IDENTITY}, access: {{admin: {{roles: [boss]}}}}")["access"]["rules"]
    assert [rule["roles"] for rule in rules] == [["boss"], ["boss"]]
    assert api(build, f"{IDENTITY}, access: {{admin: {{tags: [], paths: []}}}}")["access"]["rules"] == []


def test_anonymous_operations_are_any_of_those_named(build: Build) -> None:
    settings = (
        "spec: openapi.yaml, identity: {methods: [{jwt: {keys_file: jwks.json}}], "
        "anonymous: {paths: [/health], operations: [listOrders], methods: [get]}}"
    )
    anonymous = api(build, settings)["identity"]["anonymous"]
    assert [(one["operations"], one["paths"], one["methods"]) for one in anonymous] == [
        (["listOrders"], [], ["GET"]),
        ([], ["/health"], ["GET"]),
    ]


def test_an_api_key_in_the_query_is_a_known_parameter(build: Build) -> None:
    digest = "0" * 64
    keys = f"[{{id: a, subject: b, sha256: '{digest}'}}]"
    plan = api(build, f"spec: openapi.yaml, identity: {{methods: [{{api_key: {{query: token, keys: {keys}}}}}]}}")
    assert all(
        any(parameter["name"] == "token" for parameter in operation["parameters"]) for operation in plan["operations"]
    )


def test_limits_and_rates(build: Build) -> None:
    (limit,) = api(build, "limits: [{name: l, by: [address], rate: 10/m}]")["limits"]
    assert limit["select"] is None
    assert limit["count"] == {"unit": "requests"}
    assert limit["shared"] == "local"
    assert limit["tiers"] == [
        {"amount": 10, "period_ms": 60_000, "burst": 10, "action": "refuse", "delay_ms": 0},
    ]


def test_longer_base_paths_come_first(build: Build) -> None:
    text = (
        "apis: {a: {upstream: 'http://h'}, b: {upstream: 'http://i', base_path: /v1/b}, "
        "c: {upstream: 'http://j', base_path: /v1}}"
    )
    assert [plan["name"] for plan in build(text).plan["apis"]] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("settings", "setting", "hint"),
    [
        (
            "limits: [{name: l, by: [actor], rate: 1/s, operations: [listOrder]}]",
            "apis.shop.limits[0].operations[0]",
            "listOrders",
        ),
        (
            f"{IDENTITY}, access: {{rules: [{{name: r, operations: [nope], roles: [x]}}]}}",
            "apis.shop.access.rules[0].operations[0]",
            "",
        ),
        (
            "inspect: {exceptions: [{operation: creatOrder, reason: r}]}",
            "apis.shop.inspect.exceptions[0].operation",
            "createOrder",
        ),
    ],
)
def test_operations_that_do_not_exist_are_told(problems: Problems, settings: str, setting: str, hint: str) -> None:
    (found,) = problems(f"apis: {{shop: {{upstream: 'http://h', spec: openapi.yaml, {settings}}}}}")
    assert found.setting == setting
    assert "expected an operation of the spec" in found.message
    assert hint in (found.hint or "")


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        (
            f"{IDENTITY}, access: {{rules: [{{name: r, paths: ['/nowhere/**'], roles: [x]}}]}}",
            "apis.shop.access.rules[0].paths[0]",
        ),
        ("limits: [{name: l, by: [actor], rate: 1/s, tags: [ordres]}]", "apis.shop.limits[0].tags[0]"),
        (IDENTITY, "apis.shop.identity"),
    ],
)
def test_choices_that_lead_nowhere_are_warnings(build: Build, settings: str, setting: str) -> None:
    compiled = build(f"apis: {{shop: {{upstream: 'http://h', spec: openapi.yaml, {settings}}}}}")
    assert setting in [warning.setting for warning in compiled.warnings]
    assert all(warning.severity is Severity.WARNING for warning in compiled.warnings)
    assert all(warning.line == 1 for warning in compiled.warnings)


def test_what_the_engine_refuses_is_told_at_its_place(problems: Problems) -> None:
    (found,) = problems("apis:\n  shop:\n    upstream: http://h\n    inspect:\n      disabled: [no_such_detector]\n")
    assert (found.file, found.line) == ("stockade.yaml", 5)
    assert found.setting.startswith("apis.shop.inspect.disabled")


def test_a_schema_that_the_engine_refuses_is_told(problems: Problems, tmp_path: Any) -> None:
    spec = tmp_path / "openapi.yaml"
    spec.write_text(spec.read_text().replace("^[a-z]*$", "(["))
    (found,) = problems("apis: {shop: {upstream: 'http://h', spec: openapi.yaml}}")
    assert (found.file or "").endswith("openapi.yaml")
    assert found.setting.startswith("/paths/~1orders/post")
    assert found.line == 7


def test_every_problem_of_every_api_is_told(problems: Problems) -> None:
    found = problems(
        "apis:\n"
        "  a: {upstream: 'http://h', spec: openapi.yaml, limits: [{name: l, by: [key], rate: 1/s, operations: [x]}]}\n"
        "  b: {upstream: 'http://h', base_path: /b, limits: [{name: l, by: [key], rate: 1/s, operations: [x]}]}\n"
    )
    assert [(problem.setting, problem.line) for problem in found] == [
        ("apis.a.limits[0].operations[0]", 2),
        ("apis.b.limits[0].operations[0]", 3),
    ]


@pytest.mark.parametrize(
    ("glob", "template", "fits"),
    [
        ("/admin/**", "/admin", True),
        ("/admin/**", "/admin/users/{id}", True),
        ("/**", "/x/y", True),
        ("/a/*", "/a/{id}", True),
        ("/a/*", "/a/b/c", False),
        ("/**/refund", "/payments/{id}/refund", True),
        ("/health", "/healthz", False),
        ("/a/me", "/a/{id}", True),
        ("/v1/a", "/a", False),
    ],
)
def test_globs_and_templates_overlap(glob: str, template: str, fits: bool) -> None:
    assert overlaps(glob, template) is fits

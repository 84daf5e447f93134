"""The shop's document, its example config and its traffic agree with the shop."""

from itertools import takewhile
from pathlib import Path

from stockade.config import loads
from stockade.prevent.gateway.plan import compile_plan
from stockade.prevent.inventory import openapi
from stockade.sample import SPEC, admin, orders, products, users
from stockade.sample.flaws import Flaws
from stockade.sample.folder import open_shop, render_config
from stockade.sample.traffic import ATTACK, ORDINARY, SCENARIOS, run

from .conftest import NOW, Client


def test_every_route_is_documented_and_no_other() -> None:
    routes = {("GET", "/health")}
    for route in (*users.ROUTES, *products.ROUTES, *orders.ROUTES, *admin.ROUTES):
        routes |= {(method, route.path.replace(":int}", "}")) for method in (route.methods or set()) - {"HEAD"}}
    inventory = openapi.read(SPEC)
    assert {(operation.method, operation.path) for operation in inventory.operations} == routes
    assert not inventory.warnings


def test_the_example_config_compiles_without_a_warning(tmp_path: Path) -> None:
    open_shop(tmp_path, lambda: NOW, Flaws()).database.close()
    text = render_config(
        tmp_path, upstream="http://127.0.0.1:9000", listen="127.0.0.1:8080", admin="127.0.0.1:9440", data=tmp_path / "d"
    )
    assert "@" not in text.replace("`@NAMES@`", "")
    compiled = compile_plan(loads(text, {}, tmp_path))
    assert not compiled.warnings
    (api,) = compiled.plan["apis"]
    assert len(api["operations"]) == 24


def test_ordinary_traffic_passes_without_a_gateway(client: Client) -> None:
    # Ordinary scenarios come first, since attacks use what they leave behind.
    calls = list(takewhile(lambda call: call.kind == ORDINARY, run(client.url, client.folder, NOW)))
    assert [call for call in calls if not call.is_as_expected] == []
    assert len(calls) > 40


def test_ordinary_scenarios_come_before_attacks() -> None:
    kinds = [scenario.kind for scenario in SCENARIOS]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {ORDINARY, ATTACK}

"""`stockade check --tls` tells what is weak, with its place, and by its exit code."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command


def test_weak_settings_are_told_and_good_ones_are_not(stockade: Command, folder: Path) -> None:
    (folder / "weak.yaml").write_text("apis: {shop: {upstream: 'http://shop.internal'}}\n")
    said = stockade("check", "-c", "weak.yaml", "--tls")
    assert "high upstream.plain: weak.yaml:1: apis.shop.upstream: requests go to" in said
    assert said.endswith("[exit 1]\n")
    told = stockade("check", "-c", "weak.yaml", "--tls", "--json")
    (finding,) = json.loads(told[told.index("{") : told.rindex("}") + 1])["findings"]
    assert (finding["code"], finding["weight"], finding["line"]) == ("upstream.plain", "high", 1)
    (folder / "good.yaml").write_text("apis: {shop: {upstream: 'http://127.0.0.1:9000'}}\n")
    assert "nothing weak" in stockade("check", "-c", "good.yaml", "--tls")


def test_what_cannot_be_reached_leaves_it_undecided(stockade: Command, folder: Path) -> None:
    (folder / "far.yaml").write_text("apis: {shop: {upstream: 'https://127.0.0.1:1'}}\n")
    assert stockade("check", "-c", "far.yaml", "--tls", "--connect").endswith("[exit 3]\n")
    assert "expected `--tls`" in stockade("check", "-c", "far.yaml", "--connect")

from __future__ import annotations

import yaml
from tests.cli.conftest import Command

from stockade.config.limits import Limit


def test_limits_are_proposed_from_what_was_recorded(stockade: Command) -> None:
    told = stockade("limits", "propose", "--since", "2020-01-01")
    assert "2 calls of 2 callers; busiest minute of the one in the middle 1" in told
    assert "so few callers make it a guess" in told
    config = yaml.safe_load(told.split("\n", 1)[1].rpartition("[exit")[0])
    assert [Limit.model_validate(limit).name for limit in config["apis"]["shop"]["limits"]] == ["per-actor", "failures"]


def test_nothing_recorded_is_said(stockade: Command) -> None:
    assert "nothing was recorded since 1s" in stockade("limits", "propose", "--since", "1s")


def test_limits_in_force_need_a_bundle(stockade: Command) -> None:
    assert "expected a bundle in data folder" in stockade("limits", "list")

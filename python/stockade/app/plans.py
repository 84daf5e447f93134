"""The plan in force, read back from its bundle: for `apis`, and for `explain` as the gateway would judge."""

from __future__ import annotations

import json
from typing import Any

from stockade.core.errors import StockadeError
from stockade.prevent.gateway.bundle import Bundles
from stockade.store.folder import DataFolder


def plan_in_force(folder: DataFolder) -> dict[str, Any]:
    """The plan of the bundle in force.

    Raises:
        StockadeError: there is none, or it is damaged.
    """
    payload = Bundles(folder.path).payload()
    try:
        plan = json.loads(payload or b"")
    except ValueError as error:
        raise StockadeError(
            "explain.no_bundle",
            f"expected a bundle in data folder `{folder.path}`, found none",
            "name the folder of a running Stockade with `--data`, or a config with `--config`",
        ) from error
    return dict(plan)

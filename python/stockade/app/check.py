"""Checks a config as `run` would take it: loads it, reads its specs, compiles it; writes nothing, starts nothing."""

from __future__ import annotations

from stockade.app import wiring
from stockade.app.checked import Checked, checked
from stockade.app.errors import StockadeError
from stockade.app.policy import Asked


def check(asked: Asked) -> Checked:
    """Check what was asked for.

    Raises:
        StockadeError: `usage` when the config file is not there.
    """
    if asked.config is not None and not asked.config.is_file():
        hint = "name a config with `--config FILE`"
        raise StockadeError("usage", f"expected a config file, got `{asked.config}`, which is not there", hint)
    return checked(lambda: wiring.load(asked))

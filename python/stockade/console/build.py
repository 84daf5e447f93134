"""Joins the pages of the console."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from stockade.app.control_state import ControlState
from stockade.console.assets import Assets
from stockade.console.page import Pages
from stockade.console.views import accounts, actors, events, gate, incidents, inventory, overview, policy, standing

VIEWS = (overview, incidents, events, inventory, actors, standing, policy, accounts, gate)
"""All views."""


def pages(state: ControlState) -> Sequence[APIRouter]:
    """The routes of all pages, and of what they are made with."""
    assets = Assets()
    made = Pages(state, assets)
    return [assets.routes(), *(view.routes(made) for view in VIEWS)]

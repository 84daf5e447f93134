"""The Rust core as Python sees it: the engine, the spool, the gateway process and the catalogue.

The only package that imports the extension `stockade.core._native`.
"""

from stockade.core.engine import Engine
from stockade.core.errors import StockadeError

__all__ = ["Engine", "StockadeError"]

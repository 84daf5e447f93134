"""Stockade: one platform that prevents, detects and responds to attacks on HTTP APIs."""

from typing import Final

__version__: Final = "0.1.0"

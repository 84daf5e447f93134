"""The shop: a small real API to try Stockade on, to scan and to train with. Its flaws are switches, all off."""

from pathlib import Path

SPEC = Path(__file__).parent / "openapi.yaml"
"""Its OpenAPI 3.1 document."""

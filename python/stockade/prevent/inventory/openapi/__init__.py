"""Reads OpenAPI 3.0 and 3.1 documents: YAML or JSON, one file or several below one folder."""

from stockade.prevent.inventory.openapi.reader import OpenApiError, read

__all__ = ["OpenApiError", "read"]

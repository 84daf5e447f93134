"""Paths that are relative to the config file."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema

from stockade.config.values.refuse import refuse


def _resolve(path: Path, info: ValidationInfo) -> Path:
    if not str(path).strip() or "\0" in str(path):
        refuse("expected the path of a file or folder")
    context: dict[str, Any] = info.context or {}
    folder = context.get("folder")
    return (folder / path.expanduser()).absolute() if folder else path.expanduser().absolute()


ConfigPath = Annotated[Path, Field(strict=False), AfterValidator(_resolve), WithJsonSchema({"type": "string"})]
"""A file or folder; relative ones begin at the folder of the config file."""

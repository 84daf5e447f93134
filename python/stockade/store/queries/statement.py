"""Statements as text: one rendering for DuckDB and PostgreSQL, whose SQL the named queries keep to."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

_DIALECT = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def rendered(statement: sa.SelectBase) -> tuple[str, list[Any]]:
    """The text of a statement with `$1`, `$2` and so on, and the values for these."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    names = compiled.positiontup or []
    return str(compiled), [compiled.params[name] for name in names]

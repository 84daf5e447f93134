"""Recorded events in PostgreSQL: an optional second home, asked with the same named queries.

A batch and the number up to which it goes are written in one transaction, so a batch is there once or not at all.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa

from stockade.core.errors import StockadeError
from stockade.store.archive.columns import DataClass
from stockade.store.archive.writer import Batch
from stockade.store.queries.query import Answer
from stockade.store.queries.registry import named
from stockade.store.queries.tables import METADATA

TAKEN = sa.Table(
    "stockade_taken",
    sa.MetaData(),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("through", sa.BigInteger, nullable=False),
)
"""How far each source was taken in."""

SECONDS = 30
"""How long one question may take."""


class PostgresEvents:
    """Events in one PostgreSQL database; may be used from several threads.

    Args:
        url: as SQLAlchemy reads it, such as `postgresql+pg8000://user:password@host/name`.
        source: name of the data folder that events come from; several may share a database.

    Raises:
        StockadeError: the driver is not installed, or the database does not answer.
    """

    def __init__(self, url: str, source: str) -> None:
        self._source = source
        try:
            self._engine = sa.create_engine(url, pool_size=2, max_overflow=2, pool_pre_ping=True)
            self._create()
        except ModuleNotFoundError as error:
            raise StockadeError(
                "postgresql.driver", f"expected the module `{error.name}`", "pip install 'stockade[postgresql]'"
            ) from error
        except sa.exc.SQLAlchemyError as error:
            problem = f"cannot use PostgreSQL: {_first_line(error)}"
            raise StockadeError("postgresql.unreachable", problem, None) from error

    def commit(self, batch: Batch) -> None:
        """Take a batch in; one that was taken before changes nothing.

        Raises:
            OSError: the database does not take it; nothing of it is visible and it can be tried again.
        """
        try:
            with self._engine.begin() as connection:
                place = sa.select(TAKEN.c.epoch, TAKEN.c.through).where(TAKEN.c.source == self._source)
                known = connection.execute(place.with_for_update()).one_or_none()
                if known is not None and (batch.epoch, batch.through) <= (known.epoch, known.through):
                    return
                for data_class, table in batch.tables.items():
                    if table.num_rows:
                        _copy(connection, data_class, table)
                values = {"epoch": batch.epoch, "through": batch.through}
                if known is None:
                    connection.execute(TAKEN.insert().values(source=self._source, **values))
                else:
                    connection.execute(TAKEN.update().where(TAKEN.c.source == self._source).values(**values))
        except sa.exc.SQLAlchemyError as error:
            raise OSError(f"PostgreSQL does not take events: {_first_line(error)}") from error

    def place(self) -> tuple[int, int]:
        """Epoch and sequence number up to which everything was taken in.

        Raises:
            OSError: the database does not answer.
        """
        try:
            with self._engine.begin() as connection:
                found = sa.select(TAKEN.c.epoch, TAKEN.c.through).where(TAKEN.c.source == self._source)
                known = connection.execute(found).one_or_none()
                return (0, 0) if known is None else (known.epoch, known.through)
        except sa.exc.SQLAlchemyError as error:
            raise OSError(f"PostgreSQL does not answer: {_first_line(error)}") from error

    def ask(self, name: str, given: Mapping[str, Any] | None = None) -> Answer:
        """The answer to a named query, equal to that of the archive.

        Raises:
            StockadeError: there is no such query, a parameter is wrong, or the database does not answer in time.
        """
        query = named(name)
        statement = query.build(query.values(given or {}))
        try:
            with self._engine.begin() as connection:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{SECONDS}s'")
                found = connection.execute(cast("sa.Executable", statement))
                return Answer(tuple(found.keys()), [tuple(row) for row in found])
        except sa.exc.SQLAlchemyError as error:
            raise StockadeError("postgresql.query", f"`{name}` failed: {_first_line(error)}", None) from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _create(self) -> None:
        with self._engine.begin() as connection:
            for table in METADATA.tables.values():
                columns = ", ".join(f'"{column.name}" {_type(column)}' for column in table.columns)
                connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {table.name} ({columns})")
                for column in table.columns:
                    # A table of an older version lacks columns that came later.
                    added = f'"{column.name}" {_type(column)}'
                    connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS {added}")
                connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {table.name}_time ON {table.name} (time)")
                if "id" in table.columns:
                    connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {table.name}_id ON {table.name} (id)")
            TAKEN.create(connection, checkfirst=True)


def _type(column: sa.Column[Any]) -> str:
    # Compared by code point, as DuckDB does, whatever the database's own language is.
    kind = str(column.type)
    return 'TEXT COLLATE "C"' if kind == "TEXT" else kind


def _copy(connection: sa.Connection, data_class: DataClass, table: pa.Table) -> None:
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    # `stream` is pg8000's own.
    cursor: Any = connection.connection.cursor()
    for chunk in _csv(table):
        cursor.execute(f"COPY {data_class} ({columns}) FROM STDIN WITH (FORMAT csv)", stream=io.BytesIO(chunk))


def _csv(table: pa.Table) -> Iterator[bytes]:
    # Quoted texts and bare nulls are told apart by COPY; NUL is the one letter that PostgreSQL has not.
    for batch in table.to_batches(max_chunksize=20_000):
        out = pa.BufferOutputStream()
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
        pyarrow.csv.write_csv(pa.Table.from_batches([batch]), out, options)
        yield out.getvalue().to_pybytes().replace(b"\0", b"")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]

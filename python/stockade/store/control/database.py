"""The database of control data: opened, brought up to date, and changed in whole transactions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from stockade.core.errors import StockadeError
from stockade.store.control.tables import METADATA

HEAD = "0002"
"""The newest step in `migrations/versions`."""

_REVISION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))

WAIT_S = 5.0
"""Seconds that a writer of SQLite waits for another, and that PostgreSQL may take to connect."""


class ControlDatabase:
    """Control data; may be used from several threads and, on PostgreSQL, from several machines.

    Args:
        url: as SQLAlchemy reads it: `sqlite:///FILE` or `postgresql+pg8000://user:password@host/name`.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = sa.create_engine(url, pool_pre_ping=not url.startswith("sqlite"), **_settings(url))
        except ModuleNotFoundError as error:
            hint = "pip install 'stockade[postgresql]'"
            raise StockadeError("postgresql.driver", f"expected the module `{error.name}`", hint) from error
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare)
            sa.event.listen(self._engine, "begin", _begin)
        self._changing = self._engine.execution_options(changing=True)

    @classmethod
    def in_file(cls, file: Path) -> Self:
        """The database in one file, which is made for its owner alone."""
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        return cls(f"sqlite:///{file.resolve()}")

    def migrate(self) -> None:
        """Bring the tables up to date; they are as before, or as they should be.

        Raises:
            StockadeError: the database does not answer, or is newer than this program.
        """
        with self.change() as connection:
            if _is_current(connection):
                return
        # Loaded only when there is something to do: it is large.
        from alembic import command
        from alembic.config import Config
        from alembic.util.exc import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self.change() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise StockadeError(
                    "control.newer",
                    f"expected control data of this version, got a newer one: {error}",
                    "start the newer Stockade, or restore the copy from before the upgrade",
                ) from error

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One transaction that only reads.

        Raises:
            StockadeError: the database does not answer.
        """
        with _answering(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def change(self) -> Iterator[sa.Connection]:
        """One transaction that changes: all of it is kept, or nothing.

        Raises:
            StockadeError: the database does not answer.
        """
        with _answering(), self._changing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def _is_current(connection: sa.Connection) -> bool:
    """Whether the tables are those of this program; they are made whole where there are none yet."""
    if sa.inspect(connection).has_table("alembic_version"):
        return connection.scalar(sa.select(_REVISION.c.version_num)) == HEAD
    METADATA.create_all(connection)
    _REVISION.create(connection)
    connection.execute(sa.insert(_REVISION), {"version_num": HEAD})
    return True


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.DatabaseError) as error:
        told = str(error.orig or error).splitlines()[0][:200]
        hint = "the gateway goes on; look at the database, and at the disk that it is on"
        raise StockadeError(
            "control.database", f"the database of control data does not answer: {told}", hint
        ) from error


def _settings(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": WAIT_S, "check_same_thread": False}}
    return {"pool_size": 4, "max_overflow": 4, "pool_timeout": WAIT_S, "connect_args": {"timeout": int(WAIT_S)}}


def _prepare(connection: Any, _record: object) -> None:
    # Transactions begin where SQLAlchemy says so, not where the driver guesses.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    # A reader that becomes a writer may find another before it; a writer says so from the start and waits.
    changing = connection.get_execution_options().get("changing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if changing else "BEGIN")

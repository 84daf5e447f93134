"""Control data: the same tables however they came to be, whole transactions, and writers that wait for each other."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from stockade.core.errors import StockadeError
from stockade.store.control import database as module
from stockade.store.control.database import HEAD, ControlDatabase
from stockade.store.control.tables import METADATA, USERS

STEPS = Path(module.__file__).with_name("migrations")
PERSON = {"role": "viewer", "disabled": False, "failures": 0, "locked_until": 0, "last_step": 0, "created_at": 0}


def shape(connection: sa.Connection) -> dict[str, Any]:
    """Every table with its columns and keys."""
    inspector = sa.inspect(connection)
    return {
        name: (
            [(one["name"], str(one["type"]), one["nullable"]) for one in inspector.get_columns(name)],
            inspector.get_pk_constraint(name)["constrained_columns"],
            [(one["constrained_columns"], one["referred_table"]) for one in inspector.get_foreign_keys(name)],
            sorted(one["column_names"] for one in inspector.get_unique_constraints(name)),
            sorted(one["column_names"] for one in inspector.get_indexes(name)),
        )
        for name in METADATA.tables
    }


def test_the_steps_lead_to_the_tables_that_are_made_at_once(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(STEPS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
    whole, stepped = ControlDatabase.in_file(tmp_path / "whole"), ControlDatabase.in_file(tmp_path / "stepped")
    whole.migrate()
    with stepped.change() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    stepped.migrate()
    with whole.read() as one, stepped.read() as other:
        assert shape(one) == shape(other)


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    database = ControlDatabase.in_file(tmp_path / "control.db")
    database.migrate()
    with database.change() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StockadeError, match=r"control\.newer"):
        database.migrate()


def test_a_change_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    database = ControlDatabase.in_file(tmp_path / "control.db")
    database.migrate()

    def fail() -> None:
        with database.change() as connection:
            connection.execute(sa.insert(USERS), {**PERSON, "name": "ann"})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(USERS)) == 0
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    assert (tmp_path / "control.db").stat().st_mode & 0o777 == 0o600


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    database = ControlDatabase.in_file(tmp_path / "control.db")
    database.migrate()

    def write(writer: int) -> None:
        for number in range(10):
            with database.change() as connection:
                connection.execute(sa.insert(USERS), {**PERSON, "name": f"user-{writer}-{number}"})

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(USERS)) == 80


def test_a_database_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "control.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(StockadeError, match=r"control\.database"):
        ControlDatabase.in_file(tmp_path / "control.db").migrate()

"""The same questions of DuckDB over Parquet and of a real PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import traffic

from stockade.core.errors import StockadeError
from stockade.store.archive.rows import rows_of
from stockade.store.archive.writer import ArchiveWriter, Batch
from stockade.store.queries.database import EventDatabase
from stockade.store.queries.postgres import PostgresEvents
from stockade.store.queries.registry import QUERIES
from stockade.store.queries.shipping import Shipping

RECORDS = list(traffic.records(800, rate=0.2))
NOTICE = {"kind": "notice", "format": 1, "time": RECORDS[-1]["time"] + 1, "gateway": "g", "code": "a.b", "detail": "x"}
GIVEN: list[tuple[str, dict[str, Any]]] = [
    ("busy_minutes", {"each": "operation"}),
    ("busy_minutes", {"count": "failures"}),
    ("evidence", {"ids": ",".join(record["id"] for record in RECORDS if record["verdict"] != "allowed")[:900]}),
    ("exchange", {"id": RECORDS[5]["id"]}),
    ("pivot_roles", {"value": "user-5"}),
    ("pivot_span", {"value": RECORDS[3]["client"]["address"]}),
    ("pivot", {"value": "getOrder", "side": "reason"}),
    ("pivot", {"value": RECORDS[3]["client"]["address"], "side": "actor"}),
    ("search", {"verdict": "refused", "reason": "inspect", "limit": 50}),
    ("search", {"detector": "xss"}),
    ("search", {"path": "/orders/", "method": "GET", "status": 404}),
    ("search", {"text": "TAUTOLOGY", "limit": 7}),
    ("search", {"object": RECORDS[0]["request"]["path"].rpartition("/")[2]}),
    ("search", {"path": "/100%_"}),
    ("traffic", {"step": 600, "since": RECORDS[100]["time"], "until": RECORDS[700]["time"], "api": "shop"}),
]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL of its own, as a user who is not root, reached by a socket alone."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    user: str | None = None
    if os.getuid() == 0:
        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            user = "nobody"
    folder = Path(tempfile.mkdtemp(prefix="stockade-pg-"))
    if user is not None:
        shutil.chown(folder, user)

    def run(*command: str) -> None:
        done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    run(f"{programs[-1]}/initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "stockade", "--locale=C.UTF-8", "-N")
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    run(f"{programs[-1]}/pg_ctl", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
    try:
        yield f"postgresql+pg8000://stockade@/postgres?unix_sock={folder}/.s.PGSQL.5432"
    finally:
        run(f"{programs[-1]}/pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def batches() -> list[Batch]:
    first = rows_of(traffic.lines(iter(RECORDS[:500])), 1)
    second = rows_of(traffic.lines(iter([*RECORDS[500:], NOTICE]), 501), 1)
    return [Batch(1, 500, first.tables, 500), Batch(1, 801, second.tables, 301)]


@pytest.fixture(scope="module")
def both(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EventDatabase, PostgresEvents]]:
    folder = tmp_path_factory.mktemp("archive")
    writer = ArchiveWriter(folder / "events")
    postgres = PostgresEvents(server, "one")
    for batch in batches():
        writer.commit(batch)
        postgres.commit(batch)
        postgres.commit(batch)
    yield EventDatabase(folder / "events", folder / "spool"), postgres
    postgres.close()


PLAIN: list[tuple[str, dict[str, Any]]] = [
    (name, {}) for name, query in QUERIES.items() if not any(parameter.required for parameter in query.parameters)
]


@pytest.mark.parametrize(("name", "given"), PLAIN + GIVEN, ids=lambda value: str(value)[:40])
def test_both_give_the_same_answer(
    both: tuple[EventDatabase, PostgresEvents], name: str, given: dict[str, Any]
) -> None:
    archive, postgres = both
    expected, found = archive.ask(name, given), postgres.ask(name, given)
    assert found.columns == expected.columns
    if name == "evidence":
        assert sorted(found.rows) == sorted(expected.rows)
    else:
        assert list(found.rows) == list(expected.rows)


def test_every_query_is_compared() -> None:
    assert {name for name, _ in PLAIN + GIVEN} == set(QUERIES)


def test_a_database_that_is_away_is_told(server: str) -> None:
    with pytest.raises(StockadeError, match="cannot use PostgreSQL"):
        PostgresEvents(server.replace("5432", "1"), "two")


def test_the_archive_is_brought_over_once_whatever_happened_between(server: str, tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path)
    postgres = PostgresEvents(server, "three")
    shipping = Shipping(tmp_path, None, postgres)
    before = dict(postgres.ask("verdicts").rows)
    for epoch in (1, 2):
        for number in range(4):
            first = number * 100 + 1
            found = traffic.records(100, seed=epoch * 10 + number, start=traffic.START + number * 10**6)
            writer.commit(Batch(epoch, first + 99, rows_of(traffic.lines(found, first), epoch).tables, 100))
            if number == 1:
                assert shipping.step()
    writer.compact(traffic.START + 10**12)
    while shipping.step():
        pass
    assert postgres.place() == (2, 400)
    assert sum(dict(postgres.ask("verdicts").rows).values()) - sum(before.values()) == 800
    postgres.close()

"""Asks named queries of the archive and of the newest seconds behind it, with DuckDB in memory.

Every question opens only files whose time can fit. One that would read too much is refused before it begins, and one
that takes too long is ended.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from stockade.core.errors import StockadeError
from stockade.store.archive.columns import DataClass
from stockade.store.archive.hot import Hot, HotRows
from stockade.store.archive.manifest import ArchiveFile
from stockade.store.archive.parquet import Parquet
from stockade.store.queries.query import Answer, NamedQuery
from stockade.store.queries.registry import named
from stockade.store.queries.statement import rendered

FIRST_ROWS = 500_000
"""Rows of the newest files that a search looks into first."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What one question may cost."""

    rows: int = 50_000_000
    """Rows of facts that may be read."""
    evidence_bytes: int = 4 * 1024**3
    """Bytes of evidence that may be read."""
    seconds: float = 30.0
    """How long it may take."""
    memory: str = "256MB"
    """Memory of DuckDB; what needs more goes to a temporary folder."""
    threads: int = 2
    """Threads of DuckDB."""


class EventDatabase:
    """The recorded events of one data folder; may be asked from several threads.

    Args:
        archive: folder of events; it need not exist yet.
        spool: the spool.
        key: key of the archive; None when it is plain.
        caps: what one question may cost.
    """

    def __init__(self, archive: Path, spool: Path, key: bytes | None = None, caps: Caps | None = None) -> None:
        self._archive = archive.resolve()
        self._parquet = Parquet(self._archive, key)
        self._hot = HotRows(spool, archive, key)
        self._caps = caps or Caps()
        self._connection = duckdb.connect(
            ":memory:", config={"threads": self._caps.threads, "memory_limit": self._caps.memory}
        )
        # Text of a question never becomes SQL; should it do so all the same, there is nothing here to reach.
        for setting in (
            "SET parquet_metadata_cache = true",
            "SET preserve_insertion_order = false",
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
        ):
            self._connection.execute(setting)

    def ask(self, name: str, given: Mapping[str, Any] | None = None) -> Answer:
        """The answer to a named query.

        Args:
            name: of the query.
            given: parameters by name.

        Raises:
            StockadeError: there is no such query, a parameter is wrong, it would read too much or take too long.
        """
        query = named(name)
        values = query.values(given or {})
        try:
            return self._answer(query, values, self._hot.read())
        except duckdb.IOException:
            # A file was merged into another meanwhile; the manifest of now names that one.
            return self._answer(query, values, self._hot.read())

    def close(self) -> None:
        """Let go of everything."""
        self._connection.close()

    def _answer(self, query: NamedQuery, values: Mapping[str, Any], hot: Hot) -> Answer:
        if not query.newest_first:
            return self._run(query, values, hot)
        answer = None
        for part, rest in _newest_parts(query, values, hot):
            answer = self._run(query, values, part)
            if len(answer.rows) == values["limit"]:
                oldest = answer.rows[-1][answer.columns.index("time")]
                if oldest >= rest:
                    break
        return answer or self._run(query, values, hot)

    def _run(self, query: NamedQuery, values: Mapping[str, Any], hot: Hot) -> Answer:
        text, parameters = rendered(query.build(values))
        cursor = self._connection.cursor()
        tables = [self._table(cursor, data_class, values, hot) for data_class in query.reads]
        watch = threading.Timer(self._caps.seconds, cursor.interrupt)
        watch.daemon = True
        watch.start()
        try:
            found = cursor.execute(f"WITH {', '.join(tables)} {text}", parameters)
            columns = tuple(str(column[0]) for column in found.description or ())
            return Answer(columns, found.fetchall())
        except duckdb.InterruptException:
            raise StockadeError(
                "query.too_slow",
                f"`{query.name}` took longer than {self._caps.seconds:g} s and was ended",
                "ask for a shorter time with `since` and `until`",
            ) from None
        except duckdb.OutOfMemoryException:
            raise StockadeError(
                "query.too_much",
                f"`{query.name}` needs more than {self._caps.memory} of memory",
                "ask for a shorter time with `since` and `until`, or for one API",
            ) from None
        finally:
            watch.cancel()
            cursor.close()

    def _table(
        self, cursor: duckdb.DuckDBPyConnection, data_class: DataClass, values: Mapping[str, Any], hot: Hot
    ) -> str:
        files = hot.manifest.of(data_class, values.get("since"), values.get("until"))
        self._refuse_too_much(data_class, files)
        cursor.register(f"hot_{data_class}", hot.tables[data_class])
        parts = [f"SELECT * FROM hot_{data_class}"]  # noqa: S608
        encrypted = [file for file in files if file.encrypted]
        if encrypted:
            cursor.register(f"cold_{data_class}", self._parquet.dataset(encrypted))
            parts.append(f"SELECT * FROM cold_{data_class}")  # noqa: S608
        parts += _scan([self._archive / file.path for file in files if not file.encrypted])
        spilled = hot.spilled.get(data_class, ())
        if hot.folder is not None and spilled:
            if spilled[0].encrypted:
                cursor.register(f"spilled_{data_class}", hot.folder.parquet.dataset(spilled))
                parts.append(f"SELECT * FROM spilled_{data_class}")  # noqa: S608
            else:
                parts += _scan([hot.folder.path / file.path for file in spilled])
        # By name: files of an older version may lack a column.
        return f"{data_class} AS NOT MATERIALIZED ({' UNION ALL BY NAME '.join(parts)})"

    def _refuse_too_much(self, data_class: DataClass, files: Sequence[ArchiveFile]) -> None:
        if data_class is DataClass.EVIDENCE:
            cost, most, unit = sum(file.bytes for file in files), self._caps.evidence_bytes, "bytes of evidence"
        else:
            cost, most, unit = sum(file.rows for file in files), self._caps.rows, "events"
        if cost <= most:
            return
        span = max(file.newest for file in files) - min(file.oldest for file in files)
        hours = max(1, int(span / 3_600_000_000 * most / cost))
        raise StockadeError(
            "query.too_much",
            f"this would read {cost:,} {unit}, more than the {most:,} that one query may",
            f"ask for a shorter time: about {hours} hours of this traffic fit, such as `since` {hours}h",
        )


def _newest_parts(query: NamedQuery, values: Mapping[str, Any], hot: Hot) -> Iterator[tuple[Hot, int]]:
    """Ever more of the newest files, and the newest time that the others have.

    Only the first table is cut: what it is joined with goes by the time of its rows.
    """
    data_class = query.reads[0]
    files = sorted(hot.manifest.of(data_class, values.get("since"), values.get("until")), key=lambda file: -file.newest)
    others = tuple(file for file in hot.manifest.files if file.data_class is not data_class)
    rows, start = FIRST_ROWS, 0
    while start < len(files):
        taken = 0
        while start < len(files) and (taken == 0 or taken + files[start].rows <= rows):
            taken += files[start].rows
            start += 1
        part = replace(hot.manifest, files=(*files[:start], *others))
        yield replace(hot, manifest=part), max((file.newest for file in files[start:]), default=-1)
        rows *= 8


def _scan(paths: Sequence[Path]) -> list[str]:
    if not paths:
        return []
    # The names are made here and in the writer, never by those who ask.
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return [f"SELECT * FROM read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"]  # noqa: S608

"""One Parquet file: written whole or not at all, compact, and encrypted where that is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

from stockade.store.archive.columns import COLUMNS, PLAIN_TEXT, DataClass, schema_of
from stockade.store.archive.manifest import ArchiveFile

GROUP_ROWS = 122_880
"""Rows of a row group: what DuckDB reads at once, and what a query can pass over."""

LEVEL = 3
"""Compression level of zstd."""

KEY_BYTES = 32
"""Bytes of the key that files are encrypted with: AES-256 in GCM, Parquet modular encryption."""


class Parquet:
    """Writes and opens the files of one archive.

    Args:
        folder: folder of events.
        key: `KEY_BYTES` bytes to read encrypted files with; None when there are none.
        encrypt: whether new files are encrypted.
    """

    def __init__(self, folder: Path, key: bytes | None = None, *, encrypt: bool = False) -> None:
        self._folder = folder
        self._key = key
        self._encrypt = encrypt

    def write(self, name: str, data_class: DataClass, tables: Iterable[pa.Table]) -> ArchiveFile:
        """Write one file and bring it to the disk.

        Args:
            name: path relative to the folder of events.
            data_class: what it holds.
            tables: its rows, in order; at least one row altogether.

        Raises:
            OSError: the disk does not take it; nothing is left behind.
        """
        path = self._folder / name
        _make_folders(path.parent, self._folder)
        # A name that the tidying at the start knows as unfinished.
        temporary = path.with_suffix(".part")
        facts = _Extent()
        try:
            with temporary.open("wb") as out:
                with self._writer(out, data_class) as writer:
                    for group in _groups(tables):
                        facts.add(group)
                        writer.write_table(group, row_group_size=GROUP_ROWS)
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
        return ArchiveFile(name, data_class, facts.rows, path.stat().st_size, *facts.extent(), self._encrypt)

    def batches(self, file: ArchiveFile) -> Iterator[pa.Table]:
        """The rows of a file, some ten thousand at once.

        Raises:
            OSError: it cannot be read, or is encrypted with another key.
        """
        decryption = self._decryption() if file.encrypted else None
        with pq.ParquetFile(self._folder / file.path, decryption_properties=decryption) as opened:
            for batch in opened.iter_batches(batch_size=GROUP_ROWS):
                yield _conformed(pa.Table.from_batches([batch]), schema_of(file.data_class))

    def dataset(self, files: Sequence[ArchiveFile]) -> ds.Dataset:
        """Encrypted files as one dataset: DuckDB cannot decrypt what other writers encrypted."""
        options = ds.ParquetFragmentScanOptions(decryption_properties=self._decryption())
        return ds.dataset(
            [str(self._folder / file.path) for file in files],
            schema=schema_of(files[0].data_class),
            format=ds.ParquetFileFormat(default_fragment_scan_options=options),
        )

    def _decryption(self) -> pe.FileDecryptionProperties | None:
        return pe.create_decryption_properties(self._key) if self._key else None

    def _writer(self, out: object, data_class: DataClass) -> pq.ParquetWriter:
        columns = COLUMNS[data_class]
        return pq.ParquetWriter(
            out,
            schema_of(data_class),
            compression="zstd",
            compression_level=LEVEL,
            use_dictionary=[column.name for column in columns if not column.rising and column.name not in PLAIN_TEXT],
            column_encoding={column.name: "DELTA_BINARY_PACKED" for column in columns if column.rising},
            encryption_properties=pe.create_encryption_properties(self._key) if self._key and self._encrypt else None,
        )


def _conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows of an older version with the columns of now; what they had not is null."""
    if table.schema.equals(schema):
        return table
    names = set(table.column_names)
    columns = [
        table[field.name].cast(field.type) if field.name in names else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


class _Extent:
    """What the rows of a file span."""

    def __init__(self) -> None:
        self.rows = 0
        self._epochs: set[int] = set()
        self._numbers: list[int] = []
        self._times: list[int] = []

    def add(self, table: pa.Table) -> None:
        """Take rows into account."""
        self.rows += table.num_rows
        self._epochs.update(pc.unique(table["epoch"]).to_pylist())
        for column, seen in (("seq", self._numbers), ("time", self._times)):
            ends = pc.min_max(table[column]).as_py()
            seen[:] = [min([ends["min"], *seen]), max([ends["max"], *seen])]

    def extent(self) -> tuple[int, int, int, int, int]:
        """Epoch, first and last number, oldest and newest time."""
        return max(self._epochs), self._numbers[0], self._numbers[1], self._times[0], self._times[1]


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Rows in groups of `GROUP_ROWS`; small tables together make one."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        if rows >= GROUP_ROWS:
            whole = pa.concat_tables(waiting)
            full = rows - rows % GROUP_ROWS
            yield whole.slice(0, full)
            waiting, rows = [whole.slice(full)], rows - full
    if rows:
        yield pa.concat_tables(waiting)


def _make_folders(folder: Path, top: Path) -> None:
    if folder.is_dir():
        return
    if folder != top:
        _make_folders(folder.parent, top)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

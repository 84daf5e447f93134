"""Brings the archive to PostgreSQL, so that a database that was away misses nothing that the archive still has."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stockade.store.archive.columns import DataClass
from stockade.store.archive.manifest import Manifest
from stockade.store.archive.parquet import Parquet
from stockade.store.archive.rows import joined
from stockade.store.archive.writer import Batch
from stockade.store.queries.postgres import PostgresEvents

STEP = 50_000
"""Sequence numbers that one batch spans."""


class Shipping:
    """Reads on in the archive from where the database ends; for one thread.

    Args:
        archive: folder of events.
        key: key of encrypted files.
        target: the database.
    """

    def __init__(self, archive: Path, key: bytes | None, target: PostgresEvents) -> None:
        self._archive = archive
        self._parquet = Parquet(archive, key)
        self._target = target

    def step(self) -> bool:
        """Bring the next batch; False when there is nothing more.

        Raises:
            OSError: the database does not take it; nothing of the batch is visible and it can be tried again.
            StockadeError: the manifest cannot be read.
        """
        manifest = Manifest.load(self._archive)
        epoch, through = self._target.place()
        # Epochs one by one: numbers of the next begin anew.
        waiting = [
            (file.epoch, file.first)
            for file in manifest.files
            if file.epoch > epoch or (file.epoch == epoch and file.last > through)
        ]
        if not waiting:
            return False
        next_epoch = min(waiting)[0]
        if next_epoch != epoch:
            epoch, through = next_epoch, 0
        first = min(max(number, through + 1) for found, number in waiting if found == epoch)
        until = first + STEP - 1
        tables = {data_class: self._rows(manifest, data_class, epoch, through, until) for data_class in DataClass}
        records = sum(tables[data_class].num_rows for data_class in (DataClass.FACTS, DataClass.NOTICES))
        last = max((int(pc.max(table["seq"]).as_py()) for table in tables.values() if table.num_rows), default=until)
        self._target.commit(Batch(epoch, last, tables, records))
        return True

    def _rows(self, manifest: Manifest, data_class: DataClass, epoch: int, after: int, until: int) -> pa.Table:
        found = []
        for file in manifest.of(data_class):
            if (file.last <= after and file.epoch <= epoch) or (file.first > until and file.epoch == epoch):
                continue
            for table in self._parquet.batches(file):
                wanted = pc.and_(pc.greater(table["seq"], after), pc.less_equal(table["seq"], until))
                kept = table.filter(pc.and_(wanted, pc.equal(table["epoch"], epoch)))
                if kept.num_rows:
                    found.append(kept)
        return joined(found, data_class)

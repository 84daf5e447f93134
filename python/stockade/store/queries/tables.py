"""The tables of recorded events for SQLAlchemy Core, made from the one list of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from stockade.store.archive.columns import COLUMNS, DataClass

METADATA = sa.MetaData()
"""All tables of events."""

_TYPES: Mapping[pa.DataType, type[sa.types.TypeEngine[Any]]] = {
    pa.int32(): sa.Integer,
    pa.int64(): sa.BigInteger,
    pa.bool_(): sa.Boolean,
    pa.string(): sa.Text,
}


def _table(data_class: DataClass) -> sa.Table:
    columns = [sa.Column(column.name, _TYPES[column.type]) for column in COLUMNS[data_class]]
    return sa.Table(str(data_class), METADATA, *columns)


FACTS = _table(DataClass.FACTS)
"""One row for each exchange."""
EVIDENCE = _table(DataClass.EVIDENCE)
"""Whole records of exchanges that were not plainly allowed."""
NOTICES = _table(DataClass.NOTICES)
"""What gateways had to tell of themselves."""

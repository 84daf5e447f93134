"""Writes spool segments as the gateway does, for tests that need events but no gateway."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_TABLE = []
for _byte in range(256):
    _value = _byte
    for _ in range(8):
        _value = (_value >> 1) ^ (0x82F63B78 if _value & 1 else 0)
    _TABLE.append(_value)


def crc32c(content: bytes) -> int:
    """CRC-32C (Castagnoli), RFC 3720 B.4."""
    value = 0xFFFFFFFF
    for byte in content:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def write_segment(folder: Path, records: Iterable[Mapping[str, Any]], first_seq: int = 1) -> None:
    """Write one segment.

    Args:
        folder: spool folder; made when it is not there.
        records: `{"kind": "exchange" | "notice", ...}`, oldest first.
        first_seq: sequence number of the first record.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{first_seq:020}.segment").open("wb") as out:
        out.write(struct.pack("<8sIIQQ", b"STKSPOOL", 1, 0, first_seq, 0))
        for seq, record in enumerate(records, first_seq):
            numbered = struct.pack("<Q", seq) + json.dumps(record, separators=(",", ":")).encode()
            out.write(struct.pack("<II", len(numbered) - 8, crc32c(numbered)) + numbered)

"""Signed checkpoints of the audit log: how far it went at some moment, and the hash of its last line then.

A chain alone cannot show that its end was cut off or that all of it was written anew. A checkpoint that is kept
elsewhere can: whoever has it and the public key needs no secret to find out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stockade.core.errors import StockadeError
from stockade.store.audit import AuditRecord
from stockade.store.files import write_new


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One signed checkpoint."""

    seq: int
    """Number of the last line."""
    hash: str
    """Hash of that line."""
    time: int
    """When it was signed, microseconds since the epoch."""
    signature: str
    """Ed25519 signature (RFC 8032) over the rest, hexadecimal."""

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {"seq": self.seq, "hash": self.hash, "time": self.time, "signature": self.signature}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Checkpoint:
        """Read the JSON form.

        Raises:
            StockadeError: `audit.checkpoint` when it is none.
        """
        try:
            return cls(int(told["seq"]), str(told["hash"]), int(told["time"]), str(told["signature"]))
        except (KeyError, TypeError, ValueError) as error:
            raise StockadeError(
                "audit.checkpoint", "expected a checkpoint: `seq`, `hash`, `time`, `signature`"
            ) from error


def sign(record: AuditRecord, now: int, key: Ed25519PrivateKey) -> Checkpoint:
    """A checkpoint at a line of the log."""
    return Checkpoint(record.seq, record.hash, now, key.sign(_signed(record.seq, record.hash, now)).hex())


def problems(records: Iterable[AuditRecord], checkpoints: Iterable[Checkpoint], key: bytes) -> Iterator[str]:
    """What is wrong between a log whose chain is whole and checkpoints of it, in words.

    Args:
        records: every line of the log, the oldest first.
        checkpoints: from wherever they were kept.
        key: the public key, 32 bytes.
    """
    public = Ed25519PublicKey.from_public_bytes(key)
    wanted: dict[int, list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        try:
            public.verify(
                bytes.fromhex(checkpoint.signature), _signed(checkpoint.seq, checkpoint.hash, checkpoint.time)
            )
        except (InvalidSignature, ValueError):
            yield f"expected the checkpoint at line {checkpoint.seq} to be signed by this key"
        else:
            wanted.setdefault(checkpoint.seq, []).append(checkpoint)
    last = 0
    for record in records:
        last = record.seq
        if any(checkpoint.hash != record.hash for checkpoint in wanted.pop(record.seq, [])):
            yield f"expected line {record.seq} as it was when the checkpoint was signed, got another"
    for seq in sorted(wanted):
        yield f"expected a line {seq}, which a checkpoint names; the log ends at line {last}"


def signing_key(folder: Path) -> Ed25519PrivateKey:
    """The key that signs checkpoints, `audit.key`; made when it is not there, with `audit.pub` beside it.

    Raises:
        StockadeError: `audit.key` when others can read it, or it is no key.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "audit.key"
    if not file.exists():
        write_new(file, os.urandom(32), 0o600)
    secret = file.read_bytes()
    if file.stat().st_mode & 0o077 or len(secret) != 32:
        hint = f"run `chmod 600 {file}`, or move it away to have a new one made"
        raise StockadeError("audit.key", f"expected 32 bytes in `{file}` that its owner alone may read", hint)
    key = Ed25519PrivateKey.from_private_bytes(secret)
    write_new(folder / "audit.pub", key.public_key().public_bytes_raw().hex().encode() + b"\n", 0o644)
    return key


def read_public_key(file: Path) -> bytes:
    """The public key in a file of 64 hexadecimal digits.

    Raises:
        StockadeError: `audit.key` when it is none.
    """
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise StockadeError("audit.key", f"expected 64 hexadecimal digits in `{file}`", "see `audit.pub`") from error
    if len(key) != 32:
        raise StockadeError("audit.key", f"expected 64 hexadecimal digits in `{file}`, got {2 * len(key)}")
    return key


def read_checkpoints(file: Path) -> list[Checkpoint]:
    """The checkpoints in a file, one a line; other text before the first brace of a line is passed over.

    Raises:
        StockadeError: `audit.checkpoint` when the file cannot be read, or a line holds none.
    """
    found = []
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError as error:
        raise StockadeError("audit.checkpoint", f"expected checkpoints in `{file}`: {error.strerror}") from error
    for line in lines:
        if (start := line.find("{")) < 0:
            continue
        try:
            told = json.loads(line[start:])
        except ValueError as error:
            raise StockadeError("audit.checkpoint", f"expected one checkpoint a line in `{file}`") from error
        found.append(Checkpoint.from_json(told))
    return found


def _signed(seq: int, digest: str, time: int) -> bytes:
    return f"stockade audit checkpoint\0{seq}\0{digest}\0{time}".encode()

"""Files that are there whole or not at all, also after a power cut."""

import contextlib
import os
import secrets
from pathlib import Path


def write_whole(file: Path, content: bytes, mode: int) -> None:
    """Write a file beside its place, sync it, and move it there.

    Args:
        file: its place.
        content: its content.
        mode: permissions.
    """
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        _write(draft, content, mode)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(file.parent)


def write_new(file: Path, content: bytes, mode: int) -> None:
    """Write a file unless there is one already; the first of several writers wins.

    Args:
        file: its place.
        content: its content.
        mode: permissions.
    """
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        _write(draft, content, mode)
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(file.parent)


def _write(file: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

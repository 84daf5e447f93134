"""Bundles: the compiled policy in one immutable, versioned, signed file.

`STKDBNDL` | format u32 | payload length u64 | SHA-256 of the payload | Ed25519 signature over all of that | payload,
which is the plan as JSON, encrypted with AES-256-GCM because upstreams' secrets stand in it. Numbers are little-endian.
The gateway compiles a bundle before it takes it, and keeps its own when it does not compile.
"""

import fcntl
import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stockade.core.errors import StockadeError
from stockade.prevent.crypto.sealing import decrypt, encrypt
from stockade.prevent.gateway.keys import sealing_key, signing_key
from stockade.prevent.gateway.plan import Compiled
from stockade.store.files import write_whole

MAGIC = b"STKDBNDL"
FORMAT = 2
MOST_BYTES = 64 * 1024 * 1024
"""Largest bundle that a gateway reads."""
KEPT = 3
"""Bundles kept on disk."""

_HEAD = struct.Struct("<8sIQ32s")
_SIGNATURE_BYTES = 64
_PLACE_BYTES = 12
_PLACE = struct.pack("<8sI", MAGIC, FORMAT)


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle on disk."""

    version: int
    """Rises by one with every bundle."""
    file: Path
    """Where it is."""


class Bundles:
    """The bundles of one data folder."""

    def __init__(self, data: Path) -> None:
        """The bundles of a data folder.

        Args:
            data: the data folder; `bundles/` and `keys/` in it are made when they are needed.
        """
        self._keys = data / "keys"
        self._folder = data / "bundles"

    @property
    def current(self) -> Bundle | None:
        """The bundle in force; None when none was written yet."""
        try:
            name = (self._folder / "current").read_text().strip()
        except OSError:
            return None
        version = _version(name)
        return None if version is None else Bundle(version, self._folder / name)

    def payload(self) -> bytes | None:
        """The plan in force as JSON, as it was written; None when there is none.

        The signature is not looked at: this is for showing, not for enforcing.
        """
        bundle = self.current
        try:
            content = bundle.file.read_bytes() if bundle else b""
            payload = content[_HEAD.size + _SIGNATURE_BYTES :]
            if content[:_PLACE_BYTES] == _PLACE:
                # A look at a bundle must not make the key that is missing.
                if not (self._keys / "bundle.seal").exists():
                    return None
                payload = decrypt(sealing_key(self._keys), payload, _PLACE)
        except (OSError, StockadeError):
            return None
        return payload or None

    def write(self, compiled: Compiled, created_at: int) -> Bundle:
        """Sign a plan, write it as the next version, and put it in force.

        Args:
            compiled: a plan that the engine accepts.
            created_at: now, microseconds since the epoch.

        Returns:
            The new bundle. The gateway takes it on `reload`.

        Raises:
            StockadeError: `bundle.size` when it is larger than a gateway reads, `bundle.key` when it cannot be signed.
            OSError: the folder cannot be written.
        """
        key = signing_key(self._keys)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            version = max([known.version for known in self._all()], default=0) + 1
            payload = encrypt(sealing_key(self._keys), compiled.to_bytes(version, created_at), _PLACE)
            head = _HEAD.pack(MAGIC, FORMAT, len(payload), hashlib.sha256(payload).digest())
            content = head + key.sign(head) + payload
            if len(content) > MOST_BYTES:
                message = f"expected a policy of at most {MOST_BYTES} bytes, got {len(content)}"
                raise StockadeError("bundle.size", message, "split large OpenAPI documents over several gateways")
            bundle = Bundle(version, self._folder / f"{version:012}.bundle")
            write_whole(bundle.file, content, 0o600)
            self.put_in_force(bundle)
            self._forget(bundle)
        return bundle

    def put_in_force(self, bundle: Bundle) -> None:
        """Name a bundle in `current`, such as the one before, when the gateway refused the newest."""
        write_whole(self._folder / "current", f"{bundle.file.name}\n".encode(), 0o600)

    def take_back(self, to: Bundle) -> None:
        """Put an earlier bundle in force again and remove those after it, which a gateway refused.

        Args:
            to: the bundle that was in force before.

        Raises:
            OSError: the folder cannot be written.
        """
        with self._alone():
            write_whole(self._folder / "current", f"{to.file.name}\n".encode(), 0o600)
            for bundle in self._all():
                if bundle.version > to.version:
                    bundle.file.unlink(missing_ok=True)

    def _all(self) -> list[Bundle]:
        found = [
            Bundle(version, file)
            for file in self._folder.glob("*.bundle")
            if (version := _version(file.name)) is not None
        ]
        return sorted(found, key=lambda bundle: bundle.version)

    def _forget(self, newest: Bundle) -> None:
        for bundle in self._all()[:-KEPT]:
            if bundle.version < newest.version:
                bundle.file.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process at a time makes the next version."""
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _version(name: str) -> int | None:
    stem, dot, suffix = name.partition(".")
    return int(stem) if dot and suffix == "bundle" and len(stem) == 12 and stem.isascii() and stem.isdigit() else None

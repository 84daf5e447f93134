"""Key-encryption keys: from the environment, or from a file that its owner alone may read.

A key file holds one line for each key, `id hexadecimal`, the one that seals first. While keys are rotated there are
two, so that whatever a crash leaves behind still opens.
"""

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from stockade.core.errors import StockadeError
from stockade.prevent.crypto.sealing import KEY_BYTES, WrappingKey
from stockade.store.files import write_new, write_whole

KEY_VARIABLE = "STOCKADE_VAULT_KEY"
"""Variable with the key: 64 hexadecimal digits, or a passphrase of 20 characters or more."""

NEXT_VARIABLE = "STOCKADE_VAULT_KEY_NEXT"
"""Variable with the key that `rotate` goes over to."""

MOST_KEYS = 8
"""Most keys in a file."""

_LINE = re.compile(r"([0-9a-f]{8}) ([0-9a-f]{64})")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{64}")
_SHORTEST_PASSPHRASE = 20


def from_variable(name: str, environment: Mapping[str, str], salt: bytes) -> WrappingKey | None:
    """The key in a variable; None when it is not set.

    Args:
        name: the variable.
        environment: all variables.
        salt: 16 random bytes of the vault, for passphrases (scrypt, RFC 7914, with N = 2^17, r = 8, p = 1).

    Raises:
        StockadeError: `vault.key` when it is neither a key nor a long passphrase.
    """
    value = environment.get(name, "")
    if not value:
        return None
    if _HEXADECIMAL.fullmatch(value):
        return _named(bytes.fromhex(value))
    if len(value) < _SHORTEST_PASSPHRASE:
        message = f"expected in `{name}` 64 hexadecimal digits, or a passphrase of {_SHORTEST_PASSPHRASE} characters"
        raise StockadeError("vault.key", f"{message} or more", "make a key with `openssl rand -hex 32`")
    derived = Scrypt(salt=salt, length=KEY_BYTES, n=2**17, r=8, p=1).derive(value.encode())
    return _named(derived)


def read_file(file: Path) -> list[WrappingKey]:
    """The keys of a key file, the one that seals first; empty when there is none.

    Raises:
        StockadeError: `vault.key` when others may read it, or it is no key file.
    """
    try:
        mode = file.stat().st_mode & 0o777
        lines = file.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise _no_key_file(file) from error
    if mode & 0o077:
        message = f"expected `{file}` to be readable for its owner alone, got mode {mode:04o}"
        hint = f"run `chmod 600 {file}`; if others may have read it, run `stockade vault rotate` and change the secrets"
        raise StockadeError("vault.key", message, hint)
    found = [_LINE.fullmatch(line) for line in lines if line]
    keys = [WrappingKey(match[1], bytes.fromhex(match[2])) for match in found if match]
    if len(keys) != len(found) or not 1 <= len(keys) <= MOST_KEYS:
        raise _no_key_file(file)
    return keys


def create_file(file: Path) -> list[WrappingKey]:
    """Make a key file with one random key, unless somebody else was first; the keys that are there."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_new(file, _lines([fresh()]), 0o600)
    return read_file(file)


def write_file(file: Path, keys: Sequence[WrappingKey]) -> None:
    """Put these keys in place of those in a key file."""
    write_whole(file, _lines(keys), 0o600)


def fresh() -> WrappingKey:
    """A random key."""
    return WrappingKey(secrets.token_hex(4), os.urandom(KEY_BYTES))


def _named(secret: bytes) -> WrappingKey:
    """A key with a name made from it: SHA-256 of a random key tells nothing about it."""
    digest = Hash(SHA256())
    digest.update(b"stockade wrapping key\0" + secret)
    return WrappingKey(digest.finalize()[:4].hex(), secret)


def _lines(keys: Sequence[WrappingKey]) -> bytes:
    return "".join(f"{key.id} {key.secret.hex()}\n" for key in keys).encode()


def _no_key_file(file: Path) -> StockadeError:
    hint = "put back the file that belongs to this vault; without it the secrets cannot be read"
    return StockadeError("vault.key", f"expected in `{file}` one line a key: 8 and 64 hexadecimal digits", hint)

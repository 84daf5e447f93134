"""The keys that sign and seal bundles: made on first use, readable for their owner alone."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from stockade.core.errors import StockadeError
from stockade.prevent.crypto.sealing import KEY_BYTES
from stockade.store.files import write_new, write_whole


def signing_key(folder: Path) -> Ed25519PrivateKey:
    """The key in `folder`, made when it is not there; its public half stands beside it for the gateway.

    Args:
        folder: the `keys` folder of the data folder; made with mode 0700.

    Raises:
        StockadeError: `bundle.key` when the file is not such a key, or others can read it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "bundle.key"
    if not file.exists():
        fresh = Ed25519PrivateKey.generate()
        # Two processes may get here at once; the key that is there first is the one.
        write_new(file, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _check_mode(file)
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except (ValueError, TypeError) as error:
        hint = "move it away to have a new one made; gateways need the new `bundle.pub` then"
        raise StockadeError("bundle.key", f"expected an Ed25519 private key in `{file}`", hint) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StockadeError("bundle.key", f"expected an Ed25519 private key in `{file}`, got another kind")
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public_file = folder / "bundle.pub"
    if not public_file.exists() or public_file.read_bytes() != public:
        write_whole(public_file, public, 0o644)
    os.chmod(folder, 0o700)  # noqa: PTH101  # also when the folder was there before
    return key


def sealing_key(folder: Path) -> bytes:
    """The key that encrypts bundles, 32 bytes; made when it is not there. A gateway elsewhere needs a copy.

    Args:
        folder: the `keys` folder of the data folder.

    Raises:
        StockadeError: `bundle.key` when the file is not such a key, or others can read it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "bundle.seal"
    if not file.exists():
        write_new(file, os.urandom(KEY_BYTES), 0o600)
    _check_mode(file)
    key = file.read_bytes()
    if len(key) != KEY_BYTES:
        hint = "move it away to have a new one made; gateways need it too"
        raise StockadeError("bundle.key", f"expected {KEY_BYTES} bytes in `{file}`, got {len(key)}", hint)
    return key


def _check_mode(file: Path) -> None:
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        hint = f"run `chmod 600 {file}`"
        raise StockadeError("bundle.key", f"expected `{file}` to be readable for its owner alone, got {mode:o}", hint)

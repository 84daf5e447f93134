"""The shop's data folder: database, key set, the partner's key, and a config that protects it."""

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from stockade.sample import SPEC
from stockade.sample.database import Database
from stockade.sample.flaws import Flaws
from stockade.sample.pictures import PictureHosts
from stockade.sample.state import Shop
from stockade.sample.tokens import KEY_SET_FILE, Issuer

PARTNER_KEY_FILE = "partner.key"
"""Name of the file that holds the partner's API key."""

_TEMPLATE = Path(__file__).parent / "stockade.yaml"


def open_shop(
    folder: Path, now: Callable[[], int], flaws: Flaws | None = None, image_hosts: frozenset[str] = frozenset()
) -> Shop:
    """Open the shop in a folder; its database begins anew, its keys stay.

    Args:
        folder: made when it is not there.
        now: seconds since the epoch.
        flaws: flaws that are on; none when None.
        image_hosts: `host` or `host:port` that pictures may be fetched from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(partner_key(folder).encode()).hexdigest()
    return Shop(
        database=Database(folder / "shop.sqlite"),
        issuer=Issuer.in_folder(folder),
        partner_key_sha256=digest,
        now=now,
        flaws=flaws or Flaws(),
        pictures=PictureHosts(image_hosts),
    )


def partner_key(folder: Path) -> str:
    """The partner's API key, made on first use."""
    file = folder / PARTNER_KEY_FILE
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(f"partner-{secrets.token_hex(24)}\n")
    return file.read_text().strip()


def render_config(folder: Path, *, upstream: str, listen: str, admin: str, data: Path) -> str:
    """The example config, filled in for a shop that runs.

    Args:
        folder: the shop's data folder.
        upstream: URL of the shop.
        listen: address of the gateway.
        admin: address of the admin API.
        data: Stockade's data folder.
    """
    values = {
        "@UPSTREAM@": upstream,
        "@LISTEN@": listen,
        "@ADMIN@": admin,
        "@DATA@": str(data.absolute()),
        "@SPEC@": str(SPEC),
        "@KEYS@": str((folder / KEY_SET_FILE).absolute()),
        "@PARTNER_KEY_SHA256@": hashlib.sha256(partner_key(folder).encode()).hexdigest(),
    }
    text = _TEMPLATE.read_text()
    for name, value in values.items():
        text = text.replace(name, value)
    return text

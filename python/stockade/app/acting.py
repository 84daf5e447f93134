"""Who runs this process, for the audit log."""

from __future__ import annotations

import getpass
import os


def acting_user() -> str:
    """The login name and the user id."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "unknown"
    return f"{name} ({os.getuid()})"

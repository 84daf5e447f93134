"""The gateway process."""

import json
from pathlib import Path

from stockade.core import _native


def run(data: Path) -> int:
    """Run the gateway until it is told to stop (SIGTERM, SIGINT or `drain` on its socket).

    The gateway runs in this process, on threads of its own; the calling thread waits without holding the interpreter
    lock. Call it once in a process.

    Args:
        data: Data folder with `bundles/`, `keys/bundle.pub`, `spool/` and so on.

    Returns:
        The exit code: 0 after a drain, 2 when nothing could be started.
    """
    return _native.run_gateway(json.dumps({"data": str(data)}).encode())

"""The gateway process."""

import json
import resource
import signal
from pathlib import Path

from stockade.core import _native

DESCRIPTORS_MAX = 1 << 20
"""Open files are never raised beyond this, however high the hard limit is."""


def run(data: Path) -> int:
    """Run the gateway until it is told to stop: SIGTERM, SIGINT, or `drain` on its socket.

    The gateway runs in this process, on threads of its own; the calling thread, which must be the main one, waits
    without holding the interpreter lock. Call it once in a process. A second signal ends it without draining.

    Args:
        data: Data folder with `bundles/`, `keys/bundle.pub`, `spool/` and so on.

    Returns:
        The exit code: 0 after a drain, 1 after being cut short, 2 when nothing could be started.
    """
    _raise_descriptor_limit()
    # The core handles both; Python's own handler would raise KeyboardInterrupt once the core has returned.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return _native.run_gateway(json.dumps({"data": str(data)}).encode())


def _raise_descriptor_limit() -> None:
    """Every connection takes two descriptors, and the usual soft limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

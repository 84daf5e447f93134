"""h2spec, the public HTTP/2 conformance suite: generic, hpack and http2, over TLS and in clear."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest


@pytest.mark.parametrize("kind", ["tls", "clear"])
@pytest.mark.timeout(300)
def test_h2spec(ports: object, kind: str) -> None:
    program = shutil.which("h2spec")
    if program is None:
        pytest.skip("expected `h2spec` (go install github.com/summerwind/h2spec/cmd/h2spec@latest)")
    command = [program, "-h", "127.0.0.1", "-p", str(getattr(ports, kind)), "-o", "2"]
    if kind == "tls":
        command += ["-t", "-k"]
    printed = subprocess.run([*command, "generic", "hpack", "http2"], capture_output=True, text=True).stdout
    counts = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", printed)
    assert counts is not None, printed[-2000:]
    tests, passed, _, failed = (int(count) for count in counts.groups())
    assert failed == 0, printed[-4000:]
    assert (tests, passed) == (146, 146), printed[-2000:]

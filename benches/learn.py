"""How long `stockade learn` takes for a million lines of an access log.

Bar: under 60 s on 2 cores.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

LINES = 1_000_000
MOST_S = 60.0
OPERATIONS = (
    ("GET", "/api/products"),
    ("GET", "/api/products/{}"),
    ("GET", "/api/orders/{}"),
    ("POST", "/api/orders"),
    ("GET", "/api/users/{}/orders"),
    ("POST", "/api/login"),
    ("GET", "/api/search?q={}&page=2"),
)


def measure(folder: Path) -> bool:
    """Writes a log with 0.2 % attacks and reads it."""
    log = folder / "access.log"
    _write(log)
    begin = time.perf_counter()
    command = [sys.executable, "-m", "stockade", "learn", str(log), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    found = json.loads(done.stdout)
    print(f"{found['lines']:,} lines in {seconds:.1f} s (bar {MOST_S:.0f}), {len(found['operations'])} operations")
    return found["lines"] == LINES and seconds < MOST_S and len(found["operations"]) == len(OPERATIONS)


def _write(log: Path) -> None:
    chance = random.Random(1)
    with log.open("w") as out:
        for number in range(LINES):
            method, path = chance.choice(OPERATIONS)
            user, second = chance.randrange(5000), number // 300
            if chance.random() < 0.002:
                path = "/api/search?q=1%27%20OR%20%271%27=%271%27--"
            out.write(
                f"10.{user >> 8}.{user & 255}.7 - - [24/Nov/2026:{10 + second // 3600:02}:{second // 60 % 60:02}:"
                f'{second % 60:02} +0000] "{method} {path.format(chance.randrange(1, 90_000))} HTTP/1.1"'
                f' {chance.choice((200, 200, 200, 201, 401))} {chance.randrange(100, 9000)} "-"'
                f' "Mozilla/5.0 (X11; Linux {user % 60}) Firefox/1{user % 20}.0"\n'
            )

"""Reloads under load: 16 keep-alive clients, 8 reloads in 12 s. Bar: none refused, none reset, no unannounced close."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections import Counter
from pathlib import Path

from benches import servers

CLIENTS = 16
RELOADS = 8
SECONDS = 12.0


def measure(folder: Path) -> bool:
    """Clients send one request after the other; meanwhile the bundle is put in force again and again."""
    counts: Counter[str] = Counter()
    stop = threading.Event()
    with (
        servers.origin(folder) as origin,
        servers.gateway(folder, servers.passthrough_config(origin.port)) as gateway,
    ):
        threads = [threading.Thread(target=client, args=(gateway.port, counts, stop)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for _ in range(RELOADS):
            time.sleep(SECONDS / RELOADS)
            counts["reloads"] += reload(folder / "stockade" / "data" / "gateway.sock")
        stop.set()
        for thread in threads:
            thread.join()
    print(
        f"{counts['ok']:,} answered, {counts['reloads']} reloads: refused {counts['refused']}, reset {counts['reset']},"
        f" closes {counts['announced']} announced and {counts['unannounced']} not (bar 0, 0, 0)"
    )
    bad = counts["refused"] + counts["reset"] + counts["unannounced"] + counts["other"]
    return bad == 0 and counts["reloads"] == RELOADS


def reload(path: Path) -> int:
    """Asks the gateway to read its bundle again; 1 when it did."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(path))
        control.sendall(b'{"op":"reload"}\n')
        return int(json.loads(control.makefile().readline())["ok"])


def client(port: int, counts: Counter[str], stop: threading.Event) -> None:
    """One keep-alive client that reconnects when it must, and notes why."""
    while not stop.is_set():
        try:
            connection = socket.create_connection(("127.0.0.1", port), 5)
        except OSError:
            counts["refused"] += 1
            time.sleep(0.01)
            continue
        with contextlib.closing(connection):
            talk(connection, counts, stop)


def talk(connection: socket.socket, counts: Counter[str], stop: threading.Event) -> None:
    """Requests on one connection until it ends or the time is up."""
    reader = connection.makefile("rb")
    while not stop.is_set():
        try:
            connection.sendall(b"GET /orders/1 HTTP/1.1\r\nHost: bench\r\n\r\n")
            status = reader.readline()
            if not status:
                counts["unannounced"] += 1
                return
            length, close = 0, False
            while (line := reader.readline().strip().lower()) != b"":
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
                close |= line == b"connection: close"
            reader.read(length)
        except OSError:
            counts["reset"] += 1
            return
        counts["ok" if status.startswith(b"HTTP/1.1 200") else "other"] += 1
        if close:
            counts["announced"] += 1
            return

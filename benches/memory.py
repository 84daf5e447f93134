"""Resident memory of the gateway after a million requests with a thousand idle connections. Bar: 80 MB, and flat."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
from pathlib import Path

from benches import load, servers

BAR_MB = 80.0
REQUESTS = 1_000_000
IDLE = 1_000


def measure(folder: Path) -> bool:
    """Opens idle connections, sends ten rounds of requests, reads memory after each."""
    readings = []
    with (
        contextlib.ExitStack() as stack,
        servers.origin(folder) as origin,
        servers.gateway(folder, servers.full_config(origin.port, folder, idle="1h")) as gateway,
    ):
        start = gateway.rss_mb()
        hold_open(stack, gateway.port)
        for _ in range(10):
            send(gateway, folder, REQUESTS // 10)
            readings.append(gateway.rss_mb())
            print(f"  {readings[-1]:.1f} MB", end="", flush=True)
    growth = readings[-1] - readings[4]
    print(
        f"\nstart {start:.1f} MB  after {REQUESTS:,} requests {readings[-1]:.1f} MB (bar {BAR_MB:.0f})"
        f"  second half {growth:+.1f} MB"
    )
    return readings[-1] < BAR_MB and growth < 2.0


def hold_open(stack: contextlib.ExitStack, port: int) -> None:
    """Idle connections that have made one request each."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for _ in range(IDLE):
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: bench\r\n\r\n")
        connection.recv(4096)


def send(server: servers.Running, folder: Path, count: int) -> None:
    """Sends so many requests over 32 connections, as fast as they are answered."""
    command = ["h2load", "--h1", "-t1", "-c32", f"-n{count}"]
    for name, value in load.headers().items():
        command += ["-H", f"{name}: {value}"]
    subprocess.run(
        [*command, f"http://127.0.0.1:{server.port}{load.path('get')}"], check=True, capture_output=True, cwd=folder
    )

"""Runs the shop: `python -m stockade.sample --port 9000 --data DIR [--flaw NAME]...`."""

import argparse
import time
from pathlib import Path

import uvicorn

from stockade.sample.application import build
from stockade.sample.flaws import Flaws
from stockade.sample.folder import open_shop


def main() -> None:
    """Run until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m stockade.sample", description="The shop, a sample API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=9000, help="port to listen on (default 9000)")
    parser.add_argument("--data", type=Path, default=Path("shop-data"), help="folder for database and keys")
    parser.add_argument("--flaw", action="append", default=[], choices=Flaws.names(), help="a flaw to have on purpose")
    parser.add_argument("--image-host", action="append", default=[], help="host that pictures may be fetched from")
    chosen = parser.parse_args()
    shop = open_shop(
        chosen.data, lambda: time.time_ns() // 1_000_000_000, Flaws.named(chosen.flaw), frozenset(chosen.image_host)
    )
    try:
        uvicorn.run(build(shop), host=chosen.host, port=chosen.port, log_level="warning", access_log=False)
    finally:
        shop.database.close()


if __name__ == "__main__":
    main()

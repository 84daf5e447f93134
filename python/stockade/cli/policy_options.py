"""Options that say which config is meant: a file, or one API in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stockade.app.errors import StockadeError
from stockade.app.policy import Asked

DEFAULT_CONFIG = Path("stockade.yaml")
"""Config file when neither a file nor an upstream is named."""

Upstream = Annotated[str | None, typer.Option(help="Where the API is, such as `http://127.0.0.1:9000`.")]
"""`--upstream URL`."""

Spec = Annotated[Path | None, typer.Option(help="Its OpenAPI document.")]
"""`--spec FILE`."""

Listen = Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1:8080.")]
"""`--listen ADDRESS:PORT`."""

Mode = Annotated[str | None, typer.Option(help="enforce (default) or monitor.")]
"""`--mode MODE`."""

Admin = Annotated[str | None, typer.Option(help="Address of the admin API; default 127.0.0.1:9440.")]
"""`--admin ADDRESS:PORT`."""

DataOverride = Annotated[
    Path | None, typer.Option("--data", help="Data folder; default from config or ./stockade-data.")
]
"""`--data DIR`, where config may name it."""

SecLang = Annotated[
    Path | None, typer.Option("--seclang", help="SecLang rules that take the place of the native detectors.")
]
"""`--seclang FILE`."""

SecLangLog = Annotated[
    Path | None, typer.Option("--seclang-log", help="Log of their matches, in ModSecurity's error-log form.")
]
"""`--seclang-log FILE`."""

SECLANG_UPSTREAM = "http://127.0.0.1:9000"
"""Upstream when rules are named and no upstream is: rules are often tried before there is an API."""


def asked(
    config: Path | None,
    upstream: str | None,
    spec: Path | None,
    listen: str | None,
    mode: str | None,
    admin: str | None,
    data: Path | None,
    seclang: Path | None = None,
    seclang_log: Path | None = None,
) -> Asked:
    """What the command line asks for.

    Raises:
        StockadeError: neither a config nor an upstream is named, or both are.
    """
    flags = {
        "--upstream": upstream,
        "--spec": spec,
        "--listen": listen,
        "--mode": mode,
        "--admin": admin,
        "--seclang": seclang,
        "--seclang-log": seclang_log,
    }
    given = [name for name, value in flags.items() if value is not None]
    if config is not None and given:
        raise StockadeError(
            "usage", f"expected `{given[0]}` or `--config`, got both", "set it in the config file, or leave that out"
        )
    if config is None and upstream is None and seclang is not None:
        upstream = SECLANG_UPSTREAM
    if config is None and upstream is None:
        if given or not DEFAULT_CONFIG.is_file():
            raise StockadeError(
                "usage",
                f"expected `--upstream URL` beside `{given[0]}`, got none"
                if given
                else f"expected `--upstream URL` or `--config FILE`, and there is no `{DEFAULT_CONFIG}` here",
                "name the API to protect, such as `--upstream http://127.0.0.1:9000`",
            )
        config = DEFAULT_CONFIG
    return Asked(config, upstream, spec, listen, mode, admin, data, seclang, seclang_log)

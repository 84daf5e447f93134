"""A config from the flags of `stockade run`, for those who have no file."""

from pathlib import Path
from typing import Any

from stockade.config.loaded import Loaded
from stockade.config.loader import validate
from stockade.config.sources import Sources

API_NAME = "default"
"""Name of the one API."""


def quick(
    upstream: str,
    folder: Path,
    *,
    spec: Path | None = None,
    listen: str | None = None,
    mode: str | None = None,
    admin: str | None = None,
    data: Path | None = None,
    seclang: Path | None = None,
    seclang_log: Path | None = None,
) -> Loaded:
    """Build a config of one API with the defaults of everything that is not given.

    Args:
        upstream: URL of the API to protect (`--upstream`).
        folder: folder that relative paths begin at, usually the working folder.
        spec: its OpenAPI document (`--spec`).
        listen: `address:port` (`--listen`).
        mode: `enforce` or `monitor` (`--mode`).
        admin: `address:port` of the admin API (`--admin`).
        data: data folder (`--data`).
        seclang: SecLang rules (`--seclang`), which take the place of the native detectors.
        seclang_log: log of what they match (`--seclang-log`).

    Raises:
        ConfigError: a flag is wrong; its name stands in place of a setting.
    """
    api: dict[str, Any] = {"upstream": upstream}
    plain: dict[str, Any] = {"apis": {API_NAME: api}}
    if spec is not None:
        api["spec"] = str(spec)
    if mode is not None:
        api["mode"] = mode
    gateway: dict[str, Any] = {}
    if seclang is not None:
        api |= {"seclang": {"files": [str(seclang)]}, "inspect": {"enabled": False}, "response": {"leaks": False}}
        # Whoever tests rules attacks all the time: alerts are told, and block nobody before the rules are asked.
        plain["behaviour"] = {"act": "tell"}
    if seclang_log is not None:
        gateway["seclang_log"] = str(seclang_log)
    if listen is not None:
        gateway["listen"] = listen
    if gateway:
        plain["gateway"] = gateway
    if admin is not None:
        plain["admin"] = {"listen": admin}
    if data is not None:
        plain["data"] = str(data)
    return validate(plain, Sources(flags=FLAGS), folder)


FLAGS = {
    f"apis.{API_NAME}.upstream": "--upstream",
    f"apis.{API_NAME}.upstream.targets[0]": "--upstream",
    f"apis.{API_NAME}.spec": "--spec",
    f"apis.{API_NAME}.mode": "--mode",
    "gateway.listen": "--listen",
    "gateway.listen[0].address": "--listen",
    "admin.listen": "--admin",
    f"apis.{API_NAME}.seclang": "--seclang",
    f"apis.{API_NAME}.seclang.files[0]": "--seclang",
    "gateway.seclang_log": "--seclang-log",
    "data": "--data",
}
"""Flags by the setting that they set."""

"""From what the user asked for to the bundle in force: loaded, compiled, signed and taken, or nothing changes."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stockade.app.certificates import ensure_placeholders
from stockade.app.clock import Clock
from stockade.app.errors import ConfigProblemsError, StockadeError
from stockade.app.gateway_link import GatewayLink, GatewayUnreachableError
from stockade.app.policy_status import PolicyStatus
from stockade.app.tokens import ensure_key
from stockade.config import Config, ConfigError, Loaded, load, loads, quick
from stockade.config.secrets import VaultReader
from stockade.model.problem import Problem
from stockade.prevent.crypto import wrapping_keys
from stockade.prevent.gateway.bundle import Bundles
from stockade.prevent.gateway.plan import NO_KEY, Compiled, compile_plan
from stockade.prevent.identity import signing_key
from stockade.prevent.identity.key_sets import KeySets

LOG = logging.getLogger("stockade.policy")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for: a config file, or one API in one line."""

    config: Path | None = None
    """Config file."""
    upstream: str | None = None
    """URL of the API to protect, when there is no file."""
    spec: Path | None = None
    """Its OpenAPI document."""
    listen: str | None = None
    """Address to listen on."""
    mode: str | None = None
    """`enforce` or `monitor`."""
    admin: str | None = None
    """Address of the admin API."""
    data: Path | None = None
    """Data folder, instead of the config's."""
    seclang: Path | None = None
    """SecLang rules, which take the place of the native detectors."""
    seclang_log: Path | None = None
    """Log of what they match."""

    def arguments(self) -> list[str]:
        """The same as arguments of a command."""
        options = {
            "--config": self.config,
            "--upstream": self.upstream,
            "--spec": self.spec,
            "--listen": self.listen,
            "--mode": self.mode,
            "--admin": self.admin,
            "--data": self.data,
            "--seclang": self.seclang,
            "--seclang-log": self.seclang_log,
        }
        return [text for name, value in options.items() if value is not None for text in (name, str(value))]


@dataclass(frozen=True, slots=True)
class Published:
    """A config that is in force on disk."""

    config: Config
    """The settings."""
    warnings: tuple[Problem, ...]
    """What works but is probably not meant."""


def load_asked(asked: Asked, environment: Mapping[str, str], folder: Path, vault: VaultReader | None = None) -> Loaded:
    """Load what was asked for.

    Args:
        asked: a config file, or one API in one line.
        environment: variables that the config may name.
        folder: folder that flags are relative to.
        vault: reads secrets that the config refers to.

    Raises:
        ConfigProblemsError: with every problem that was found.
    """
    try:
        if asked.config is None:
            return quick(
                asked.upstream or "",
                folder,
                spec=asked.spec,
                listen=asked.listen,
                mode=asked.mode,
                admin=asked.admin,
                data=asked.data,
                seclang=asked.seclang,
                seclang_log=asked.seclang_log,
            )
        data = None if asked.data is None else (folder / asked.data).absolute()
        loaded = load(asked.config, environment, data=data, vault=vault)
    except ConfigError as error:
        raise ConfigProblemsError(error.problems) from error
    if data is None:
        return loaded
    config = loaded.config.model_copy(update={"data": data})
    return replace(loaded, config=config)


def load_asked_text(
    text: str, file: Path, data: Path, environment: Mapping[str, str], vault: VaultReader | None = None
) -> Loaded:
    """Load a text as the config file would be loaded if it said that.

    Args:
        text: YAML or JSON.
        file: the config file.
        data: data folder.
        environment: variables that the config may name.
        vault: reads secrets that the config refers to.

    Raises:
        ConfigProblemsError: with every problem that was found.
    """
    folder = file.absolute().parent
    try:
        loaded = loads(text, environment, folder, file.name, data=data, vault=vault)
    except ConfigError as error:
        raise ConfigProblemsError(error.problems) from error
    return replace(loaded, config=loaded.config.model_copy(update={"data": data}))


class Policy:
    """The policy of one data folder, from the files that say it to the bundle in force.

    `publish` puts what the files say in force; `refresh` does so when they changed. What is wrong changes nothing.

    Args:
        asked: what the user asked for.
        load: reads what was asked for; raises ConfigProblemsError.
        bundles: makes and keeps bundles.
        link: the gateway that takes them.
        clock: microseconds since the epoch.
        key_sets: fetches the key sets that the config names by URL.
    """

    def __init__(
        self,
        asked: Asked,
        load: Callable[[], Loaded],
        bundles: Bundles,
        link: GatewayLink,
        clock: Clock,
        key_sets: KeySets | None = None,
    ) -> None:
        self._asked = asked
        self._load = load
        self._bundles = bundles
        self._link = link
        self._clock = clock
        self._key_sets = key_sets or KeySets(clock)
        self._lock = threading.Lock()
        self.config: Config | None = None
        """What is in force, once something is."""
        self._files: tuple[Path, ...] = (asked.config,) if asked.config else ()
        self._seen: tuple[object, ...] = ()
        self._status = PolicyStatus(True, 0, 0)
        self.published: Callable[[int], None] = lambda _version: None
        """Told of every version that is put in force."""

    def status(self) -> PolicyStatus:
        """Whether what the files say is in force."""
        return self._status

    def publish(self) -> Published:
        """Make what the files say the bundle in force on disk; the gateway is not told.

        A bundle that says the same already stays.

        Raises:
            ConfigProblemsError: with every problem; nothing was written.
            StockadeError: the bundle cannot be written.
        """
        with self._lock:
            self._seen = _fingerprints(self._files)
            loaded = self._load()
            _provide(loaded.config, self._clock())
            self._key_sets.provide(loaded.config)
            try:
                compiled = compile_plan(loaded, ensure_key(loaded.config) or NO_KEY)
            except ConfigError as error:
                raise ConfigProblemsError(error.problems) from error
            asked = (self._asked.config,) if self._asked.config else ()
            self._files = tuple(dict.fromkeys([*asked, *loaded.files, *compiled.files, *_certificates(loaded.config)]))
            self._seen = _fingerprints(self._files)
            version = self._put_in_force(compiled)
            self._status = PolicyStatus(True, version, self._clock())
            self.config = loaded.config
            self.published(version)
            return Published(loaded.config, compiled.warnings)

    def begin(self) -> None:
        """Put what the files say in force when it is not yet. Never raises for what they say."""
        self._take(self._link_when_behind)

    def refresh(self, *, forced: bool) -> None:
        """Look at the files again, and put what they say in force when they changed. Never raises for what they say.

        Args:
            forced: whether they count as changed in any case.
        """
        if forced or _fingerprints(self._files) != self._seen:
            self._take(self._link.reload)

    def _take(self, reload: Callable[[], Mapping[str, Any]]) -> None:
        before = self._bundles.current
        try:
            self.publish()
            answer = reload()
        except ConfigProblemsError as error:
            self._refused(error.problems)
        except GatewayUnreachableError:
            # It reads the bundle in force when it starts.
            LOG.info("bundle %d waits for the gateway", self._status.bundle)
        except (StockadeError, OSError) as error:
            self._refused([error])
        else:
            if answer.get("ok"):
                self._taken(answer.get("restart") or ())
                return
            if before is not None:
                self._bundles.take_back(before)
            self._refused([f"the gateway refused it: {answer.get('problem', 'no reason given')}"])

    def _link_when_behind(self) -> Mapping[str, Any]:
        if self._link.status().get("bundle") == self._status.bundle:
            return {"ok": True}
        return self._link.reload()

    def _taken(self, restart: Sequence[str]) -> None:
        LOG.info("bundle %d is in force", self._status.bundle)
        news = tuple(f"`{setting}` changed: restart the gateway for it to take effect" for setting in restart)
        for text in news:
            LOG.warning("%s", text)
        self._status = replace(self._status, news=news)

    def _put_in_force(self, compiled: Compiled) -> int:
        current = self._bundles.current
        if current is not None and _says(self._bundles.payload(), compiled):
            return current.version
        return self._bundles.write(compiled, self._clock()).version

    def _refused(self, problems: Sequence[object]) -> None:
        shown = tuple(str(problem) for problem in problems)
        for text in shown:
            LOG.error("config not taken, the one before stays in force: %s", text)
        current = self._bundles.current
        self._status = replace(self._status, ok=False, bundle=current.version if current else 0, problems=shown)


def _provide(config: Config, now: int) -> None:
    """Put into the data folder what the gateway needs there before it takes the bundle."""
    ensure_placeholders(config, now)
    signing_key.ensure(config)
    if config.gateway.spool.encrypt:
        file = config.data / "keys" / "spool.key"
        if not wrapping_keys.read_file(file):
            wrapping_keys.create_file(file)


def _fingerprints(files: Sequence[Path]) -> tuple[object, ...]:
    found: list[object] = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def _says(payload: bytes | None, compiled: Compiled) -> bool:
    """Whether a plan on disk says the same as a compiled one, whenever it was made."""
    try:
        known = json.loads(payload or b"")
    except ValueError:
        return False
    version, created_at = known.get("version"), known.get("created_at")
    if not isinstance(version, int) or not isinstance(created_at, int):
        return False
    return payload == compiled.to_bytes(version, created_at)


def _certificates(config: Config) -> Iterator[Path]:
    """Files that the gateway itself reads on reload."""
    for listener in config.gateway.listen:
        for served in listener.tls.certificates if listener.tls else ():
            pair = served.files(config.data)
            yield pair.certificate_file
            yield pair.key_file
        clients = listener.tls.client_certificates if listener.tls else None
        if clients is not None and clients.ca_file is not None:
            yield clients.ca_file
            yield from clients.crl_files
    for api in config.apis.values():
        tls = api.upstream.tls
        if tls.ca_file is not None:
            yield tls.ca_file
        if tls.client_certificate is not None:
            yield tls.client_certificate.certificate_file
            yield tls.client_certificate.key_file

"""Key sets by URL: fetched, kept, looked at again. What is kept goes into bundles; the gateway fetches nothing.

One file for each source in `identity/key-sets` of the data folder. The last good set stays while a provider does not
answer, and says when it was confirmed, so that the plan can say until when it may be used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stockade.config import Config
from stockade.config.identity import Jwt
from stockade.config.key_set import KeySetError, usable_keys
from stockade.core.errors import StockadeError
from stockade.prevent.identity.fetch import Fetched, FetchError, fetch
from stockade.store.folder import read_json, write_json

LOG = logging.getLogger("stockade.identity")

SHORTEST_S, LONGEST_PAUSE_S = 1, 60
"""Least time between two looks at a source, and the longest pause after a failure; each failure doubles the pause."""

UNASKED_S = 10
"""Least time between two looks because a key was missing: whoever makes ids up must not make us ask all the time."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a key set comes from."""

    url: str
    """URL of the set, or of the issuer."""
    is_issuer: bool
    """Whether the issuer has to be asked where its set is."""
    refresh_s: float
    """How often it is looked at again."""
    keep_s: float
    """How long it goes on unconfirmed."""
    ca_file: Path | None

    @classmethod
    def of(cls, jwt: Jwt) -> Source | None:
        """The source of a method; None when its set is a file."""
        url = jwt.discovery or jwt.keys_url
        if url is None:
            return None
        return cls(url, jwt.discovery is not None, jwt.refresh.ms / 1000, jwt.keep.ms / 1000, jwt.ca_file)

    def file(self, data: Path) -> Path:
        """Where its set is kept."""
        name = hashlib.sha256(f"{self.url}\n{self.is_issuer}\n{self.ca_file}".encode()).hexdigest()[:32]
        return data / "identity" / "key-sets" / f"{name}.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """A set that was fetched."""

    keys: dict[str, Any]
    """The JWK Set."""
    confirmed_at: int
    """When it was last seen to be the present one, microseconds since the epoch; told in steps of a quarter of
    `keep`."""


def read_kept(source: Source, data: Path) -> Kept | None:
    """The set that is kept of a source."""
    found = read_json(source.file(data)) or {}
    keys, confirmed_at = found.get("keys"), found.get("confirmed_at")
    if not isinstance(keys, list) or not isinstance(confirmed_at, int):
        return None
    return Kept({"keys": keys}, confirmed_at)


def sources(config: Config) -> Iterator[Source]:
    """Every source of a config, once."""
    seen: set[Source] = set()
    for api in config.apis.values():
        for method in api.identity.methods:
            source = Source.of(method.jwt) if method.jwt else None
            if source is not None and source not in seen:
                seen.add(source)
                yield source


@dataclass(slots=True)
class _State:
    due_at: int = 0
    looked_at: int = 0
    failures: int = 0
    problem: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class KeySets:
    """Looks at sources when they are due.

    Args:
        clock: microseconds since the epoch.
        fetch: fetches a document; for tests.
    """

    def __init__(self, clock: Callable[[], int], fetch: Callable[[str, Path | None], Fetched] = fetch) -> None:
        self._clock = clock
        self._fetch = fetch
        self._states: dict[Source, _State] = {}

    @property
    def problems(self) -> Mapping[str, str]:
        """What is wrong with sources that do not answer, by URL."""
        return {source.url: state.problem for source, state in list(self._states.items()) if state.problem}

    def provide(self, config: Config) -> None:
        """Fetch what was never fetched, so that a first start has its keys. A failure is logged; it is tried again."""
        for source in sources(config):
            if read_kept(source, config.data) is None:
                self._look(source, config.data)

    def run(self, config: Config) -> None:
        """Look at everything that is due."""
        wanted = list(sources(config))
        for gone in set(self._states) - set(wanted):
            del self._states[gone]
        for source in wanted:
            if self._state(source).due_at <= self._clock():
                self._look(source, config.data)

    def find(self, jwt: Jwt, key: str, data: Path) -> dict[str, Any]:
        """Keys with an id that the gateway does not have: looked for in what is kept, then at the source.

        An empty id stands for all keys of the set, for a token that names none.

        Returns:
            A JWK Set, empty when there is no such key.
        """
        source = Source.of(jwt)
        if source is None:
            return {"keys": []}
        state = self._state(source)
        found = _named(source, data, key) if key else []
        if not found and state.looked_at + UNASKED_S * 1_000_000 <= self._clock():
            self._look(source, data)
            found = _named(source, data, key)
        # What was fetched a moment ago may not be in the gateway's bundle yet.
        return {"keys": found if key else _named(source, data, "")}

    def _state(self, source: Source) -> _State:
        return self._states.setdefault(source, _State())

    def _look(self, source: Source, data: Path) -> None:
        state = self._state(source)
        with state.lock:
            now = self._clock()
            state.looked_at = now
            try:
                keys, max_age_s = self._get(source)
                _keep(source, keys, data, now)
            except (StockadeError, KeySetError, OSError) as error:
                pause_s = min(LONGEST_PAUSE_S, SHORTEST_S * 2 ** min(state.failures, 16))
                # Half of it by chance, so that many gateways do not come back at once.
                state.due_at = now + pause_s * 500_000 + secrets.randbelow(pause_s * 500_000)
                state.failures += 1
                if state.problem != str(error):
                    LOG.error("cannot fetch the key set of `%s`, the last good one goes on: %s", source.url, error)
                state.problem = str(error)
                return
            if state.problem:
                LOG.info("the key set of `%s` can be fetched again", source.url)
            state.failures, state.problem = 0, ""
            wait_s = source.refresh_s if max_age_s is None else min(source.refresh_s, max_age_s)
            state.due_at = now + int(max(SHORTEST_S, wait_s) * 1_000_000)

    def _get(self, source: Source) -> tuple[dict[str, Any], int | None]:
        url = self._discover(source) if source.is_issuer else source.url
        fetched = self._fetch(url, source.ca_file)
        return usable_keys(fetched.content), fetched.max_age_s

    def _discover(self, source: Source) -> str:
        """Where an issuer says that its keys are (OpenID Connect Discovery 1.0, 4)."""
        issuer = source.url.rstrip("/")
        document = f"{issuer}/.well-known/openid-configuration"
        try:
            told = json.loads(self._fetch(document, source.ca_file).content)
        except (ValueError, RecursionError) as error:
            raise FetchError("identity.discovery", f"`{document}`: expected JSON") from error
        told = told if isinstance(told, dict) else {}
        # 4.3: a document about another issuer is somebody else's.
        if str(told.get("issuer")).rstrip("/") != issuer:
            raise FetchError("identity.discovery", f"`{document}`: expected `issuer` to be `{issuer}`")
        url = told.get("jwks_uri")
        if not isinstance(url, str) or not url.startswith(f"{issuer.partition(':')[0]}://"):
            scheme = issuer.partition(":")[0]
            raise FetchError("identity.discovery", f"`{document}`: expected `jwks_uri` to be a URL with `{scheme}:`")
        return url


def _named(source: Source, data: Path, key: str) -> list[Any]:
    kept = read_kept(source, data)
    return [one for one in (kept.keys["keys"] if kept else ()) if not key or one.get("kid") == key]


def _keep(source: Source, keys: dict[str, Any], data: Path, now: int) -> None:
    """Write a set down when it is another one, or its confirmation is getting old: each write makes a bundle."""
    kept = read_kept(source, data)
    step = int(source.keep_s * 250_000)
    if kept is not None and kept.keys == keys and now - kept.confirmed_at < step:
        return
    file = source.file(data)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(file, {"source": source.url, "confirmed_at": now, "keys": keys["keys"]})

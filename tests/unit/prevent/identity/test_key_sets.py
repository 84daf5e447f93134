"""Key sets by URL: fetched when due, kept when nobody answers, and never taken from somebody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.issuer import Issuer

from stockade.config import Config
from stockade.config.identity import Jwt
from stockade.config.loader import loads
from stockade.prevent.identity.fetch import Fetched, FetchError
from stockade.prevent.identity.key_sets import KeySets, Source, read_kept

SECOND = 1_000_000
ISSUER = "https://id.example"


class World:
    """A clock, and servers that answer what they are told."""

    def __init__(self, folder: Path, **jwt: Any) -> None:
        self.now = 1_000 * SECOND
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        settings = jwt or {"keys_url": f"{ISSUER}/keys"}
        api = {"upstream": "http://h", "identity": {"methods": [{"jwt": settings}]}}
        self.config: Config = loads(yaml.safe_dump({"data": str(folder), "apis": {"a": api}}), {}, folder).config
        method = self.config.apis["a"].identity.methods[0].jwt
        assert method is not None
        self.jwt: Jwt = method
        source = Source.of(method)
        assert source is not None
        self.source = source
        self.sets = KeySets(lambda: self.now, self.fetch)

    def fetch(self, url: str, ca_file: Path | None) -> Fetched:
        self.asked.append(url)
        answer = self.answers.get(url)
        if answer is None:
            raise FetchError("identity.fetch", "connection refused")
        return answer if isinstance(answer, Fetched) else Fetched(json.dumps(answer).encode())

    def run(self, seconds: float) -> int:
        """Let time pass; how often somebody was asked."""
        before = len(self.asked)
        for _ in range(int(seconds * 2)):
            self.now += SECOND // 2
            self.sets.run(self.config)
        return len(self.asked) - before

    def kept(self) -> list[str]:
        kept = read_kept(self.source, self.config.data)
        return [key["kid"] for key in kept.keys["keys"]] if kept else []


def test_a_set_is_fetched_kept_and_looked_at_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sets.provide(world.config)
    assert world.kept() == []
    world.answers[f"{ISSUER}/keys"] = Issuer("i", "one").key_set()
    world.run(2)
    assert world.kept() == ["one"]
    world.answers[f"{ISSUER}/keys"] = Issuer("i", "two").key_set()
    assert world.run(200) == 0, "it is looked at every five minutes"
    world.run(110)
    assert world.kept() == ["two"]


def test_failures_double_the_pause_and_the_last_good_set_stays(tmp_path: Path) -> None:
    world = World(tmp_path, keys_url=f"{ISSUER}/keys", refresh="1s")
    world.answers[f"{ISSUER}/keys"] = Issuer("i", "one").key_set()
    world.run(3)
    world.answers.clear()
    assert world.run(600) < 30
    assert world.kept() == ["one"]
    assert "connection refused" in world.sets.problems[f"{ISSUER}/keys"]
    world.answers[f"{ISSUER}/keys"] = Issuer("i", "two").key_set()
    world.run(61)
    assert world.kept() == ["two"]
    assert world.sets.problems == {}


@pytest.mark.parametrize(
    "answer",
    [
        Fetched(b"<html>"),
        Fetched(b"[" * 100_000),
        {"keys": []},
        {"keys": [{"kty": "oct", "k": "AAAA"}]},
        {"keys": [{"kty": "EC"}]},
        {"keys": 7},
        Fetched(b" " * (1024 * 1024 + 1)),
    ],
)
def test_what_is_no_key_set_changes_nothing(tmp_path: Path, answer: Any) -> None:
    world = World(tmp_path, keys_url=f"{ISSUER}/keys", refresh="1s")
    world.answers[f"{ISSUER}/keys"] = Issuer("i", "one").key_set()
    world.run(2)
    world.answers[f"{ISSUER}/keys"] = answer
    world.run(10)
    assert world.kept() == ["one"]
    assert world.sets.problems


def test_the_server_may_ask_for_more_looks_but_not_for_fewer(tmp_path: Path) -> None:
    content = json.dumps(Issuer("i", "one").key_set()).encode()
    for max_age, least, most in [(10, 25, 40), (86_400, 1, 3)]:
        world = World(tmp_path)
        world.answers[f"{ISSUER}/keys"] = Fetched(content, max_age)
        assert least <= world.run(300) <= most


def test_a_confirmation_is_written_down_now_and_then(tmp_path: Path) -> None:
    world = World(tmp_path, keys_url=f"{ISSUER}/keys", refresh="1s", keep="40s")
    world.answers[f"{ISSUER}/keys"] = Issuer("i", "one").key_set()
    moments = set()
    for _ in range(100):
        world.run(1)
        kept = read_kept(world.source, world.config.data)
        assert kept is not None
        assert world.now - kept.confirmed_at < 12 * SECOND
        moments.add(kept.confirmed_at)
    assert len(moments) <= 12, "each one makes a bundle"


def test_discovery_believes_the_issuer_alone(tmp_path: Path) -> None:
    world = World(tmp_path, discovery=ISSUER)
    document = f"{ISSUER}/.well-known/openid-configuration"
    world.answers["https://keys.example/set"] = Issuer("i", "one").key_set()
    for told in [
        {"issuer": "https://evil.example", "jwks_uri": "https://keys.example/set"},
        {"issuer": ISSUER, "jwks_uri": "http://keys.example/set"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER},
        {"jwks_uri": "https://keys.example/set"},
        [],
    ]:
        world.answers[document] = told
        world.run(70)
        assert world.kept() == [], told
    world.answers[document] = {"issuer": ISSUER, "jwks_uri": "https://keys.example/set"}
    world.run(70)
    assert world.kept() == ["one"]


def test_a_missing_key_is_looked_for_and_not_too_often(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.answers[f"{ISSUER}/keys"] = Issuer("i", "one").key_set()
    world.sets.provide(world.config)
    world.now += 11 * SECOND
    world.answers[f"{ISSUER}/keys"] = Issuer("i", "two").key_set()
    found = world.sets.find(world.jwt, "two", world.config.data)
    assert [key["kid"] for key in found["keys"]] == ["two"]
    asked = len(world.asked)
    for number in range(50):
        assert world.sets.find(world.jwt, f"made-up-{number}", world.config.data) == {"keys": []}
    assert len(world.asked) == asked

"""The `identity` section: what is taken, and what is refused with a place and a hint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stockade.config import Config, ConfigError
from stockade.config.loader import loads

HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$k9ohroejZy1PN5E1SbHNPug6vB8eQAahb5SOAp6iGF4"
KEY = {"id": "k", "sha256": "0" * 64, "subject": "s"}
LONG_KEY = {"id": "k", "key": "b_" + "x" * 20, "subject": "s"}
SIGNING_KEY = {"id": "k", "secret": "x" * 32, "subject": "s"}
ANY_KEY = {"api_key": {"header": "x-key", "keys": [KEY]}}


def load(folder: Path, *methods: dict[str, Any], **more: Any) -> Config:
    identity = {"methods": list(methods), **more}
    return loads(yaml.safe_dump({"apis": {"a": {"upstream": "http://h", "identity": identity}}}), {}, folder).config


def problem(folder: Path, *methods: dict[str, Any], **more: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, *methods, **more)
    return "\n".join(map(str, caught.value.problems))


def test_every_kind_of_method_is_taken(tmp_path: Path) -> None:
    introspection = {"endpoint": "https://id.example/i", "client_id": "c", "client_secret": "s"}
    config = load(
        tmp_path,
        {"jwt": {"discovery": "https://id.example"}},
        {"jwt": {"name": "other", "keys_url": "http://127.0.0.1:9000/keys", "cookie": "token"}},
        {"api_key": {"header": "x-key", "prefix": "p_", "managed": True}},
        {"basic": {"users": [{"user": "u", "argon2id": HASH}]}},
        {"introspection": introspection},
        {"signature": {"keys": [{"id": "k", "secret": "x" * 32, "subject": "s"}]}},
        routes=[{"paths": ["/a"], "by": ["basic", "anonymous"]}],
        session_cookies=["sid"],
        hand_on={"headers": {"X-User": "subject", "x-t": "claim:t"}, "signed": {}},
    )
    identity = config.apis["a"].identity
    assert [method.name for method in identity.methods] == [
        *("jwt", "other", "api_key", "basic", "introspection", "signature")
    ]
    assert identity.methods[0].jwt is not None
    assert identity.methods[0].jwt.issuers == ("https://id.example",)
    assert identity.routes[0].method_names == ("basic",)
    assert identity.routes[0].is_anonymous
    assert identity.hand_on is not None
    assert dict(identity.hand_on.headers) == {"x-user": "subject", "x-t": "claim:t"}
    assert identity.hand_on.claims == ("t",)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ({"jwt": {}}, "exactly one of `keys_file`, `keys_url` and `discovery`"),
        ({"jwt": {"keys_url": "http://id.example/keys"}}, "`https` URL"),
        ({"jwt": {"keys_url": "https://u:p@id.example/keys"}}, "without a user"),
        ({"jwt": {"discovery": "https://id.example", "algorithms": ["HS256"]}}, "no HS algorithm"),
        ({"api_key": {"header": "x"}}, "at least one entry under `keys`"),
        (
            {"api_key": {"header": "x", "prefix": "a_", "keys": [{"id": "k", "key": "b_" + "x" * 20, "subject": "s"}]}},
            "begins with",
        ),
        ({"basic": {"users": [{"user": "u", "argon2id": "hunter2"}]}}, "PHC form"),
        ({"basic": {"users": [{"user": "u", "argon2id": HASH.replace("m=19456", "m=1024")}]}}, "expected m of"),
        ({"basic": {"users": [{"user": "a:b", "argon2id": HASH}]}}, "user"),
        (
            {"introspection": {"endpoint": "https://id.example/i"}},
            "either `client_id` and",
        ),
        ({"signature": {"keys": [{"id": "k", "secret": "short", "subject": "s"}]}}, "32 bytes"),
        ({"signature": {"keys": [{"id": "k", "algorithm": "ed25519", "subject": "s"}]}}, "`public_key_file`"),
        (
            {"signature": {"keys": [{"id": "k", "secret": "x" * 32, "subject": "s"}], "cover": ["@nonsense"]}},
            "component",
        ),
        ({"certificate": {}}, "listener that asks clients for certificates"),
        ({**ANY_KEY, "basic": {"users": [{"user": "u", "argon2id": HASH}]}}, "exactly one of"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, method: dict[str, Any], expected: str) -> None:
    assert expected in problem(tmp_path, method)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"routes": [{"paths": ["/a"], "by": ["nobody"]}]}, "the name of a method"),
        ({"routes": [{"by": ["api_key"]}]}, "a choice of operations"),
        ({"routes": [{"paths": ["/a"], "by": ["anonymous", "api_key"]}]}, "at the end"),
        ({"routes": [{"paths": ["/a"], "by": ["api_key", "api_key"]}]}, "each method once"),
        ({"session_cookies": ["a b"]}, "session_cookies"),
        ({"hand_on": {"headers": {"host": "subject"}}}, "a header that is free"),
        ({"hand_on": {"headers": {"x-user": "shoe size"}}}, "something of the identity"),
        ({"hand_on": {"headers": {"x-identity": "subject"}, "signed": {}}}, "none of `headers`"),
        ({"hand_on": {"signed": {"algorithm": "HS256"}}}, "`secret` with `HS256`"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, more: dict[str, Any], expected: str) -> None:
    assert expected in problem(tmp_path, ANY_KEY, **more)


def test_secrets_never_show(tmp_path: Path) -> None:
    text = problem(tmp_path, {"signature": {"keys": [{"id": "k", "secret": "hunter2", "subject": "s"}]}})
    assert "hunter2" not in text

"""Bundles are signed, versioned, whole or not there, and the last three are kept."""

import hashlib
import json
import struct
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stockade.core import StockadeError
from stockade.prevent.gateway.bundle import Bundles
from stockade.prevent.gateway.plan import Compiled


def test_a_bundle_is_what_the_gateway_reads(tmp_path: Path, compiled: Compiled) -> None:
    bundle = Bundles(tmp_path).write(compiled, 7)
    content = bundle.file.read_bytes()
    magic, version, length, digest = struct.unpack("<8sIQ32s", content[:52])
    assert (magic, version, length) == (b"STKDBNDL", 2, len(content) - 116)
    assert digest == hashlib.sha256(content[116:]).digest()
    public = Ed25519PublicKey.from_public_bytes((tmp_path / "keys/bundle.pub").read_bytes())
    public.verify(content[52:116], content[:52])
    key = (tmp_path / "keys/bundle.seal").read_bytes()
    plan = json.loads(AESGCM(key).decrypt(content[116:128], content[128:], content[:12]))
    assert (plan["version"], plan["created_at"]) == (1, 7)
    assert (tmp_path / "bundles/current").read_text() == "000000000001.bundle\n"


def test_versions_rise_and_three_are_kept(tmp_path: Path, compiled: Compiled) -> None:
    assert Bundles(tmp_path).current is None
    bundles = Bundles(tmp_path)
    for number in range(1, 6):
        assert bundles.write(compiled, 0).version == number
    assert sorted(file.name for file in (tmp_path / "bundles").glob("*.bundle")) == [
        f"00000000000{number}.bundle" for number in (3, 4, 5)
    ]
    assert bundles.current is not None
    assert bundles.current.version == 5


def test_secrets_are_for_the_owner_alone(tmp_path: Path, compiled: Compiled) -> None:
    bundle = Bundles(tmp_path).write(compiled, 0)
    assert (tmp_path / "keys/bundle.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys/bundle.seal").stat().st_mode & 0o777 == 0o600
    assert b"listeners" not in bundle.file.read_bytes()
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert bundle.file.stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, compiled: Compiled) -> None:
    bundles = Bundles(tmp_path)
    bundles.write(compiled, 0)
    (tmp_path / "keys/bundle.key").chmod(0o644)
    with pytest.raises(StockadeError, match="owner alone") as caught:
        bundles.write(compiled, 0)
    assert caught.value.code == "bundle.key"
    assert bundles.current is not None
    assert bundles.current.version == 1


def test_a_key_that_is_none_is_refused(tmp_path: Path, compiled: Compiled) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/bundle.key").write_text("nonsense")
    (tmp_path / "keys/bundle.key").chmod(0o600)
    with pytest.raises(StockadeError, match="Ed25519"):
        Bundles(tmp_path).write(compiled, 0)


def test_a_lost_public_key_is_written_again(tmp_path: Path, compiled: Compiled) -> None:
    bundles = Bundles(tmp_path)
    bundles.write(compiled, 0)
    before = (tmp_path / "keys/bundle.pub").read_bytes()
    (tmp_path / "keys/bundle.pub").unlink()
    bundles.write(compiled, 0)
    assert (tmp_path / "keys/bundle.pub").read_bytes() == before


def test_writers_at_once_get_versions_of_their_own(tmp_path: Path, compiled: Compiled) -> None:
    versions: list[int] = []

    def write() -> None:
        versions.append(Bundles(tmp_path).write(compiled, 0).version)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == list(range(1, 9))


def test_strange_files_beside_are_left_alone(tmp_path: Path, compiled: Compiled) -> None:
    (tmp_path / "bundles").mkdir()
    for name in ("x.bundle", "1.bundle", "000000000009.txt"):
        (tmp_path / "bundles" / name).write_text("x")
    assert Bundles(tmp_path).write(compiled, 0).version == 1
    assert (tmp_path / "bundles/x.bundle").exists()


def test_the_plan_in_force_can_be_read_back(tmp_path: Path, compiled: Compiled) -> None:
    bundles = Bundles(tmp_path)
    assert bundles.payload() is None
    bundles.write(compiled, 3)
    assert bundles.payload() == compiled.to_bytes(1, 3)

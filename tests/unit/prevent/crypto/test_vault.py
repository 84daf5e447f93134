"""The vault keeps secrets, opens them with its key alone, and survives being cut short."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.core.errors import StockadeError
from stockade.prevent.crypto.sealing import Sealed, WrappingKey, decrypt, encrypt, open_sealed, seal
from stockade.prevent.crypto.vault import Vault, read_content
from stockade.store.files import write_whole

KEY = WrappingKey("00000001", bytes(range(32)))


def refused(code: str) -> "pytest.RaisesExc[StockadeError]":
    return pytest.RaisesExc(StockadeError, check=lambda error: error.code == code)


def test_a_secret_is_kept_and_never_in_clear(tmp_path: Path) -> None:
    vault = Vault(tmp_path, {})
    vault.set("shop-token", "s3cr3t-välue", 5)
    assert vault.get("shop-token") == "s3cr3t-välue"
    assert [(entry.name, entry.changed_at) for entry in vault.entries()] == [("shop-token", 5)]
    assert b"s3cr3t" not in vault.file.read_bytes()
    assert vault.file.stat().st_mode & 0o777 == 0o600
    assert vault.key_file.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_is_removed_is_gone(tmp_path: Path) -> None:
    vault = Vault(tmp_path, {})
    vault.set("a", "x", 1)
    assert vault.remove("a")
    assert not vault.remove("a")
    with refused("vault.entry"):
        vault.get("a")


def test_rotation_changes_key_and_ciphertexts_and_nothing_else(tmp_path: Path) -> None:
    vault = Vault(tmp_path, {})
    vault.set("a", "one", 1)
    vault.set("b", "two", 2)
    before, key = vault.file.read_text(), vault.key_file.read_text()
    assert vault.rotate() == 2
    assert (vault.get("a"), vault.get("b")) == ("one", "two")
    assert vault.key_file.read_text() != key
    assert len(vault.key_file.read_text().splitlines()) == 1
    old = json.loads(before)["entries"]["a"]["content"]
    assert json.loads(vault.file.read_text())["entries"]["a"]["content"] != old


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_rotation_that_is_cut_short_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    vault = Vault(tmp_path, {})
    vault.set("a", "one", 1)
    writes = 0

    def cut(file: Path, content: bytes, mode: int) -> None:
        nonlocal writes
        if writes == after:
            raise OSError("cut short")
        writes += 1
        write_whole(file, content, mode)

    with monkeypatch.context() as patch:
        patch.setattr("stockade.prevent.crypto.wrapping_keys.write_whole", cut)
        patch.setattr("stockade.prevent.crypto.vault.write_whole", cut)
        with pytest.raises(OSError, match="cut short"):
            vault.rotate()
    assert vault.get("a") == "one"
    vault.rotate()
    assert vault.get("a") == "one"
    assert len(vault.key_file.read_text().splitlines()) == 1


def test_a_key_or_a_passphrase_from_the_environment_needs_no_key_file(tmp_path: Path) -> None:
    for number, key in enumerate(["ab" * 32, "correct horse battery staple"]):
        folder = tmp_path / str(number)
        vault = Vault(folder, {"STOCKADE_VAULT_KEY": key})
        vault.set("a", "one", 1)
        assert not vault.key_file.exists()
        assert Vault(folder, {"STOCKADE_VAULT_KEY": key}).get("a") == "one"
        with refused("vault.key"):
            Vault(folder, {"STOCKADE_VAULT_KEY": "cd" * 32}).get("a")
        with refused("vault.key"):
            Vault(folder, {}).get("a")
        with refused("vault.key"):
            vault.rotate()
        following = {"STOCKADE_VAULT_KEY": key, "STOCKADE_VAULT_KEY_NEXT": "ef" * 32}
        assert Vault(folder, following).rotate() == 1
        assert Vault(folder, {"STOCKADE_VAULT_KEY": "ef" * 32}).get("a") == "one"


def test_a_weak_key_and_an_open_key_file_are_refused(tmp_path: Path) -> None:
    with refused("vault.key"):
        Vault(tmp_path, {"STOCKADE_VAULT_KEY": "short"}).set("a", "x", 1)
    vault = Vault(tmp_path, {})
    vault.set("a", "x", 1)
    vault.key_file.chmod(0o640)
    with refused("vault.key"):
        vault.get("a")
    vault.key_file.chmod(0o600)
    vault.key_file.write_text("rubbish\n")
    with refused("vault.key"):
        vault.get("a")


def test_values_cannot_change_places(tmp_path: Path) -> None:
    vault = Vault(tmp_path, {})
    vault.set("low", "one", 1)
    vault.set("high", "two", 1)
    told = json.loads(vault.file.read_text())
    told["entries"]["low"], told["entries"]["high"] = told["entries"]["high"], told["entries"]["low"]
    vault.file.write_text(json.dumps(told))
    with refused("crypto.sealed"):
        vault.get("low")


def test_odd_names_and_sizes_are_refused(tmp_path: Path) -> None:
    vault = Vault(tmp_path, {})
    for name in ("", ".", "a/b", "a b", "x" * 65, "a\n"):
        with refused("vault.name"):
            vault.set(name, "x", 1)
    for value in ("", "x" * (64 * 1024 + 1)):
        with refused("vault.value"):
            vault.set("a", value, 1)


@given(st.binary(max_size=500), st.text(max_size=20))
def test_what_is_sealed_opens_again(value: bytes, place: str) -> None:
    sealed = seal(value, KEY, place)
    assert open_sealed(Sealed.from_json(json.loads(json.dumps(sealed.to_json()))), KEY, place) == value


@given(st.binary(min_size=1, max_size=100), st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_changed_bit_opens(value: bytes, place: int, change: int) -> None:
    content = bytearray(encrypt(KEY.secret, value, "p"))
    content[place % len(content)] ^= change
    with refused("crypto.sealed"):
        decrypt(KEY.secret, bytes(content), "p")


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.integers() | st.text(), lambda below: st.lists(below) | st.dictionaries(
        st.sampled_from(["format", "salt", "entries", "key", "data_key", "content"]), below)
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_file_is_a_vault_or_refused(data: bytes) -> None:
    try:
        read_content(data, "vault.json")
    except StockadeError:
        return


def test_a_vault_that_nobody_may_read_tells_so(tmp_path: Path) -> None:
    (tmp_path / "vault.json").write_text("{}")
    with refused("vault.file"):
        Vault(tmp_path, {}).entries()
    assert [file.name for file in tmp_path.iterdir()] == ["vault.json"]

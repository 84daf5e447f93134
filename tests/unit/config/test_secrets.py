"""Secrets by reference: each kind is read, bounded, and never shown."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from stockade.config import ConfigError, load
from stockade.config.secrets import SecretReader
from stockade.config.values.secret import Reference, SecretError

from .conftest import Load, Problems


def api(reference: str) -> str:
    return f"apis: {{shop: {{upstream: {{targets: ['http://h'], set_headers: {{authorization: {reference}}}}}}}}}"


def value_of(load_text: Load, reference: str, **environment: str) -> str:
    loaded = load_text(api(reference), environment)
    return str(loaded.config.apis["shop"].upstream.set_headers["authorization"].get_secret_value())


def test_a_variable_a_file_and_a_command_are_read(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert value_of(load_text, "{env: TOKEN}", TOKEN="from-variable") == "from-variable"
    assert value_of(load_text, "{file: token}") == "from-file"
    assert value_of(load_text, "{command: [/bin/cat, token]}") == "from-file"


def test_a_command_is_no_shell_text(load_text: Load) -> None:
    assert value_of(load_text, "{command: [/bin/echo, '$(id); `id` && x']}") == "$(id); `id` && x"


def test_a_command_that_takes_too_long_is_ended_with_what_it_started(load_text: Load, tmp_path: Path) -> None:
    began = time.monotonic()
    script = tmp_path / "slow"
    script.write_text("#!/bin/sh\n(sleep 2; touch survived) &\nsleep 30\n")
    script.chmod(0o700)
    with pytest.raises(ConfigError, match="within 200ms"):
        load_text(api("{command: [./slow], timeout: 200ms}"))
    assert time.monotonic() - began < 5
    time.sleep(2.2)
    assert not (tmp_path / "survived").exists()


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("{command: [/bin/sh, -c, 'echo s3cr3t; exit 3']}", "exit code 3"),
        ("{command: [/bin/cat, /dev/zero]}", "more than 65536 bytes"),
        ("{command: [/bin/true]}", "got nothing"),
        ("{command: [/no/such/program]}", "no such file"),
        ("{command: []}", "a program and its arguments"),
        ("{command: 'cat token'}", "a program and its arguments"),
        ("{command: [/bin/true], timeout: 1h}", "1ms to 1m"),
        ("{env: TOKEN, file: x}", "exactly one of"),
        ("{env: 'A B'}", "environment variable"),
        ("{env: TOKEN, timeout: 1s}", "exactly one of"),
        ("{vault: '../x'}", "entry of the vault"),
        ("{vault: x}", "expected a data folder with a vault"),
        ("[a]", "reference to a secret"),
        ("12345678", "reference to a secret"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line_and_without_the_secret(
    problems: Problems, reference: str, told: str
) -> None:
    (found,) = problems(api(reference))
    assert told in str(found)
    assert found.line == 1
    assert found.setting == "apis.shop.upstream.set_headers.authorization"
    assert "s3cr3t" not in str(found)
    assert "12345678" not in str(found)


def test_an_entry_of_the_vault_is_read_from_the_data_folder_that_the_config_names(tmp_path: Path) -> None:
    asked: list[tuple[Path, str]] = []

    def vault(data: Path, name: str) -> str:
        asked.append((data, name))
        return "from-vault"

    file = tmp_path / "stockade.yaml"
    file.write_text("data: kept\n" + api('"Bearer ${vault:shop}"'))
    loaded = load(file, {}, vault=vault)
    assert loaded.config.apis["shop"].upstream.set_headers["authorization"].get_secret_value() == "Bearer from-vault"
    assert loaded.files == (tmp_path / "kept" / "vault.json",)
    file.write_text("data: kept\n" + api("{vault: shop}"))
    load(file, {}, data=tmp_path / "other", vault=vault)
    assert asked == [(tmp_path / "kept", "shop"), (tmp_path / "other", "shop")]


def test_files_that_were_read_are_named_so_that_they_can_be_watched(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")
    assert load_text(api("{file: token}")).files == (tmp_path / "token",)


KEYS = st.sampled_from(["env", "file", "command", "vault", "timeout"]) | st.text()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda below: st.lists(below) | st.dictionaries(KEYS, below)
)


@given(VALUES)
def test_any_value_is_a_reference_or_refused(value: object) -> None:
    try:
        reference = Reference.parse(value)
    except PydanticCustomError:
        return
    assert reference.words


@given(st.binary(max_size=200))
def test_any_file_is_text_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "f").write_bytes(content)
    try:
        assert SecretReader({}, folder).read(Reference("file", ("f",)))
    except SecretError:
        return

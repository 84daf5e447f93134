"""Secrets come by reference and never show."""

from pathlib import Path

from .conftest import Load, Problems

API = "apis: {shop: {upstream: {targets: ['http://h'], set_headers: {authorization: 'Bearer ${env:TOKEN}'}}}}"


def test_a_variable_is_put_in_and_hidden(load_text: Load) -> None:
    loaded = load_text(API, {"TOKEN": "s3cr3t-value"})
    value = loaded.config.apis["shop"].upstream.set_headers["authorization"]
    assert value.get_secret_value() == "Bearer s3cr3t-value"
    assert "s3cr3t" not in repr(loaded.config)
    assert "s3cr3t" not in loaded.config.model_dump_json()


def test_a_file_is_read_without_its_last_line_end(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    loaded = load_text(API.replace("env:TOKEN", "file:token"))
    assert loaded.config.apis["shop"].upstream.set_headers["authorization"].get_secret_value() == "Bearer from-file"


def test_a_missing_variable_and_a_missing_file_are_both_named(problems: Problems) -> None:
    found = problems(
        "data: ${file:absent}\napis: {shop: {upstream: '${env:UPSTREAM}'}}",
    )
    assert [problem.setting for problem in found] == ["data", "apis.shop.upstream"]
    assert "`UPSTREAM` to be set" in found[1].message


def test_an_unknown_kind_of_reference_is_refused(problems: Problems) -> None:
    (found,) = problems("data: '${colour:x}'\napis: {shop: {upstream: 'http://h'}}")
    assert found.hint is not None
    assert "${env:NAME}" in found.hint


def test_a_doubled_dollar_is_a_dollar(load_text: Load, tmp_path: Path) -> None:
    assert load_text("data: 'a$${b}'\napis: {s: {upstream: 'http://h'}}").config.data == tmp_path / "a${b}"


def test_a_wrong_value_from_a_variable_is_shown_as_its_reference(problems: Problems) -> None:
    (found,) = problems("apis: {s: {upstream: '${env:U}'}}", {"U": "ftp://s3cr3t"})
    assert found.got == "${env:U}"
    assert "s3cr3t" not in str(found)


def test_a_plain_secret_is_not_shown(problems: Problems) -> None:
    (found,) = problems(
        "apis: {s: {upstream: 'http://h', identity: {methods: [{api_key: {header: x, keys: "
        "[{id: a, subject: b, key: 12345678901234567890}]}}]}}}"
    )
    assert "1234" not in str(found)


def test_a_key_by_reference_is_kept_as_its_hash(load_text: Load) -> None:
    text = (
        "apis: {s: {upstream: 'http://h', identity: {methods: [{api_key: {header: x-api-key, keys: "
        "[{id: a, subject: b, key: '${env:KEY}'}]}}]}}}"
    )
    loaded = load_text(text, {"KEY": "a-long-enough-key-00"})
    method = loaded.config.apis["s"].identity.methods[0].api_key
    assert method is not None
    assert len(method.keys[0].digest) == 64

"""A right config loads with its defaults; a wrong one says everything that is wrong, and where."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.config import ConfigError, Loaded, loads, quick
from stockade.model import Severity

from .conftest import Load, Problems

SMALLEST = "apis: {shop: {upstream: 'http://127.0.0.1:9000'}}"


def test_the_smallest_config_has_every_default(load_text: Load, tmp_path: Path) -> None:
    config = load_text(SMALLEST).config
    assert config.gateway.listen[0].address == "127.0.0.1:8080"
    assert config.admin.listen == "127.0.0.1:9440"
    assert config.data == tmp_path / "stockade-data"
    api = config.apis["shop"]
    assert api.mode == "enforce"
    assert api.upstream.targets == ("http://127.0.0.1:9000",)
    assert not api.identity.is_required
    assert api.inspect.large_bodies == "stream"
    assert str(api.upstream.timeouts.connect) == "3s"


def test_several_problems_are_reported_at_once_each_with_its_line(problems: Problems) -> None:
    found = problems(
        "gateway:\n"
        "  timeots: {head: 10s}\n"
        "  limits: {head: 3, headers: 100000}\n"
        "apis:\n"
        "  shop:\n"
        "    upstream: ftp://x\n"
        "    mode: blocking\n"
    )
    assert [(problem.line, problem.setting) for problem in found] == [
        (2, "gateway.timeots"),
        (3, "gateway.limits.head"),
        (3, "gateway.limits.headers"),
        (6, "apis.shop.upstream"),
        (7, "apis.shop.mode"),
    ]
    assert found[0].hint == "did you mean `timeouts`?"
    assert str(found[2]).endswith("expected 4 to 1000, got `100000`")
    assert found[4].message == "expected `enforce` or `monitor`, got `blocking`"


def test_a_setting_in_the_wrong_section_is_sent_home(problems: Problems) -> None:
    (found,) = problems(f"gateway: {{mode: monitor}}\n{SMALLEST}")
    assert found.hint is not None
    assert "`apis.NAME`" in found.hint


@pytest.mark.parametrize(
    ("text", "setting", "message"),
    [
        ("apis: {}", "apis", "expected 1 or more entries"),
        ("version: 2\n" + SMALLEST, "version", "expected 1, got `2`"),
        ("apis: {shop: {}}", "apis.shop.upstream", "expected this setting; it has no default"),
        ("apis: {'a b': {upstream: 'http://h'}}", "apis.a b", "expected a name"),
        ("apis: {a: {upstream: 'http://u:p@h'}}", "apis.a.upstream", "without a user and password"),
        ("apis: {a: {upstream: 'http://h/path'}}", "apis.a.upstream", "without a path"),
        ("apis: {a: {upstream: 'http://h', base_path: v1}}", "apis.a.base_path", "expected a path"),
        ("apis: {a: {upstream: 'http://h', hosts: ['http://x']}}", "apis.a.hosts[0]", "expected a host name"),
        ("apis: {a: {upstream: 'http://h', spec: no.yaml}}", "apis.a.spec", "expected an OpenAPI document"),
        (f"gateway: {{trusted_proxies: [10.0.0.0/40]}}\n{SMALLEST}", "gateway.trusted_proxies[0]", "CIDR"),
        (f"gateway: {{listen: [localhost:1, 127.0.0.1:1]}}\n{SMALLEST}", "gateway.listen[1]", "of its own"),
        (f"gateway: {{listen: nowhere}}\n{SMALLEST}", "gateway.listen", "expected `address:port`"),
        (f"gateway: {{workers: 1.5}}\n{SMALLEST}", "gateway.workers", "expected a whole number, got `1.5`"),
        (f"gateway: {{timeouts: {{head: 10}}}}\n{SMALLEST}", "gateway.timeouts.head", "expected a duration, got `10`"),
        (f"gateway: {{timeouts: {{head: 1ms}}}}\n{SMALLEST}", "gateway.timeouts.head", "duration of 100ms to 10m"),
        (f"gateway: [1]\n{SMALLEST}", "gateway", "expected a mapping of settings, got `a list`"),
        (
            "apis: {a: {upstream: 'http://h', limits: [{name: x, by: [adress], rate: 1/s}]}}",
            "apis.a.limits[0].by[0]",
            "expected one of actor, address",
        ),
        (
            "apis: {a: {upstream: 'http://h', identity: {methods: [{}]}}}",
            "apis.a.identity.methods[0]",
            "exactly one of `jwt`",
        ),
        (
            "apis: {a: {upstream: 'http://h', identity: {required: true}}}",
            "apis.a.identity.required",
            "nobody could be let in",
        ),
        (
            "apis: {a: {upstream: 'http://h', contract: {unknown_operations: refuse}}}",
            "apis.a.contract.unknown_operations",
            "expected a `spec`",
        ),
        (
            "apis: {a: {upstream: 'http://h', limits: "
            "[{name: x, by: [key], rate: 1/s}, {name: x, by: [api], rate: 1/s}]}}",
            "apis.a.limits[1].name",
            "no other entry has",
        ),
        (
            "apis: {a: {upstream: 'http://h'}, b: {upstream: 'http://i'}}",
            "apis.b.hosts",
            "another host or base path than API `a`",
        ),
        (
            "apis: {a: {upstream: 'http://h', inspect: {exceptions: [{reason: r}]}}}",
            "apis.a.inspect.exceptions[0]",
            "expected `operation`, `place` or `detector`",
        ),
        ("- a", "", "expected a mapping of settings"),
        ("", "", "expected a mapping of settings"),
    ],
)
def test_what_is_wrong_is_named(problems: Problems, text: str, setting: str, message: str) -> None:
    found = problems(text)
    assert [problem.setting for problem in found] == [setting]
    assert message in found[0].message


def test_a_wide_open_admin_api_is_a_warning(load_text: Load) -> None:
    (warning,) = load_text("admin: {listen: '0.0.0.0:9440'}\n" + SMALLEST).warnings
    assert warning.severity is Severity.WARNING
    assert warning.setting == "admin.listen"


def test_top_level_keys_for_anchors_are_left_alone(load_text: Load) -> None:
    text = "x-limits: &all [{name: a, by: [actor], rate: 1/s}]\napis: {s: {upstream: 'http://h', limits: *all}}"
    assert load_text(text).config.apis["s"].limits[0].name == "a"


def test_quick_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        quick("localhost", tmp_path, listen="8080")
    assert {problem.setting for problem in caught.value.problems} == {"--upstream", "--listen"}


def test_quick_has_one_api_with_the_defaults(tmp_path: Path) -> None:
    config = quick("http://localhost:9000", tmp_path, mode="monitor", admin="127.0.0.1:9441", data=Path("d")).config
    assert config.admin.listen == "127.0.0.1:9441"
    assert config.apis["default"].mode == "monitor"
    assert config.data == tmp_path / "d"


def test_settings_cannot_be_changed(load_text: Load) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_text(SMALLEST).config.gateway.name = "other"


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["apis", "gateway", "version", "shop", "upstream", "limits", "identity", "listen", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_data_makes_it_fail_in_another_way(value: object) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(loads(json.dumps(value), {}, Path("/nonexistent")), Loaded)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abis:{}[]-,'\"&*!|>#%@\n \t\\0x~", max_size=80))
def test_no_text_makes_it_fail_in_another_way(text: str) -> None:
    with pytest.raises(ConfigError):
        loads(text, {}, Path("/nonexistent"))

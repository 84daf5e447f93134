"""Durations, sizes, rates and addresses read what they write, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from stockade.config.values import Duration, Rate, Size
from stockade.config.values.address import split_address


@given(st.integers(0, 10**12 - 1))
def test_a_duration_reads_what_it_writes(ms: int) -> None:
    assert Duration.parse(str(Duration(ms))) == Duration(ms)


@given(st.integers(0, 10**14))
def test_a_size_reads_what_it_writes(count: int) -> None:
    assert Size.parse(str(Size(count))) == Size(count)


@given(st.integers(1, 10**6), st.integers(1, 30 * 86_400_000))
def test_a_rate_reads_what_it_writes(requests: int, period_ms: int) -> None:
    rate = Rate(requests, Duration(period_ms))
    assert Rate.parse(str(rate)) == rate


@pytest.mark.parametrize(
    ("text", "ms"), [("250ms", 250), ("10s", 10_000), ("1m30s", 90_000), ("2h", 7_200_000), ("1d", 86_400_000), (0, 0)]
)
def test_durations(text: object, ms: int) -> None:
    assert Duration.parse(text).ms == ms


@pytest.mark.parametrize(
    ("text", "count"), [("512B", 512), ("8KiB", 8192), ("8kib", 8192), ("1KB", 1000), ("10 MiB", 10 * 2**20), (0, 0)]
)
def test_sizes(text: object, count: int) -> None:
    assert Size.parse(text).bytes == count


@pytest.mark.parametrize(
    ("text", "requests", "period_ms"), [("100/s", 100, 1000), ("10/m", 10, 60_000), ("3/30s", 3, 30_000)]
)
def test_rates(text: str, requests: int, period_ms: int) -> None:
    rate = Rate.parse(text)
    assert (rate.amount, rate.period.ms) == (requests, period_ms)


@pytest.mark.parametrize(
    "text", ["", "10", 10, True, None, "10 s x", "-1s", "1.5s", "s", "\u0661s", "9" * 40 + "s", [], {}]
)
def test_no_other_duration(text: object) -> None:
    with pytest.raises(PydanticCustomError, match="expected a duration"):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["", "10", 10, False, None, "1XB", "-1KiB", "1.5MiB", "MiB", []])
def test_no_other_size(text: object) -> None:
    with pytest.raises(PydanticCustomError, match="expected a size"):
        Size.parse(text)


@pytest.mark.parametrize("text", ["", "10", 10, None, "0/s", "10/", "10/0s", "10/y", "1/31d", "a/s"])
def test_no_other_rate(text: object) -> None:
    with pytest.raises(PydanticCustomError, match="expected a rate"):
        Rate.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in (Duration, Size, Rate):
        try:
            kind.parse(text)
        except PydanticCustomError:
            continue


def test_addresses_are_split() -> None:
    assert split_address("127.0.0.1:80") == ("127.0.0.1", 80)
    assert split_address("[::1]:8080") == ("::1", 8080)
    for text in ("::1:80", "host:80", "127.0.0.1", "127.0.0.1:x", "[127.0.0.1]:1", "127.0.0.1:70000"):
        with pytest.raises(ValueError):  # noqa: PT011  # the messages are for programmers
            split_address(text)

from __future__ import annotations

import pytest

from stockade.app.duration import moment_of, seconds_of
from stockade.core.errors import StockadeError

NOW = 1_700_000_000_000_000


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("7d", 604800), (" 1s ", 1)])
def test_durations(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "1.5h", "10m extra", "٣m", "9999999999s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(StockadeError):
        seconds_of(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("10m", NOW - 600_000_000),
        ("1699999999000000", 1_699_999_999_000_000),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("2023-11-14", 1_699_920_000_000_000),
    ],
)
def test_moments(text: str, moment: int) -> None:
    assert moment_of(text, NOW) == moment


def test_what_is_no_moment() -> None:
    with pytest.raises(StockadeError):
        moment_of("yesterday", NOW)

import pytest

from stockade.core import Engine, StockadeError


def test_what_is_not_a_plan_is_refused_with_a_code() -> None:
    with pytest.raises(StockadeError) as raised:
        Engine(b"{}")
    assert raised.value.code == "plan.json"

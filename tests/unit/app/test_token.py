from __future__ import annotations

from pathlib import Path

import pytest

from stockade.app.token import read, read_or_create
from stockade.core.errors import StockadeError


def test_a_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "admin.token"
    token = read_or_create(file)
    assert len(token) >= 40
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_or_create(file) == token
    assert read(file) == token


def test_a_token_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "admin.token"
    read_or_create(file)
    file.chmod(0o644)
    with pytest.raises(StockadeError, match="0644"):
        read(file)


@pytest.mark.parametrize("content", [None, ""])
def test_no_token_is_told(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "admin.token"
    if content is not None:
        file.write_text(content)
        file.chmod(0o600)
    with pytest.raises(StockadeError) as caught:
        read(file)
    assert caught.value.hint

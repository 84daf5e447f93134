from __future__ import annotations

from pathlib import Path

import pytest

from stockade.core.errors import StockadeError
from stockade.store.folder import DataFolder, read_json, write_json, write_whole


def test_one_supervisor_at_a_time(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with folder.locked():
        with pytest.raises(StockadeError, match=r"data\.locked") as caught, DataFolder(tmp_path).locked():
            pass
        assert "another `stockade run`" in caught.value.message
    with folder.locked():
        pass


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StockadeError) as caught:
        DataFolder(tmp_path / ("d" * 120)).create()
    assert caught.value.code == "data.path_too_long"


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.create()
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StockadeError) as caught:
        DataFolder(tmp_path / "data").create()
    assert caught.value.code == "data.unusable"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_json(file, {"pid": 1})
    write_json(file, {"pid": 2})
    assert read_json(file) == {"pid": 2}
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_no_object_reads_as_nothing(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    assert read_json(file) is None
    write_whole(file, b"[1]")
    assert read_json(file) is None
    write_whole(file, b"{")
    assert read_json(file) is None

"""Commands that are printed for people to paste."""

import sys
from pathlib import Path

import pytest

from stockade.cli import output


def test_the_program_is_named_so_that_the_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "my bin" / "stockade"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.setenv("PATH", "/nowhere")
    assert output.program() == f"'{program}'"
    monkeypatch.setenv("PATH", str(program.parent))
    assert output.program() == "stockade"
    program.unlink()
    assert output.program() == "stockade"

"""Runs `penstock` in this process, in an empty directory and with an empty environment."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from penstock.cli.main import main


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Penstock: TypeAlias = Callable[..., Ended]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PENSTOCK_")]:
        monkeypatch.delenv(name)
    # Messages are compared, and must not be broken at the width of somebody's terminal.
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def penstock(capsys: pytest.CaptureFixture[str]) -> Penstock:
    def run(*arguments: str) -> Ended:
        code = main(arguments)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run

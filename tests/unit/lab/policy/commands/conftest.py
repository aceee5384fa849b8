"""The command line in this process, and a grid that is small enough to train on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from circadia import cli
from circadia_lab.policy.oracle import grids

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_lab.policy.oracle.spec import GridSpec


@dataclass(frozen=True)
class Ended:
    """A command that is over."""

    code: int
    out: str
    err: str


@pytest.fixture
def circadia(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    def run(*words: object) -> Ended:
        capsys.readouterr()
        code = cli.main([str(word) for word in words])
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(circadia: Callable[..., Ended], tmp_path: Path) -> Callable[..., str]:
    """Exit code 2, nothing on standard output, one line on standard error, which it returns, and no new file."""

    def run(*words: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        ended = circadia(*words)
        assert ended.code == 2
        assert ended.out == ""
        assert ended.err.startswith("circadia: error: ")
        assert ended.err.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before
        return ended.err.removeprefix("circadia: error: ").rstrip("\n")

    return run


@pytest.fixture
def coarse_grid(coarse_phone: GridSpec, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small grid's name on the command line."""
    monkeypatch.setitem(grids.GRIDS, coarse_phone.name, lambda: coarse_phone)
    return coarse_phone.name

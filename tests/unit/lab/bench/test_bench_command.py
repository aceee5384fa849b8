from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from circadia.errors import ConfigError, PlatformUnavailable
from circadia_lab.bench import __main__ as bench
from circadia_lab.bench.footprint import read_usage

if TYPE_CHECKING:
    from collections.abc import Callable


class Trial:
    def measure(self) -> dict[str, bench.Figure]:
        return {"speed_per_s": 1234.5678, "count": 3, "source": "trial"}


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> None:
    load: Callable[[str], bench.Benchmark] = lambda _: Trial()  # noqa: E731
    monkeypatch.setattr(bench, "load", load)


def test_every_benchmark_can_be_imported_and_measures() -> None:
    assert {"footprint", "morl", "policy-training"} <= set(bench.names())
    assert all(callable(bench.load(name).measure) for name in bench.names())


def test_unknown_name_lists_the_ones_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="footprint"):
        bench.load("fotprint")
    assert bench.main(["fotprint"]) == 2
    assert "fotprint" in capsys.readouterr().err


def test_no_name_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main([]) == 0
    assert capsys.readouterr().out.split() == bench.names()


@pytest.mark.usefixtures("trial")
def test_json_is_one_flat_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["trial", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == Trial().measure()


@pytest.mark.usefixtures("trial")
def test_table_has_a_line_for_each_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["trial"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["speed_per_s", "1235"], ["count", "3"], ["source", "trial"]]


def test_usage_of_this_process_is_plausible() -> None:
    usage = read_usage(Path("/proc/self"))
    assert 1e6 < usage.rss_bytes < 1e11
    assert usage.threads >= 1
    assert usage.cpu_s > 0


def test_usage_without_a_figure_names_it(tmp_path: Path) -> None:
    (tmp_path / "task" / "1").mkdir(parents=True)
    (tmp_path / "io").write_text("rchar: 1\n")
    (tmp_path / "stat").write_text("1 (a b) S " + " ".join("0" * 20))
    (tmp_path / "smaps_rollup").write_text("Rss: 10 kB\n")
    (tmp_path / "task" / "1" / "status").write_text("voluntary_ctxt_switches:\t7\n")
    with pytest.raises(PlatformUnavailable, match="write_bytes"):
        read_usage(tmp_path)

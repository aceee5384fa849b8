"""The page with the plot: whole, honest about its source, and only its own script may run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.cli import main
from circadia_lab.meter.page import Mark, Note, Plot, trace, write_page
from circadia_lab.meter.recording_page import write_recording_page
from circadia_lab.meter.trace import Curve
from circadia_meter.recording import Recorder

if TYPE_CHECKING:
    from pathlib import Path

CURVE = Curve(
    width_s=0.5,
    start_s=np.array([0.0, 0.5, 4.0]),
    mean_w=np.array([0.123456, 0.5, 0.25]),
    least_w=np.array([0.1, 0.4, 0.2]),
    most_w=np.array([0.2, 0.6, 0.3]),
)
MARK = Mark(
    t_s=0.0, end_s=4.5, busy_s=0.5, mode="serve", letter="S", what="<serve>", joules="1.000 J", detail=", simulated"
)  # fmt: skip
PLOT = Plot(
    curve=CURVE, source="simulated", axis="seconds", marks=[MARK], notes=[Note(t_s=0.7, what="</script>")]
)


def page(path: Path, plot: Plot = PLOT) -> str:
    write_page(
        plot,
        path,
        remark="",
        title="T",
        question="",
        lead="",
        notes=[],
        facts=[],
        tiles=[],
        parts=[],
        summary={"x": 1.0},
    )
    return path.read_text(encoding="utf-8")


def traced(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="trace">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def test_a_page_holds_what_is_drawn(tmp_path: Path) -> None:
    found = traced(page(tmp_path / "a.html"))
    assert found == json.loads(json.dumps(trace(PLOT)))
    assert found["mean"] == [0.12346, 0.5, 0.25]
    assert found["holes"] == [[1.0, 4.0]]
    assert found["marks"][0]["what"] == "<serve>"
    assert found["notes"] == [{"t_s": 0.7, "what": "</script>"}]
    assert found["source"] == "simulated"


def test_only_the_pages_own_script_may_run(tmp_path: Path) -> None:
    text = page(tmp_path / "a.html")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'" in text
    )
    assert not re.findall(r'(?:src|href)="(?!#)', text)


def recording(path: Path, rows: list[tuple[float, float]], **about: object) -> Path:
    """(t_s, mean) of seconds."""
    recorder = Recorder(path, about)
    recorder._db.executemany(
        "INSERT INTO seconds (t_s, samples, mean_w, least_w, most_w) VALUES (?, 1000, ?, ?, ?)",
        [(t_s, mean_w, mean_w - 0.5, mean_w + 0.5) for t_s, mean_w in rows],
    )
    recorder.note(1002.5, "the load was changed")
    recorder._db.close()
    return path


ROWS = [(1001.0, 2.0), (1002.0, 2.0), (1003.0, 4.0), (1007.0, 4.0)]


@pytest.mark.parametrize(("simulated", "source"), [(True, "simulated"), (False, "measured")])
def test_a_recording_says_what_it_is(tmp_path: Path, simulated: bool, source: str) -> None:
    path = recording(tmp_path / "a.cimr", ROWS, simulated=simulated, rate_hz=1000.0)
    found = write_recording_page(path, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert found["source"] == source
    assert f"<h1>a.cimr, {source}</h1>" in text
    assert f'<span class="stamp {source}">{source}</span>' in text
    assert traced(text)["source"] == source
    assert ("nothing here is measured on hardware" in text) is simulated


def test_a_recordings_seconds_and_notes_are_drawn(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.cimr", ROWS)
    found = write_recording_page(path, tmp_path / "a.html")
    drawn = traced((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert drawn["start"] == [0.0, 1.0, 2.0, 6.0]
    assert drawn["mean"] == [2.0, 2.0, 4.0, 4.0]
    assert drawn["least"] == [1.5, 1.5, 3.5, 3.5]
    assert drawn["notes"] == [{"t_s": 2.5, "what": "the load was changed"}]
    assert drawn["holes"] == [[3.0, 6.0]]
    assert found["energy_j"] == pytest.approx(12.0)
    assert found["without_samples_s"] == pytest.approx(3.0)
    assert (found["least_w"], found["most_w"], found["mean_w"]) == (1.5, 4.5, 3.0)


def test_plots_of_nothing_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = recording(tmp_path / "empty.cimr", [])
    target = tmp_path / "a.html"
    cases = [
        (["meter", "plot", str(empty), "--html", str(target)], "empty.cimr: holds no second of samples"),
        (["meter", "plot", str(tmp_path / "b"), "--html", str(target)], "there is no such recording"),
        (
            ["meter", "plot", str(empty), "--html", str(tmp_path / "no" / "a")],
            "--html .*: its folder does not exist",
        ),
    ]
    for words, message in cases:
        assert main(words) == 2
        assert re.search(message, capsys.readouterr().err)
    assert not target.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seconds", "1"], "--seconds is 1; it must be 3 or more"),
        (["--seconds", "5", "--unplug"], "--seconds is 5; it must be 10 or more with --unplug"),
        (["--seconds", "nan"], "--seconds is nan"),
        (["--speed", "0.5"], "--speed is 0.5; it must lie between 1 and 100"),
        (["--seed", "-1"], "--seed is -1"),
        (["--policy", "nonsense"], "agent.policy 'nonsense'"),
        (["--json", "/nowhere/a.json"], "--json /nowhere/a.json: its folder does not exist"),
    ],
)
def test_the_demonstration_names_what_is_wrong_before_it_starts(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["meter", "demo", *words]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""

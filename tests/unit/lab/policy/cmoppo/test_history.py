"""Points of a learning curve, and how progress is shown."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from circadia_lab.policy.cmoppo.history import Point, Progress, point, utilities
from circadia_lab.policy.cmoppo.progress import LINE_S, ProgressView
from circadia_lab.policy.env.preferences import ANCHORS

PROGRESS = Progress(
    updates=5,
    steps=500_000,
    of=1_000_000,
    seconds=2.0,
    steps_per_s=250_000.0,
    utility=0.5,
    worst_violation=0.25,
    feasible_share=0.5,
    hypervolume=3.0,
)


def gains() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    returns = np.tile([3.0, 2.0, 1.0], (len(ANCHORS), 1))
    costs = np.tile([0.5, 1.0, 0.2], (len(ANCHORS), 1))
    costs[0, 2] = 1.5
    return np.concatenate([returns, costs], 1)


def test_a_point_s_figures_follow_from_its_averages() -> None:
    found = point(gains(), np.zeros(3), steps=10, judged=True, stage=1)
    assert found.utility == pytest.approx(ANCHORS @ np.array([3.0, 2.0, 1.0]))
    assert found.worst == 1.5
    assert found.feasible_share == pytest.approx(20 / 21)
    assert found.hypervolume == pytest.approx(6.0)
    assert utilities(np.eye(3)[np.zeros(21, int)]) == pytest.approx(ANCHORS[:, 0])


def test_a_point_survives_json() -> None:
    found = point(gains(), np.zeros(3), steps=10, judged=False, stage=2, entropy=0.5, explained=[1.0] * 6)
    assert Point(**json.loads(json.dumps(found.as_dict()))) == found


def test_without_a_terminal_there_is_a_line_now_and_then_and_one_at_the_end() -> None:
    out, time_s = io.StringIO(), [0.0]
    with ProgressView(Console(file=out, width=200), "learning", now_s=lambda: time_s[0]) as view:
        for i in range(1, 11):
            time_s[0] = i * LINE_S / 4
            view(replace(PROGRESS, steps=i * 100_000))
    lines = out.getvalue().splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["learning", share] for share in ("10%", "50%", "90%", "100%")
    ]
    assert "worst cost 1.25 × limit" in lines[0]
    assert "250 k/s" in lines[0]


def test_in_a_terminal_it_is_one_bar() -> None:
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True)
    with ProgressView(console, "learning") as view:
        view(PROGRESS)
        view(replace(PROGRESS, steps=1_000_000))
    assert "learning" in out.getvalue()
    assert "100 %" in out.getvalue()

"""The plot in a terminal."""

from __future__ import annotations

import numpy as np
import pytest

from circadia.types import EnergyReading, Source
from circadia_lab.meter.chart import LABEL, STYLES, UNKNOWN, chart, column_styles, column_watts
from circadia_lab.meter.decision import Decision
from circadia_lab.meter.trace import Curve

READING = EnergyReading(energy_j=4.2, duration_s=10.0, source=Source.SIMULATED)


def curve(start_s: list[float], mean_w: list[float]) -> Curve:
    watts = np.array(mean_w)
    return Curve(width_s=1.0, start_s=np.array(start_s), mean_w=watts, least_w=watts, most_w=watts)


def decision(t_s: float, end_s: float, action: str, reading: EnergyReading | None = None) -> Decision:
    return Decision(
        made_s=t_s, t_s=t_s, end_s=end_s, busy_s=1.0, action=action, served=0, steps=0, queue=0, fresh=0,
        reading=reading,
    )  # fmt: skip


def test_columns_hold_the_means_of_their_bins() -> None:
    found = column_watts(curve([-1, 0, 1, 2, 3, 9], [9, 1, 3, 5, 7, 2]), 0.0, 10.0, 5)
    assert found == pytest.approx([2.0, 6.0, np.nan, np.nan, 2.0], nan_ok=True)


def test_columns_have_the_colour_of_the_decision_that_owns_them() -> None:
    decisions = [decision(0, 5, "sleep"), decision(5, 8, "train/low/small")]
    assert column_styles(decisions, 0.0, 10.0, 5) == [
        STYLES["sleep"], STYLES["sleep"], STYLES["train"], STYLES["train"], UNKNOWN,
    ]  # fmt: skip


def test_a_chart_has_bars_letters_and_joules() -> None:
    seconds = np.arange(40.0)
    watts = np.where(seconds < 20, 0.0, 1.0)
    decisions = [decision(0, 20, "sleep", READING), decision(20, 40, "serve/high/small")]
    rows = chart(curve(seconds.tolist(), watts.tolist()), decisions, 0, 40, width=LABEL + 40, height=4)
    texts = [row.plain for row in rows]
    assert len(rows) == 6
    assert {len(text) for text in texts} == {LABEL + 40}
    assert texts[0].startswith(" 1.00 W ")
    assert texts[2].startswith(" 0.50 W ")
    assert texts[0][LABEL:] == " " * 20 + "█" * 20
    assert texts[3][LABEL:] == "▁" * 20 + "█" * 20
    assert texts[4][LABEL:].startswith("z 4.20 J ")
    assert texts[4][LABEL + 20 :].rstrip() == "S"
    assert texts[5].split() == ["−40", "s", "now"]


def test_a_chart_without_samples_shows_dots() -> None:
    rows = chart(curve([], []), [], -30, 0, width=60, height=4)
    assert rows[3].plain[LABEL:] == "·" * (60 - LABEL)

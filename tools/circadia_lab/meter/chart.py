"""Watts over time as rows of block characters, one style a column, with a row for decisions below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.meter.decision import Decision
    from circadia_lab.meter.trace import Curve

EIGHTHS = " ▁▂▃▄▅▆▇█"
STYLES = {"train": "magenta", "serve": "green", "sleep": "blue"}
UNKNOWN = "bright_black"
LABEL = 8
"""Columns of the axis."""
NICE = (1, 1.5, 2, 3, 4, 5, 8, 10)


def chart(
    curve: Curve, decisions: Sequence[Decision], since_s: float, until_s: float, *, width: int, height: int
) -> list[Text]:
    """`height` rows of watts, one of letters, one of times; `width` columns in all, at least 20."""
    columns = max(width - LABEL, 12)
    watts = column_watts(curve, since_s, until_s, columns)
    top_w = _nice(float(np.nanmax(watts, initial=0.01)))
    styles = column_styles(decisions, since_s, until_s, columns)
    rows = [_row(watts / top_w * height, styles, height - 1 - place) for place in range(height)]
    for place, row in enumerate(rows):
        shown = place in {0, height // 2}
        label = f"{top_w * (height - place) / height:.2f} W" if shown else ""
        rows[place] = Text(f"{label:>{LABEL - 1}} ", "bright_black") + row
    return [*rows, _letters(decisions, since_s, until_s, columns), _times(since_s, until_s, columns)]


def column_watts(curve: Curve, since_s: float, until_s: float, columns: int) -> NDArray[np.float64]:
    """(columns,) means of the bins that begin in each column's time; NaN where there is none."""
    place = np.floor((curve.start_s - since_s) / (until_s - since_s) * columns).astype(int)
    inside = (place >= 0) & (place < columns)
    count = np.bincount(place[inside], minlength=columns)
    total = np.bincount(place[inside], curve.mean_w[inside], minlength=columns)
    return np.divide(total, count, out=np.full(columns, np.nan), where=count > 0)


def column_styles(decisions: Sequence[Decision], since_s: float, until_s: float, columns: int) -> list[str]:
    """By the decision that owns each column's middle."""
    times = since_s + (np.arange(columns) + 0.5) * (until_s - since_s) / columns
    styles = [UNKNOWN] * columns
    for one in decisions:
        for place in np.flatnonzero((times >= one.t_s) & (times < one.end_s)):
            styles[place] = STYLES[one.mode]
    return styles


def _nice(most_w: float) -> float:
    scale = 10.0 ** np.floor(np.log10(most_w))
    return float(scale * next(step for step in NICE if step * scale >= most_w * 0.999))


def _row(levels: NDArray[np.float64], styles: Sequence[str], floor: int) -> Text:
    row = Text()
    for level, style in zip(levels, styles, strict=True):
        if np.isnan(level):
            row.append("·" if floor == 0 else " ", UNKNOWN)
            continue
        eighths = min(max(round((level - floor) * 8), 1 if floor == 0 else 0), 8)
        row.append(EIGHTHS[eighths], style)
    return row


def _letters(decisions: Sequence[Decision], since_s: float, until_s: float, columns: int) -> Text:
    """A letter where a decision was made; its joules beside it where there is room."""
    cells: list[tuple[str, str]] = [(" ", "")] * columns
    starts = [int((one.t_s - since_s) / (until_s - since_s) * columns) for one in decisions]
    for place, (one, start) in enumerate(zip(decisions, starts, strict=True)):
        room = (starts[place + 1] if place + 1 < len(starts) else columns) - start
        text = one.letter
        if one.reading is not None:
            text = next((t for t in _labels(one.letter, one.reading.energy_j) if len(t) < room), text)
        for offset, letter in enumerate(text):
            if 0 <= start + offset < columns:
                cells[start + offset] = (
                    letter,
                    f"bold {STYLES[one.mode]}" if offset == 0 else STYLES[one.mode],
                )
    row = Text(" " * LABEL)
    for letter, style in cells:
        row.append(letter, style)
    return row


def _labels(letter: str, energy_j: float) -> tuple[str, str, str]:
    return f"{letter} {energy_j:.2f} J", f"{letter}{energy_j:.2f}J", f"{letter}{energy_j:.1f}"


def _times(since_s: float, until_s: float, columns: int) -> Text:
    left, right = f"−{until_s - since_s:.0f} s", "now"
    return Text(" " * LABEL + left + right.rjust(columns - len(left)), "bright_black")

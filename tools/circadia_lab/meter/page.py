"""A plot of watts that can be zoomed, panned and read, on a page of its own that needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia_lab.page.page import embedded, rendered, script_hash, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia_lab.meter.trace import Curve

COLOURS = {"train": "#a887cf", "serve": "#12a07a", "sleep": "#8b96a5"}
SCRIPT = Path(__file__).with_name("plot.js")
HOLE = 2.5
"""Bins between two beginnings; more is a hole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A stretch of time that a decision owns, in the curve's seconds."""

    t_s: float
    end_s: float
    busy_s: float
    mode: str
    """`train`, `serve` or `sleep`."""
    letter: str
    what: str
    joules: str
    """With what they are, for example `0.41 J`; `…` while they are not known."""
    detail: str
    """What else the pointer shows of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A remark at a moment, in the curve's seconds."""

    t_s: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What is drawn."""

    curve: Curve
    source: str
    """`simulated` or `measured`; it stands at the axis, at every value and above the plot."""
    axis: str
    """Whose seconds these are."""
    marks: Sequence[Mark] = ()
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The section of the plot."""

    name: str
    title: str
    caption: str


def trace(plot: Plot) -> dict[str, Any]:
    """What the page's script draws: watts in steps of 0.1 mW."""
    curve = plot.curve
    return {
        "source": plot.source,
        "axis": plot.axis,
        "width_s": curve.width_s,
        "hole_s": HOLE * curve.width_s,
        "start": np.round(curve.start_s, 4).tolist(),
        "mean": np.round(curve.mean_w, 5).tolist(),
        "least": np.round(curve.least_w, 4).tolist(),
        "most": np.round(curve.most_w, 4).tolist(),
        "holes": holes(curve),
        "marks": [{name: getattr(mark, name) for name in Mark.__slots__} for mark in plot.marks],
        "notes": [{"t_s": note.t_s, "what": note.what} for note in plot.notes],
    }


def holes(curve: Curve) -> list[tuple[float, float]]:
    """(from, to) without samples."""
    steps = np.diff(curve.start_s)
    return [
        (float(curve.start_s[place] + curve.width_s), float(curve.start_s[place + 1]))
        for place in np.flatnonzero(steps > HOLE * curve.width_s)
    ]


def write_page(plot: Plot, path: Path, *, remark: str, **values: Any) -> None:
    """`values`: title, question, lead, notes, facts, tiles, parts and summary, as `page/base.html` takes them."""
    script = SCRIPT.read_text(encoding="utf-8")
    page = rendered(
        "meter/page.html",
        script=script,
        script_hash=script_hash(script),
        trace=embedded(trace(plot)),
        colours=COLOURS,
        keys=[mode for mode in COLOURS if any(mark.mode == mode for mark in plot.marks)],
        source=plot.source,
        remark=remark,
        **values,
    )
    write(page, path)

"""A recording as a page: its summaries of every second, with the notes in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import MeterError
from circadia_lab.meter.page import Note, Part, Plot, holes, write_page
from circadia_lab.meter.trace import Curve
from circadia_lab.meter.words import joules
from circadia_lab.page.tile import Tile
from circadia_meter.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SECOND_S = 1.0


def write_recording_page(recording_path: Path, target: Path) -> dict[str, Any]:
    """→ the summary on the page. `MeterError` for a file that is no recording, or has no second in it."""
    with Recording(recording_path) as recording:
        rows, notes, about = recording.seconds(), recording.notes(), recording.about
    if not len(rows):
        raise MeterError(f"{recording_path}: holds no second of samples; there is nothing to plot")
    curve, start_s = curve_of(rows)
    source = "simulated" if about.get("simulated") else "measured"
    found = summary(rows, curve, source, start_s)
    plot = Plot(
        curve=curve,
        source=source,
        axis="minutes and seconds since the recording began",
        notes=[Note(t_s=t_s - start_s, what=what) for t_s, what in notes],
    )
    write_page(
        plot,
        target,
        title=f"{recording_path.name}, {source}",
        question="What flowed through the meter’s shunt?",
        lead=f"{joules(found['energy_j'])} in {found['seconds']:,} s of samples, {found['mean_w']:.4g} W on average, {source}.",
        notes=_notes(source, found),
        facts=_facts(about, found),
        tiles=_tiles(found, source),
        parts=[_power(source)],
        summary=found,
        remark="Drawn from the recording’s summaries of every second; the samples themselves are in the recording: "
        "circadia meter export.",
    )
    return found


def curve_of(rows: NDArray[np.float64]) -> tuple[Curve, float]:
    """(N, 5) rows of `Recording.seconds` → a curve in seconds since its beginning, and when that was."""
    end_s = rows[:, 0]
    start_s = float(end_s[0]) - SECOND_S
    curve = Curve(
        width_s=SECOND_S,
        start_s=end_s - SECOND_S - start_s,
        mean_w=rows[:, 2],
        least_w=rows[:, 3],
        most_w=rows[:, 4],
    )
    return curve, start_s


def summary(rows: NDArray[np.float64], curve: Curve, source: str, start_s: float) -> dict[str, Any]:
    """Flat; joules are means times one second each, good for a look."""
    samples = rows[:, 1]
    mean_w = float(np.average(curve.mean_w, weights=samples))
    return {
        "source": source,
        "start_s": start_s,
        "seconds": len(rows),
        "samples": int(samples.sum()),
        "mean_w": mean_w,
        "least_w": float(curve.least_w.min()),
        "most_w": float(curve.most_w.max()),
        "energy_j": mean_w * len(rows) * SECOND_S,
        "without_samples_s": sum(end - start for start, end in holes(curve)),
    }


def _power(source: str) -> Part:
    return Part(
        name="power-plot",
        title=f"Watts, {source}",
        caption="Line: mean of each second; shade: its least to its most. Wheel or buttons zoom, dragging pans, a double click "
        "shows all, the pointer reads.",
    )


def _notes(source: str, found: dict[str, Any]) -> list[str]:
    told = []
    if source == "simulated":
        told.append("Simulated: the firmware ran on a simulated board; nothing here is measured on hardware.")
    if found["without_samples_s"]:
        told.append(
            f"For {found['without_samples_s']:.1f} s in it no samples arrived; they are no part of the joules."
        )
    return told


def _facts(about: dict[str, Any], found: dict[str, Any]) -> list[tuple[str, str]]:
    shunt = about.get("shunt_ohm")
    return [
        ("Source", found["source"]),
        ("Began", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found["start_s"]))),
        ("Samples", f"{found['samples']:,}"),
        ("Rate", f"{about['rate_hz']:g} Hz" if "rate_hz" in about else "not said"),
        ("Shunt", f"{shunt:g} Ω" if shunt else "as the meter keeps it"),
        ("Version", str(about.get("circadia", "not said"))),
    ]


def _tiles(found: dict[str, Any], source: str) -> list[Tile]:
    return [
        Tile(title="Joules", value=joules(found["energy_j"]), note=f"{source}, by the summaries of seconds"),
        Tile(title="Mean", value=f"{found['mean_w']:.4g} W", note=source),
        Tile(title="Least", value=f"{found['least_w']:.4g} W", note=f"{source}, one sample"),
        Tile(title="Most", value=f"{found['most_w']:.4g} W", note=f"{source}, one sample"),
    ]

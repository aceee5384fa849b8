"""The demonstration as a page: the plot with its decisions, joules by action, every decision."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from circadia_lab.meter.page import Mark, Part, Plot, write_page
from circadia_lab.meter.words import PENDING, clock, joules, signed, small_joules
from circadia_lab.page.table import Table, cells
from circadia_lab.page.tile import Tile

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_lab.meter.decision import Decision
    from circadia_lab.meter.live_device import LiveDevice

MOST_ROWS = 500
NOTHING_MEASURED = (
    "Nothing here is measured on hardware: the real firmware ran on a simulated microcontroller, and what flowed through its "
    "simulated shunt is what the profile of a phone says."
)
SMALL_SHARE = 1e-6
"""A closure that is less of the sum is rounding."""


def write_demo_page(device: LiveDevice, found: dict[str, Any], path: Path) -> None:
    """`found` as `summary.figures` makes it."""
    decisions = device.ledger.decisions
    plot = Plot(
        curve=device.listener.curve(0.0),
        source="simulated",
        axis=f"minutes and seconds of the device, which lives at {device.speed:g}×",
        marks=[mark(one) for one in decisions],
    )
    write_page(
        plot,
        path,
        title="Power and decisions, simulated",
        question="What does each decision of the agent cost, as the meter’s firmware sees it?",
        lead=_lead(found),
        notes=_notes(found),
        facts=_facts(found),
        tiles=_tiles(found),
        parts=[POWER, _by_action(found), _decisions(decisions)],
        summary=found,
        remark="Simulated: the body, its watts, the shunt, the microcontroller and its clock. Real: the agent, its policy, "
        "training and inference; the firmware’s program, its frames on a pseudo-terminal, and the host’s reader.",
    )


POWER = Part(
    name="power-plot",
    title="Watts at the simulated shunt",
    caption="Line: mean; shade: least to most. Each decision owns the time until the next one: its colour is below, dark for "
    "as long as its work takes. Wheel or buttons zoom, dragging pans, a double click shows all, the pointer reads.",
)


def mark(one: Decision) -> Mark:
    """Of the plot."""
    reading = one.reading
    detail = " (not settled)"
    if reading is not None:
        detail = (
            f" ± {reading.bound_j:.3f}, {reading.energy_j / reading.duration_s:.3f} W, {reading.source.value}"
        )
        detail += f", gap {reading.gap_s:.1f} s" if reading.gap_s else ""
    return Mark(
        t_s=one.t_s,
        end_s=one.end_s,
        busy_s=one.busy_s,
        mode=one.mode,
        letter=one.letter,
        what=f"{one.action}{f', {one.work}' if one.work else ''}",
        joules=joules(reading.energy_j) if reading else PENDING,
        detail=detail,
    )


def _lead(found: dict[str, Any]) -> str:
    return (
        f"{found['settled']} decisions drew {joules(found['energy_j'])} (simulated): training "
        f"{joules(found['energy_j_train'])}, serving {joules(found['energy_j_serve'])}, sleeping "
        f"{joules(found['energy_j_sleep'])}, each with the rest until the next one."
    )


def _notes(found: dict[str, Any]) -> list[str]:
    told = [NOTHING_MEASURED]
    if found["speed"] != 1:
        told.append(
            f"The device lives {found['speed']:g} times as fast as the machine; times are the device’s, and joules are watts "
            "times the device’s seconds."
        )
    if found["gap_s"]:
        told.append(
            f"For {found['gap_s']:.1f} s no samples arrived: the sums of this board, which has power of its own, still hold those "
            "joules, and a wider bound says that it is not known when they flowed. A board that lives on the cable loses them."
        )
    return told


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Source", "simulated"),
        ("Device", f"{found['profile']}, simulated, {found['speed']:g}×"),
        ("Policy", found["policy"]),
        ("Seed", str(found["seed"])),
        ("Real time", f"{found['seconds']:.0f} s"),
        ("Requests, served", f"{found['requests']}, {found['served']}"),
        ("Examples, training steps", f"{found['examples']}, {found['training_steps']}"),
        ("Shunt", f"{found['shunt_ohm']:g} Ω, simulated"),
        ("Meter’s clock", f"{found['clock_ppm']:+.0f} ppm, simulated"),
        ("Connections", str(found["connections"])),
        ("Date", time.strftime("%Y-%m-%d %H:%M")),
        ("Version", found["circadia"]),
    ]


def _tiles(found: dict[str, Any]) -> list[Tile]:
    closure_j, total_j = found["closure_j"], found["energy_j"]
    closed = closure_j is not None and abs(closure_j) <= SMALL_SHARE * max(abs(total_j), 1.0)
    body_j, whole_j = found["body_j"], found["accumulator_j"]
    wrong = None if body_j is None or whole_j is None else whole_j - body_j
    share = signed(100 * wrong / body_j, ".2f", "% of ") if wrong is not None and body_j else ""
    return [
        Tile(
            title="Sum of the decisions",
            value=joules(total_j),
            note=f"simulated; {found['settled']} of {found['ticks']} decisions settled",
        ),
        Tile(
            title="Closure",
            value=small_joules(closure_j),
            note=f"that sum less the meter’s accumulator, {joules(whole_j)}",
            verdict="good" if closed else "bad",
        ),
        Tile(
            title="Meter less body",
            value=small_joules(wrong),
            note=f"{share}the {joules(body_j)} that the simulated body drew",
        ),
        Tile(
            title="Samples lost on the line",
            value=f"{found['lost_samples']:,}",
            note=f"of {found['samples'] + found['lost_samples']:,}; clock bound {found['clock_bound_us']} µs",
            verdict="" if found["lost_samples"] else "good",
        ),
    ]


def _by_action(found: dict[str, Any]) -> Table:
    actions = [key.removeprefix("ticks_") for key in found if key.startswith("ticks_")]
    rows = [
        (
            name,
            f"{found[f'ticks_{name}']:,}",
            joules(found[f"energy_j_{name}"]),
            joules(found[f"energy_j_{name}"] / found[f"ticks_{name}"]),
            f"{found[f'energy_j_{name}'] / found['energy_j']:.1%}" if found["energy_j"] else "–",
        )
        for name in sorted(actions, key=lambda name: -found[f"energy_j_{name}"])
    ]
    return Table(
        name="actions",
        title="Joules by action, simulated",
        caption="Settled decisions only.",
        columns=("action", "decisions", "together", "each", "share"),
        names=(0,),
        rows=[cells(*row) for row in rows],
    )


def _decisions(decisions: list[Decision]) -> Table:
    shown = decisions[-MOST_ROWS:]
    which = (
        "All of them" if len(shown) == len(decisions) else f"The last {len(shown):,} of {len(decisions):,}"
    )
    return Table(
        name="decisions",
        title="Decision by decision, simulated",
        caption=f"{which}; ± is how far clocks and gaps, and sampling of steady loads, can move the joules.",
        columns=(
            "began",
            "action",
            "did",
            "queue",
            "fresh",
            "lasts, s",
            "joules",
            "±, J",
            "mean, W",
            "gap, s",
        ),
        names=(1, 2),
        rows=[cells(*_row(one)) for one in shown],
    )


def _row(one: Decision) -> tuple[str, ...]:
    reading = one.reading
    told: tuple[str, ...] = (PENDING, "", "", "")
    if reading is not None:
        watts = reading.energy_j / reading.duration_s
        gap = f"{reading.gap_s:.1f}" if reading.gap_s else ""
        told = (joules(reading.energy_j), f"{reading.bound_j:.3f}", f"{watts:.3f}", gap)
    lasts = f"{one.end_s - one.t_s:.1f}"
    return (clock(one.t_s), one.action, one.work, f"{one.queue}", f"{one.fresh}", lasts, *told)

"""The tables of a field test's page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from circadia_lab.field.analysis.words import WHOSE
from circadia_lab.page.table import Cell, Table

if TYPE_CHECKING:
    from circadia_lab.field.analysis.analysis import Analysis

ABSENT = "–"


def reasons_table(analysis: Analysis) -> Table:
    """What a gain needs, and whether it holds."""
    rows = [
        [
            Cell(text=one.other),
            Cell(text=WHOSE[what]),
            Cell(text=reason.name),
            Cell(
                text="holds" if reason.holds else "does not hold", verdict="good" if reason.holds else "bad"
            ),
            Cell(text=reason.detail),
        ]
        for one in analysis.versus[1:]
        for what, reasons in one.reasons.items()
        for reason in reasons
    ]
    return Table(
        name="reasons",
        title="What a gain needs",
        caption="It is announced only if all of these hold.",
        columns=("against", "of", "what", "", "found"),
        rows=rows,
        names=(0, 1, 2, 3, 4),
    )


def arms_table(result: dict[str, Any]) -> Table:
    """Mean and interval of every figure, arm by arm, each with its source."""
    arms = result["arms"]
    names = [name for name in next(iter(arms.values())) if name != "periods"]
    rows = []
    for name in names:
        one = next(iter(arms.values()))[name]
        rows.append(
            [Cell(text=name), Cell(text=one["unit"]), Cell(text=one["source"]), *(Cell(text=_interval(arm[name])) for arm in arms.values())]
        )  # fmt: skip
    return Table(
        name="arms",
        title="Arm by arm",
        caption="Means over the periods with 95 % intervals (Student’s t); behind ± one deviation of all of an arm’s watts "
        "together by the meter, most of which is the same in every arm. Hours are the battery’s capacity by the device "
        "profile over the watts without a charger: modelled, even where the watts are measured.",
        columns=("figure", "unit", "source", *arms),
        rows=rows,
        names=(0, 1, 2),
    )


def periods_table(analysis: Analysis) -> Table:
    """Every period in order."""
    rows = [
        [
            Cell(text=str(one.place + 1)),
            Cell(text=one.period.phase),
            Cell(text=one.period.arm),
            Cell(text=str(one.period.pair + 1)),
            Cell(text=_number(one.device_w)),
            Cell(text=_number(one.battery_w)),
            Cell(text=_number(one.rest_w)),
            Cell(text=_number(one.agent_w)),
            Cell(text=_number(one.true_w)),
            Cell(text=f"{one.served} of {one.asked}"),
            Cell(text=str(one.right)),
            Cell(text=_number(one.latency_p95_s)),
            Cell(text=_number(one.data_age_s)),
            Cell(text=_charge(one.soc)),
            Cell(text=_number(one.temperature_c)),
            Cell(text=f"{one.lost_share:.2%}", verdict="bad" if one.lost_share > 0.01 else ""),
        ]
        for one in analysis.periods
    ]
    columns = (
        "", "phase", "arm", "pair", "device W", "battery W", "rest W", "agent W", "true W", "served", "right", "p95 s", "data age s",
        "charge", "°C", "without joules",
    )  # fmt: skip
    return Table(
        name="periods",
        title="Period by period",
        caption="In the order in which they ran. Rest is what the device draws while the agent rests, from the same ticks.",
        columns=columns,
        rows=rows,
        names=(1, 2),
    )


def _interval(one: dict[str, Any]) -> str:
    if one["mean"] is None:
        return ABSENT
    if one["low"] is None:
        return _number(one["mean"])
    meter = f" ± {_number(one['meter_sd'])}" if one.get("meter_sd") is not None else ""
    return f"{_number(one['mean'])}{meter} [{_number(one['low'])}, {_number(one['high'])}]"


def _charge(soc: tuple[float, float]) -> str:
    return f"{soc[0]:.1%} → {soc[1]:.1%}" if all(map(math.isfinite, soc)) else ABSENT


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else ABSENT

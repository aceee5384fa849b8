"""The regimes as one HTML file that needs nothing else."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from circadia_lab.page.page import rendered, write
from circadia_lab.page.plate import Plate
from circadia_lab.page.style import RC
from circadia_lab.page.svg import svg
from circadia_lab.page.table import Table, cells
from circadia_lab.page.tile import Tile
from circadia_lab.policy.regimes import tables
from circadia_lab.policy.regimes.pictures import saved, sensitivities, spent
from circadia_lab.policy.regimes.regime import Sourced
from circadia_lab.policy.regimes.worlds.report import world_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from circadia_lab.policy.regimes.arms import Row
    from circadia_lab.policy.regimes.sensitivity import Line
    from circadia_lab.policy.regimes.worlds.report import Lead

METHOD = (
    (
        "Modelled: no device, radio or meter took part. The numbers of each body and where they are from stand in the last "
        "table; those that are marked as assumed have to be measured. Requests come as a Poisson stream; the limits are at most "
        "2 % of the requests late, and training and exchange longer than three hours ago at most 20 % of the time."
    ),
    (
        "The optimum and the two separate controllers are solved as semi-Markov decision problems in slots of five minutes, "
        "with sleeps of up to four hours: policy iteration under prices, column generation over a small linear programme, and a "
        "bound that no policy goes below. The rule is searched and played exactly in the same chain. Shifted timers are "
        "simulated in free time, with their standard error, and searched with other draws than those they are told with."
    ),
    (
        "A device's joules are the agent's and the base that no decision moves: sleep, the requests' own work, and everything "
        "else on the device."
    ),
)


def write_page(
    rows: Sequence[Row],
    lines: Sequence[Line],
    worlds: Sequence[Lead],
    figures: dict[str, Any],
    path: Path,
) -> None:
    """Write the page, whole or not at all; `figures` as the JSON file has them."""
    parts: list[Plate | Table] = list(_plates(rows, lines))
    parts.insert(1, _arms(rows))
    page = rendered(
        "policy/regimes/page.html",
        title="Circadia: when to wake",
        lead=lead(rows),
        notes=["Everything here is modelled, much of it from assumed joules."],
        facts=[
            ("Kinds of device", str(len(rows))),
            ("Limits", "2 % late, 20 % of the time older than 3 h"),
            ("Widest certified gap", f"{figures['gap_max']:.0e}"),
            ("Wall time", f"{figures['seconds']:.0f} s"),
            ("Machine", figures["machine"]),
            ("Date", figures["date"]),
        ],
        tiles=list(_tiles(figures)),
        parts=[*parts, *_more(rows), *_worlds(worlds), _sources(rows)],
        method=METHOD,
        command="circadia policy oracle --regimes --sensitivity --worlds --html regimes.html",
        summary=figures,
    )
    write(page, path)


def lead(rows: Sequence[Row]) -> str:
    """What came out."""
    waking = [row.saved(row.fixed.joules) for row in rows]
    coupling = [row.saved(row.apart.joules) for row in rows]
    return (
        f"Choosing when to wake saves from {tables.percent(min(waking))} to {tables.percent(max(waking))} of a device's joules "
        f"against a fixed tick of 300 s: much where a wake-up is dear, nothing where it is free or where a user's screen spends "
        f"the rest. Deciding about serving and learning in one wake saves from {tables.percent(min(coupling))} to "
        f"{tables.percent(max(coupling))} against two controllers: much where the radio is dear, nothing on a phone."
    )


BARS = {"coupling_lte_device": 0.28, "coupling_board_device": 0.03, "wake_board_device": 0.65}


def _tiles(figures: dict[str, Any]) -> Iterator[Tile]:
    for key, words in tables.HEAD.items():
        if key in figures:
            bar = BARS.get(key)
            verdict = "" if bar is None else "good" if figures[key] >= bar else "bad"
            note = words if bar is None else f"{words}; the bar is {tables.percent(bar)}"
            yield Tile(title=key, value=tables.percent(figures[key]), note=note, verdict=verdict)


def _plates(rows: Sequence[Row], lines: Sequence[Line]) -> Iterator[Plate]:
    yield _plate(
        "saved",
        "What the device saves",
        "Bars: shares of all the device's joules. The two axes differ.",
        lambda: saved(rows),
    )
    yield _plate(
        "spent",
        "How far each way is from the optimum",
        "Of the agent's own joules; beside each kind of device what its optimum spends a day.",
        lambda: spent(rows),
    )
    if lines:
        yield _plate(
            "sensitivity",
            "One number at a time",
            "Each number from a quarter to four times what the table says, the others as they are: where an assumption decides.",
            lambda: sensitivities(lines),
        )


def _plate(name: str, title: str, caption: str, draw: Callable[[], Figure]) -> Plate:
    with mpl.rc_context(RC):
        return Plate(name=name, title=title, caption=caption, svg=svg(draw(), name, f"{title}. {caption}"))


def _arms(rows: Sequence[Row]) -> Table:
    return Table(
        name="arms",
        title="Joules a day, and hours of battery",
        caption="The agent's joules under the same limits; the device's shares; hours of a full battery with everything on it.",
        columns=(
            "kind of device",
            "optimum",
            "rule “due”",
            "separate, 15 min of slack",
            "separate",
            "tick of 300 s",
            "device saves, separate",
            "device saves, 300 s",
            "battery, optimum",
            "battery, 300 s",
        ),
        rows=[
            cells(
                row.regime.title,
                *tables.cells(row),
                _hours(row, row.joint.joules),
                _hours(row, row.fixed.joules),
            )
            for row in rows
        ],
    )


def _hours(row: Row, joules: float) -> str:
    hours = row.regime.body.capacity_j.value / (joules + row.regime.base_j) * 24
    return f"{hours:,.0f} h"


def _more(rows: Sequence[Row]) -> Iterator[Table]:
    if any(row.ages for row in rows):
        yield Table(
            name="limits",
            title="Under a limit that cannot be gamed",
            caption=(
                "A share of the time is kept as well by learning within three hours for the rest and never in that share; a mean "
                "age of 1.9 hours, which an even timer has that just keeps the share, is not. Joules of the agent a day."
            ),
            columns=(
                "kind of device",
                "optimum, share of time",
                "of it never learns",
                "always in time, or never",
                "optimum, mean age",
                "separate, mean age",
                "tick of 300 s, mean age",
            ),
            rows=[cells(row.regime.title, *_limits(row)) for row in rows],
        )
    if any(len(row.coalesced) > 1 for row in rows):
        slacks = sorted({found.slack_s for row in rows for found in row.coalesced})
        yield Table(
            name="slack",
            title="Two controllers whose timers the system shifts",
            caption="Simulated; joules of the agent a day, their standard error, and what the device saves by deciding together.",
            columns=("kind of device", *(f"{slack_s / 60:g} min" for slack_s in slacks)),
            rows=[cells(row.regime.title, *(_slack(row, slack_s) for slack_s in slacks)) for row in rows],
        )


def _worlds(found: Sequence[Lead]) -> Iterator[Table]:
    if found:
        yield Table(
            name="worlds",
            title="Where a day makes a difference",
            caption=(
                "Costs a day of small worlds with harvest, or with day and night: the certified optimum, and the rule “due” with "
                "settings searched for each time of day and with one setting. How far the optimum is ahead is the most that a "
                "learned policy can be."
            ),
            columns=(
                "world",
                "optimum",
                "rule, by time of day",
                "rule, one setting",
                "separate",
                "optimum ahead",
            ),
            rows=[cells(*line) for line in world_cells(found)],
        )


def _limits(row: Row) -> Iterator[str]:
    yield tables.joules(row.joint.joules)
    yield tables.percent(row.gamed.never) if row.gamed else tables.ABSENT
    yield tables.joules(row.gamed.joules) if row.gamed else tables.ABSENT
    for found in (row.ages.joint, row.ages.apart, row.ages.fixed) if row.ages else ():
        yield tables.joules(found.joules)


def _slack(row: Row, slack_s: float) -> str:
    found = row.with_slack(slack_s)
    if found is None:
        return tables.ABSENT
    share = tables.percent(row.saved(found.joules.value))
    return f"{tables.joules(found.joules.value)} ± {found.joules.error:.1g}: {share}"


def _sources(rows: Sequence[Row]) -> Table:
    bodies = {row.regime.body.name: row.regime.body for row in rows}
    return Table(
        name="sources",
        title="Where each number is from",
        caption="Joules, except asleep (watts); a day's for everything else on the device.",
        columns=("body", "number", "value", "source"),
        rows=[
            cells(body.name, part.name, f"{found.value:g}", found.source)
            for body in bodies.values()
            for part in fields(body)
            if isinstance(found := getattr(body, part.name), Sourced)
        ],
        names=(0, 1, 3),
    )

"""The demonstration in a terminal: the last while of watts, the decisions below, the last ticks and the sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from circadia_lab.meter.chart import STYLES, chart
from circadia_lab.meter.live_device import PROFILE
from circadia_lab.meter.summary import live_figures
from circadia_lab.meter.words import PENDING, clock, joules

if TYPE_CHECKING:
    from typing import Self

    from rich.console import Console, RenderableType

    from circadia_lab.meter.decision import Decision
    from circadia_lab.meter.live_device import LiveDevice

WINDOW_S = 30.0
"""Real seconds of the plot."""
TICKS = 8
FULL_ROWS, TABLES_ROWS = 10, 17
"""Of the plot at most; of everything else."""
LAST_WATTS_S = 0.3
WIDE = 112
"""Columns from which everything is shown of a tick."""
COLUMNS = ("began", "decision", "did", "queue", "fresh", "lasts", "simulated", "±", "mean", "gap")
WIDE_ONLY = {"queue", "fresh", "±", "gap"}


class Screen:
    """A context that is drawn again with each `update`."""

    def __init__(self, console: Console, policy: str) -> None:
        """Of a console that is a terminal."""
        self._console, self._policy = console, policy
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._news = ""

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def settled(self, _decision: Decision) -> None:
        """It is in the table already."""

    def news(self, text: str) -> None:
        """A line of what happened, until the next one."""
        self._news = text

    def update(self, device: LiveDevice) -> None:
        """Draw."""
        self._live.update(self.picture(device), refresh=True)

    def picture(self, device: LiveDevice) -> RenderableType:
        """All of it, within the console's size."""
        width = self._console.width
        rows = min(max(self._console.height - TABLES_ROWS, 4), FULL_ROWS) // 2 * 2
        until_s = device.now_s
        since_s = until_s - WINDOW_S * device.speed
        curve = device.listener.curve(since_s)
        shown = [one for one in device.ledger.decisions[-300:] if one.end_s > since_s and one.t_s < until_s]
        recent = curve.mean_w[curve.start_s > until_s - LAST_WATTS_S * device.speed]
        watts = f"{recent.mean():.3f} W simulated" if len(recent) else "no samples"
        return Group(
            self._header(device, watts),
            *chart(curve, shown, since_s, until_s, width=width, height=rows),
            ticks(device.ledger.decisions[-TICKS:], until_s, wide=width >= WIDE),
            sums(device),
            Text(self._news, "yellow"),
        )

    def _header(self, device: LiveDevice, watts: str) -> Table:
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
        grid.add_column(no_wrap=True, justify="right")
        state = (
            Text(watts, "bold cyan") if device.serial.connected else Text("the meter has gone", "bold red")
        )
        grid.add_row(
            Text("SIMULATED shunt", "bold yellow"),
            Text(f"{PROFILE} at {device.speed:g}× · {self._policy} · {clock(max(device.now_s, 0.0))}"),
            state,
        )
        return grid


def ticks(decisions: list[Decision], now_s: float, *, wide: bool) -> Table:
    """The newest first; one that is not settled has no joules yet."""
    shown = [name for name in COLUMNS if wide or name not in WIDE_ONLY]
    table = Table(box=None, expand=True, pad_edge=False, header_style="bright_black", padding=(0, 1, 0, 0))
    for name in shown:
        left = name in {"decision", "did"}
        table.add_column(
            name, no_wrap=True, justify="left" if left else "right", ratio=1 if name == "decision" else None
        )
    for one in reversed(decisions):
        if one.t_s <= now_s:
            cells = dict(zip(COLUMNS, _cells(one), strict=True))
            table.add_row(*(cells[name] for name in shown))
    return table


def _cells(one: Decision) -> tuple[Text | str, ...]:
    reading = one.reading
    told = (PENDING, "", "", "")
    if reading is not None:
        watts = f"{reading.energy_j / reading.duration_s:.3f} W"
        gap = f"{reading.gap_s:.1f} s" if reading.gap_s else ""
        told = (joules(reading.energy_j), f"{reading.bound_j:.3f}", watts, gap)
    name = Text(one.action, STYLES[one.mode])
    lasts = f"{one.end_s - one.t_s:.1f} s"
    return (clock(one.t_s), name, one.work, f"{one.queue}", f"{one.fresh}", lasts, *told)


def sums(device: LiveDevice) -> Text:
    """Joules by what was done, and how well they are known."""
    ledger, figures = device.ledger, live_figures(device)
    text = Text(f"settled {ledger.settled} of {len(ledger.decisions)}  {joules(ledger.energy_j)} simulated  ")
    for mode, energy_j in ledger.by_mode.items():
        text.append(f"{mode} {joules(energy_j)}  ", STYLES[mode])
    bound_us = figures["clock_bound_us"]
    text.append(
        f"\n{figures['samples']:,} samples, {figures['lost_samples']:,} lost on the line  clock ± "
        f"{bound_us if bound_us is not None else '–'} µs (real)  connections {figures['connections']}",
        "bright_black",
    )
    return text

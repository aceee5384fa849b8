"""The demonstration as it runs: a table of the devices in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from circadia_lab.page.action_name import mode_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console, RenderableType

REDRAW_S = 0.25
"""Wall time between two drawings, at least."""
LINE_S = 5.0
"""Wall time between two lines where there is no terminal."""
WIDE, NARROW = 110, 96
"""Columns from which the profiles are shown; below which batteries lose their bars, and the models' ages go."""
BATTERY_CELLS = 5
MODE_STYLES = {"sleep": "bright_black", "serve": "green", "train": "magenta"}
SYNC_WORDS = {"sync-pull": "↓", "sync-int8": "↑", "push-int8": "↑"}
DASH = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """What the table shows of a device; NaN where it is not known."""

    name: str
    profile: str
    battery_soc: float = math.nan
    """0 to 1."""
    charging: bool = False
    action: str = ""
    """Stable name of the newest one; empty before the first."""
    why: str = ""
    queue: float = math.nan
    """Requests that wait."""
    staleness_s: float = math.nan
    """Age of the installed model's version."""
    versions_behind: float = math.nan
    version: int = 0
    state: str = "running"
    """`running`, `starting`, `down`, or `unreadable` for a store that cannot be read now."""


class LiveTable:
    """A context: `update` it as often as you like."""

    def __init__(
        self, console: Console, title: str, total_s: float, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`total_s`: how much simulated time there is to cover; `now_s`: the wall's clock."""
        self._console = console
        self._title = title
        self._total_s = total_s
        self._now_s = now_s
        self._drawn_s = -math.inf
        self._latest: tuple[Sequence[DeviceRow], float, str] | None = None
        self._shown = True
        self._live: Live | None = None

    def __enter__(self) -> Self:
        console = self._console
        if console.is_terminal and not console.is_dumb_terminal and not console.options.ascii_only:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._shown:
            self._draw()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(self, rows: Sequence[DeviceRow], t_s: float, headline: str) -> None:
        """The state at simulated time `t_s`. Drawn at once, or later if the last drawing is recent."""
        self._latest = (rows, t_s, headline)
        self._shown = False
        if self._now_s() - self._drawn_s >= (LINE_S if self._live is None else REDRAW_S):
            self._draw()

    def _draw(self) -> None:
        assert self._latest is not None
        self._drawn_s, self._shown = self._now_s(), True
        rows, t_s, headline = self._latest
        if self._live is None:
            self._console.print(plain_line(self._title, rows, t_s, self._total_s, headline), soft_wrap=True)
        else:
            self._live.update(self._picture(rows, t_s, headline), refresh=True)

    def _picture(self, rows: Sequence[DeviceRow], t_s: float, headline: str) -> RenderableType:
        return Group(
            _header(self._title, t_s, self._total_s, headline),
            device_table(rows, self._console.width),
        )


def plain_line(title: str, rows: Sequence[DeviceRow], t_s: float, total_s: float, headline: str) -> Text:
    """One line without colours: time, share of the day, devices by what they do, the headline."""
    parts = [f"{title} {clock(t_s, total_s)} {100 * _share(t_s, total_s):3.0f} %", _doing(rows)]
    soc = [row.battery_soc for row in rows if math.isfinite(row.battery_soc)]
    if soc:
        parts.append(f"battery {100 * min(soc):.0f}-{100 * max(soc):.0f} %")
    waiting = [row.queue for row in rows if math.isfinite(row.queue)]
    if waiting:
        parts.append(f"{sum(waiting):.0f} requests wait")
    return Text(" | ".join([*parts, headline]))


def _doing(rows: Sequence[DeviceRow]) -> str:
    modes = [mode_of(row.action) if row.state == "running" and row.action else row.state for row in rows]
    return ", ".join(f"{modes.count(mode)} {mode}" for mode in dict.fromkeys(sorted(modes))) or "no devices"


def clock(t_s: float, total_s: float) -> str:
    """HH:MM of simulated seconds since midnight, within the day."""
    minutes = int(min(max(t_s, 0.0), total_s) // 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _share(t_s: float, total_s: float) -> float:
    return min(max(t_s / total_s, 0.0), 1.0) if total_s > 0 else 1.0


def _header(title: str, t_s: float, total_s: float, headline: str) -> Table:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True, justify="right")
    bar = ProgressBar(total=1.0, completed=_share(t_s, total_s))
    grid.add_row(
        Text(title, "bold"), Text(clock(t_s, total_s), "bold cyan"), bar, Text(headline, "bright_black")
    )
    return grid


def device_table(rows: Sequence[DeviceRow], width: int) -> Table:
    """A row a device; what is shown depends on the terminal's width in columns."""
    table = Table(box=None, expand=True, pad_edge=False, header_style="bright_black", padding=(0, 2, 0, 0))
    for name, style in _columns(width).items():
        if name == "why":
            table.add_column(name, no_wrap=True, ratio=1, overflow="ellipsis", min_width=12)
        else:
            table.add_column(name, no_wrap=True, justify="right" if style == "right" else "left")
    for row in rows:
        cells = _cells(row, bars=width >= NARROW)
        table.add_row(
            *(cells[name] for name in _columns(width)), style="" if row.state == "running" else "dim"
        )
    return table


def _columns(width: int) -> dict[str, str]:
    """Name → side, of the columns that there is room for."""
    sides = {"device": "left", "profile": "left", "battery": "left", "action": "left", "why": "left"}
    sides |= {"queue": "right", "age": "right", "version": "right"}
    hidden = {"profile"} if width < WIDE else set()
    if width < NARROW:
        hidden.add("age")
    return {name: side for name, side in sides.items() if name not in hidden}


def _cells(row: DeviceRow, *, bars: bool) -> dict[str, Text]:
    down = "red" if row.state == "down" else ""
    return {
        "device": Text(row.name, "bold" if row.state == "running" else down),
        "profile": Text(row.profile, "bright_black"),
        "battery": battery(row.battery_soc, charging=row.charging, bar=bars),
        "action": action(row.action) if row.state == "running" else Text(row.state, down),
        "why": Text(row.why),
        "queue": Text(_count(row.queue), "yellow" if row.queue > 0 else "bright_black"),
        "age": Text(age(row.staleness_s)),
        "version": _version(row),
    }


def battery(soc: float, *, charging: bool, bar: bool = True) -> Text:
    """A bar and per cent; red below a fifth, `+` while charging."""
    if not math.isfinite(soc):
        return Text(DASH, "bright_black")
    full = round(min(max(soc, 0.0), 1.0) * BATTERY_CELLS) if bar else 0
    style = "red" if soc < 0.2 else "yellow" if soc < 0.4 else "green"
    text = Text("━" * full, style)
    text.append("━" * (BATTERY_CELLS - full) + " " if bar else "", "bright_black")
    text.append(f"{100 * soc:3.0f} %", "" if bar else style)
    return text.append("+" if charging else " ", "bold green")


def action(name: str) -> Text:
    """The stable name in words: the mode in its colour, then clock and work, an arrow for what goes over the link."""
    if not name:
        return Text(DASH, "bright_black")
    mode, *rest = name.split("/")
    text = Text(mode, MODE_STYLES.get(mode_of(name), ""))
    for part in rest:
        text.append(f" {SYNC_WORDS.get(part, part)}", "cyan" if part in SYNC_WORDS else "")
    return text


def _version(row: DeviceRow) -> Text:
    text = Text(str(row.version))
    if row.versions_behind > 0:
        text.append(f" −{row.versions_behind:.0f}", "yellow")
    return text


def _count(value: float) -> str:
    return f"{value:.0f}" if math.isfinite(value) else DASH


def age(seconds: float) -> str:
    """Short: `40 s`, `12 min`, `3.2 h`."""
    if not math.isfinite(seconds):
        return DASH
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"

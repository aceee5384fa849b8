"""`python -m circadia_lab.bench._app_frame FOLDER`: processor time of a frame on new data, and of the minimal app's.

The minimal app redraws as many rectangles as the canvases of the screen hold instructions that draw. Both are waited for until
they are drawn: without a screen Mesa drops frames that nothing waits for, and only the app's words wait for the frame before.
Prints a JSON object: `frame_ms`, `minimal_frame_ms`, `rectangles`.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia_app import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = (412, 915)
FRAMES = 30
ROUNDS = 4
SETTLE = 8


def main(folder: str) -> int:
    """Both in one window, in turn."""
    command.configure(SIZE, 1.0, 1.0)
    from kivy.base import EventLoop
    from kivy.core.window import Window
    from kivy.graphics.opengl import glFinish

    def frame() -> None:
        EventLoop.idle()
        glFinish()

    app, desk = _app(Path(folder))
    app._run_prepare()  # noqa: SLF001 - the loop is turned here, by hand
    for _ in range(SETTLE):
        EventLoop.idle()
    count = sum(1 for _ in _drawn(app.root.canvas))
    minimal = _minimal(count)
    times: dict[str, list[float]] = {"frame_ms": [], "minimal_frame_ms": []}
    for number in range(2 * ROUNDS):
        root, change = (app.root, desk.change) if number % 2 == 0 else (minimal, minimal.change)
        if root.parent is None:
            for child in list(Window.children):
                Window.remove_widget(child)
            Window.add_widget(root)
        for _ in range(SETTLE):
            EventLoop.idle()
        found = times["frame_ms" if number % 2 == 0 else "minimal_frame_ms"]
        for _ in range(FRAMES):
            found.append(_frame_ms(change, frame))
            if number % 2 == 0:
                desk.shown(app)
    print(
        json.dumps({**{name: statistics.median(found) for name, found in times.items()}, "rectangles": count})
    )
    return 0


def _frame_ms(change: Callable[[], None], frame: Callable[[], None]) -> float:
    """With all threads: the renderer has its own."""
    start_s = time.process_time()
    change()
    frame()
    return (time.process_time() - start_s) * 1e3


def _app(folder: Path) -> tuple[Any, Any]:
    """The app over the day of a folder, whose agent rests."""
    from circadia_app.folder import AppFolder
    from circadia_app.texts import texts_of
    from circadia_app.theme import Scheme, Theme
    from circadia_app.ui.app import CircadiaApp

    desk: Any = _Desk(AppFolder(path=folder), texts_of("en"))
    app = CircadiaApp(desk, Theme.shipped(Scheme.DARK))
    desk.app = app
    return app, desk


class _Desk:
    """The first screen of a day, with another charge at every look: card, chart, ribbon and bars are drawn anew."""

    def __init__(self, folder: Any, texts: Any) -> None:
        from circadia_app.moment import Agent, device_of, read_past, snapshot_of
        from circadia_app.ui.desk import Place
        from circadia_app.viewmodels.now import now

        self._places = Place
        newest_s = float(read_past(folder.store, 0.0).ticks.t_s[-1])
        past = read_past(folder.store, newest_s)
        self._now = now(
            snapshot_of(
                folder, device_of(folder), Agent(), now_s=newest_s, local_s=newest_s % 86_400, past=past
            ),
            texts,
        )
        self._names = tuple(texts(f"nav.{name}") for name in ("now", "choose", "learn", "test", "log"))
        self._looks = 0
        self.app: Any = None

    def names(self) -> tuple[str, ...]:
        """As `Desk.names`."""
        return self._names

    def first(self) -> Any:
        """As `Desk.first`."""
        return self._places.NOW

    def see(self, _place: object) -> Any:
        """As `Desk.see`: newer each time."""
        self._looks += 1
        shown, number = self._now, str(50 + self._looks % 40)
        battery = replace(
            shown.battery,
            chart=replace(shown.battery.chart, charge_text=number),
            ribbon=replace(shown.battery.ribbon, lacking="" if self._looks % 2 else " "),
        )
        bars = tuple(replace(bar, figure=f"{number} J") for bar in shown.energy.bars.bars)
        energy = replace(shown.energy, figure=f"{number} J", bars=replace(shown.energy.bars, bars=bars))
        return replace(shown, battery=battery, energy=energy)

    def told(self) -> None:
        """As `Desk.told`: nothing."""

    def change(self) -> None:
        """There is something new."""
        self.app.refresh()

    def shown(self, app: Any) -> None:
        """It was drawn: else the figure says nothing."""
        from circadia_app.ui.battery_chart import BatteryChart
        from circadia_app.ui.layouts import walk

        charts = [widget for widget in walk([app.root]) if isinstance(widget, BatteryChart)]
        assert charts, "the screen has its chart"
        assert charts[0].drawn >= self._looks, "the chart was drawn at every look"


def _minimal(count: int) -> Any:
    """A widget that draws so many rectangles anew when told."""
    from kivy.graphics import Color, Rectangle
    from kivy.uix.widget import Widget

    class Minimal(Widget):  # type: ignore[misc]  # Kivy has no types
        looks = 0

        def change(self) -> None:
            self.looks += 1
            self.canvas.clear()
            with self.canvas:
                for number in range(count):
                    Color(number / count, 0.5, self.looks % 2, 1)
                    Rectangle(pos=(0, number * self.height / count), size=(self.width, self.height / count))

    return Minimal(size=SIZE)


def _drawn(canvas: Any) -> Iterator[Any]:
    """Instructions of a canvas that draw, with those below it."""
    from kivy.graphics import VertexInstruction
    from kivy.graphics.instructions import InstructionGroup

    for one in canvas.children:
        if isinstance(one, VertexInstruction):
            yield one
        elif isinstance(one, InstructionGroup):
            yield from _drawn(one)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

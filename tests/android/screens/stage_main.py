"""The app on a stage without a screen: a process that is told by lines of JSON what to show and to touch.

Kivy keeps one window for each process and takes hold of its logging: it has a process of its own.
"""

# ruff: noqa: E402, I001 - Kivy reads its settings when it is imported first

from __future__ import annotations

import importlib
import json
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia_app.command import configure

configure((412, 915), 1.0, 1.0)  # before all else of Kivy

from kivy.base import EventLoop
from kivy.core.window import Window
from kivy.input.motionevent import MotionEvent
from kivy.metrics import Metrics

from circadia_app.folder import AppFolder
from circadia_app.moment import device_of
from circadia_app.texts import texts_of
from circadia_app.theme import Scheme, Theme
from circadia_app.ui.app import CircadiaApp
from circadia_app.ui.chart import Chart
from circadia_app.ui.desk import STAY, Offer, Place, Step
from circadia_app.ui.keeper import ChildKeeper
from circadia_app.ui.layouts import Content, walk
from circadia_app.ui.live_desk import LiveDesk
from circadia_app.ui.parts import Text
from circadia_app.viewmodels.parts import Button
from circadia_app.viewmodels.tokens import Do


if TYPE_CHECKING:
    from collections.abc import Iterator


class Finger(MotionEvent):
    """A touch at a place of the window."""

    def __init__(self, number: int, x: float, y: float) -> None:
        super().__init__("stage", number, {"x": x, "y": y}, is_touch=True, type_id="touch")

    def depack(self, args: Any) -> None:
        """Where it is."""
        self.sx, self.sy = args["x"], args["y"]
        self.profile = ["pos"]
        super().depack(args)


class Bars:
    """A phone's glass, as a test sets it."""

    def __init__(self) -> None:
        self.covered = (0.0, 0.0, 0.0, 0.0)
        self.moves = True
        self.voice = False
        self.light = math.nan
        self.said: list[str] = []
        self.rests = 0

    def insets(self) -> tuple[float, float, float, float]:
        return self.covered

    def animates(self) -> bool:
        return self.moves

    def speak(self, text: str, language: str) -> bool:
        self.said.append(f"{language}: {text}")
        return self.voice

    def hush(self) -> None:
        self.said.append("")

    def lux(self) -> float:
        return self.light

    def rest(self) -> None:
        self.rests += 1


class InventedDesk:
    """Shows invented view models, and notes what was asked of it."""

    def __init__(self, screens: dict[str, Any]) -> None:
        self.screens = screens
        self.shown = "now"
        self.asked: list[Any] = []

    def first(self) -> Place:
        return Place.NOW

    def names(self) -> tuple[str, ...]:
        return ("Now", "Choose", "Learn", "Test", "Log")

    def see(self, place: Place) -> Any:
        return self.screens[self.shown if place_of(self.shown) is place else place.value]

    def do(self, what: Do) -> Step:
        self.asked.append(["do", what])
        if what is Do.PAUSE:
            return Step(offer=Offer(heading="Pause", buttons=self.screens["now"].pauses))
        return Step(place=Place.YOUR_DATA) if what is Do.YOUR_DATA else STAY

    def turn(self, key: str, on: bool) -> None:
        self.asked.append(["turn", key, on])

    def slide(self, key: str, value: float) -> None:
        self.asked.append(["slide", key, value])

    def prefer(self, preference: Any) -> None:
        self.asked.append(
            ["prefer", *(round(p, 2) for p in (preference.accuracy, preference.latency, preference.energy))]
        )

    def sift(self, kind: Any) -> None:
        self.asked.append(["sift", kind])

    def stretch(self, start_s: float, end_s: float) -> None:
        self.asked.append(["stretch", start_s, end_s])

    def language(self) -> str:
        return "en"

    def bright(self) -> Offer | None:
        self.asked.append("bright")
        light = Button(text="Light colours", do=Do.LIGHT)
        return Offer(heading="Bright light", buttons=(light,))

    def voiceless(self) -> Offer:
        return Offer(heading="No voice")

    def close(self) -> None:
        pass

    def told(self) -> Offer | None:
        return None

    def left(self, place: Place) -> None:
        self.asked.append(["left", place])


def place_of(name: str) -> Place:
    """Of an invented screen."""
    return next(place for place in sorted(Place, key=lambda p: -len(p)) if name.startswith(place))


def ancestors(widget: Any) -> Iterator[Any]:
    """What it lies in."""
    while widget.parent is not None and widget.parent is not widget:
        widget = widget.parent
        yield widget


class Stage:
    """The app, its desk, and the frames that pass."""

    def __init__(self) -> None:
        self.invented = InventedDesk(importlib.import_module("invented").SCREENS)
        self.desk: Any = self.invented
        self.glass = Bars()
        self.app = CircadiaApp(
            self.desk,
            Theme.shipped(Scheme.DARK),
            leave=lambda: self.desk.asked.append(["leave"]),
            glass=self.glass,
        )
        self.app._run_prepare()
        self.fingers = 0
        self.frames(3)

    def live(self, folder: str, size: list[int], language: str) -> dict[str, Any]:
        """The true agent's desk on a folder, with the agent as a child."""
        opened = AppFolder(path=Path(folder))
        desk = LiveDesk(opened, device_of(opened), texts_of(language), ChildKeeper(opened))
        desk.start()
        Window.size = tuple(size)
        self.desk.close()
        self.desk = self.app.desk = desk
        desk.fresh = self.app.refresh_soon
        self.app.place = desk.first()
        self.app.dress(Theme.shipped(Scheme.DARK))
        self.settle()
        return {"place": self.app.place}

    def close(self) -> dict[str, Any]:
        """Leave the desk: its agent ends."""
        self.desk.close()
        return {}

    def wait(self, text: str, seconds: float) -> dict[str, Any]:
        """Until a text begins so → it, with its middle; `missing` and what is there instead."""
        until_s = time.monotonic() + seconds
        while True:
            self.frames(2)
            for found in self.texts():
                if found["text"].startswith(text):
                    left, bottom, right, top = found["box"]
                    return {"text": found["text"], "at": [(left + right) / 2, (bottom + top) / 2]}
            if time.monotonic() > until_s:
                return {"missing": text, "there": [found["text"] for found in self.texts()]}
            time.sleep(0.02)

    def drawings(self) -> dict[str, Any]:
        """How often each chart was drawn, and on which points of the window they lie."""
        found = {}
        for widget in self.widgets():
            if isinstance(widget, Chart) and widget.height > 0:
                left, bottom = widget.to_window(*widget.pos)
                found[type(widget).__name__] = {
                    "drawn": widget.drawn,
                    "box": [left, bottom, left + widget.width, bottom + widget.height],
                }
        return found

    def names(self) -> list[str]:
        """Of all invented screens."""
        return list(self.desk.screens)

    def same_again(self) -> dict[str, Any]:
        """The same view model, made anew."""
        place, name = self.app.place, self.desk.shown
        self.desk.screens[name] = replace(self.desk.screens[name])
        self.app.refresh()
        self.settle()
        return {"place": place}

    def newer(self) -> dict[str, Any]:
        """The battery is lower."""
        now = self.desk.screens["now"]
        chart = replace(now.battery.chart, charge_text="53")
        self.desk.screens["now"] = replace(now, battery=replace(now.battery, chart=chart))
        self.app.refresh()
        self.settle()
        self.desk.screens["now"] = now
        return {}

    def rest(self, frames: int) -> dict[str, Any]:
        """Nothing happens for some frames."""
        self.frames(frames)
        return {}

    def sleep_and_wake(self) -> dict[str, Any]:
        """Into the background and back."""
        rests = self.app.on_pause()
        self.app.on_resume()
        self.settle()
        return {"rests": rests}

    def frames(self, count: int) -> None:
        """Pass."""
        for _ in range(count):
            EventLoop.idle()

    def settle(self) -> None:
        """Until nothing more moves."""
        self.frames(8)

    def show(self, name: str, size: list[int], scheme: str, scale: float, density: float) -> dict[str, Any]:
        """An invented screen."""
        Metrics.density, Metrics.fontscale = density, scale
        wide, high = (round(part * density) for part in size)
        if tuple(Window.size) != (wide, high):
            Window.size = (wide, high)
        if self.desk is not self.invented:
            self.desk.close()
            self.desk = self.app.desk = self.invented
        self.desk.shown = name
        self.desk.asked.clear()
        self.app.place = place_of(name)
        self.app.dress(Theme.shipped(Scheme(scheme)))
        self.settle()
        return {"size": list(Window.size)}

    def widgets(self) -> list[Any]:
        """All that are in the window."""
        return [w for child in Window.children for w in walk([child])]

    def texts(self) -> list[dict[str, Any]]:
        """The words, where they stand in the window, and whether they fit."""
        found = []
        for widget in self.widgets():
            if isinstance(widget, Text) and widget.text and widget.height > 0 and widget.opacity > 0:
                left, bottom = widget.to_window(*widget.pos)
                found.append(
                    {
                        "text": widget.text,
                        "box": [left, bottom, left + widget.width, bottom + widget.height],
                        "scrolls": any(isinstance(above, Content) for above in ancestors(widget)),
                        "fits": widget.texture_size[0] <= widget.width + 1
                        and widget.texture_size[1] <= widget.height + 1,
                    }
                )
        return found

    def picture(self, file: str) -> dict[str, Any]:
        """Of the whole window."""
        self.frames(2)
        self.app._root.export_to_png(file)
        return {}

    def see_through(
        self, covered: list[float], lux: float | None = None, *, voice: bool = False, moves: bool = True
    ) -> dict[str, Any]:
        """The phone around the screen changes; a touch of time passes."""
        left, top, right, bottom = covered
        self.glass.covered, self.glass.voice, self.glass.moves = (left, top, right, bottom), voice, moves
        self.glass.light = math.nan if lux is None else lux
        self.glass.said.clear()
        Window.dispatch("on_resize", *Window.size)
        self.app._measure()
        if lux is not None:
            self.app._bright(0)
        self.settle()
        return {"scheme": self.app.theme.scheme.value, "asked": self.desk.asked, "rests": self.glass.rests}

    def hold(self, x: float, y: float, seconds: float) -> dict[str, Any]:
        """A finger that stays."""
        self.fingers += 1
        wide, high = Window.size
        finger = Finger(self.fingers, x / wide, y / high)
        EventLoop.post_dispatch_input("begin", finger)
        self._pass(seconds)
        EventLoop.post_dispatch_input("end", finger)
        self._pass(0.2)
        return {"said": self.glass.said}

    def _pass(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self.frames(1)

    def retitle(self, text: str) -> dict[str, Any]:
        """Another title on the first screen: how faint its words are then, and at the end."""
        now = self.desk.screens["now"]
        self.desk.screens["now"] = replace(now, title=replace(now.title, text=text))
        self.app.refresh()
        self.frames(1)
        first = self._title(text)
        self._pass(0.3)
        self.desk.screens["now"] = now
        return {"first": first, "then": self._title(text), "window": self.app.said}

    def _title(self, text: str) -> float:
        return float(next(w.opacity for w in self.widgets() if isinstance(w, Text) and w.text == text))

    def touch(self, x: float, y: float) -> dict[str, Any]:
        """Once, at a place of the window."""
        return self.drag([[x, y], [x, y]])

    def drag(self, path: list[list[float]]) -> dict[str, Any]:
        """A finger along a path."""
        self.fingers += 1
        wide, high = Window.size
        (x, y), *rest = path
        finger = Finger(self.fingers, x / wide, y / high)
        EventLoop.post_dispatch_input("begin", finger)
        self.frames(2)
        for x, y in rest:
            finger.move({"x": x / wide, "y": y / high})
            EventLoop.post_dispatch_input("update", finger)
            self.frames(1)
        EventLoop.post_dispatch_input("end", finger)
        until_s = time.monotonic() + 0.2  # what scrolls passes a short touch on a tenth of a second later
        while time.monotonic() < until_s:
            self.frames(1)
        self.settle()
        return {"asked": getattr(self.desk, "asked", []), "place": self.app.place}

    def key(self, code: int) -> dict[str, Any]:
        """A key of the keyboard, or Android's Back."""
        taken = bool(Window.dispatch("on_keyboard", code, code, None, []))
        self.settle()
        return {"taken": taken, "place": self.app.place, "asked": getattr(self.desk, "asked", [])}


def main() -> None:
    """Lines in, lines out, until the end."""
    out, sys.stdout = sys.stdout, sys.stderr
    stage = Stage()
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = getattr(stage, asked.pop("call"))(**asked)
        except Exception as error:  # noqa: BLE001 - the test tells it
            import traceback

            traceback.print_exc()
            answer = {"error": repr(error)}
        print(json.dumps(answer), file=out, flush=True)
    stage.desk.close()


if __name__ == "__main__":
    main()

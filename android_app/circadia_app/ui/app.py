"""The app: places, what is shown there, and what a touch asks for. It draws when there is something new."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kivy.app import App
from kivy.clock import Clock
from kivy.core.window import Window
from kivy.graphics import Color, Rectangle
from kivy.properties import ListProperty, ObjectProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.floatlayout import FloatLayout

from circadia_app.theme import Scheme, Theme
from circadia_app.ui.desk import STAY, Desk, Offer, Opening, Place, Step
from circadia_app.ui.glass import BRIGHT_LUX, Desktop
from circadia_app.ui.layouts import walk
from circadia_app.ui.navigation import Navigation
from circadia_app.ui.parts import Text
from circadia_app.ui.sheet import Sheet
from circadia_app.ui.starting import StartingPage
from circadia_app.viewmodels.tokens import Do

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_app.ui.glass import Glass
    from circadia_app.viewmodels.tokens import Kind

SCHEMES = {Do.LIGHT: Scheme.LIGHT, Do.DARK: Scheme.DARK}
LIGHT_EVERY_S = 5.0
BOLD = re.compile(r"\[/?b\]")
BACK = 27
"""Android's Back, and Escape on a desktop."""


@cache
def page_of(place: Place) -> Any:
    """The class of a place's screen, which is in the file of its name; read when it is first seen."""
    name = place.replace("-", "_")
    wanted = "".join(part.capitalize() for part in name.split("_")) + "Page"
    return getattr(import_module(f"circadia_app.ui.{name}"), wanted)


class Ground(FloatLayout):
    """What lies under everything."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        with self.canvas.before:
            self._colour = Color()
            self._under = Rectangle()
        self.bind(pos=self._fit, size=self._fit)

    def _fit(self, *_: object) -> None:
        self._under.pos, self._under.size = self.pos, self.size

    def colour(self, rgba: tuple[float, float, float, float]) -> None:
        """From now on."""
        self._colour.rgba = rgba


class CircadiaApp(App):
    """Circadia's screens over a `Desk`."""

    theme = ObjectProperty(None, rebind=True)
    place = ObjectProperty(Place.NOW)
    covered = ListProperty([0, 0, 0, 0])
    """Pixels under the system's bars: left, top, right, bottom."""

    def __init__(
        self,
        desk: Desk | Opening,
        theme: Theme,
        *,
        leave: Callable[[], None] | None = None,
        opens: Place | None = None,
        glass: Glass | None = None,
        **given: Any,
    ) -> None:
        """`leave`: what Back does on the first screen; None: the app ends. On a phone it goes to the back, alive.

        `opens`: the first place; None: the desk's. `glass`: what it is seen on; None: a desktop's window.
        """
        super().__init__(**given)
        self.theme = theme
        self._opening = desk if isinstance(desk, Opening) else None
        self.desk: Any = None if isinstance(desk, Opening) else desk
        self._leave, self._opens = leave, opens
        self.glass: Glass = glass or Desktop()
        self._light: Any = None
        self._soon = Clock.create_trigger(lambda _: self.refresh(), 0)
        self.title = "Circadia"
        self.use_kivy_settings = False
        self.said = "Circadia"
        """The window's title: what the screen says first."""

    def build(self) -> FloatLayout:
        """The frame around all screens."""
        self._root = Ground()
        self._column = BoxLayout(orientation="vertical", padding=self._edges())
        self._page: Any = None
        self.bind(covered=self._within)
        self._navigation = Navigation(self._names())
        self._sheet: Sheet | None = None
        self._root.add_widget(self._column)
        if self._opening is not None:
            self._column.add_widget(StartingPage(model=self._opening.model))
            self._column.add_widget(self._navigation)
            Window.bind(on_flip=self._seen)
        else:
            self.place = self._opens or self.desk.first()
            self._show()
        Window.bind(on_keyboard=self._key, size=self._measure)
        self._look_at_light()
        self._ground()
        return self._root

    def _names(self) -> tuple[str, ...]:
        if self.desk is None:
            assert self._opening is not None
            return self._opening.names
        names: tuple[str, ...] = self.desk.names()
        return names

    def _seen(self, *_: object) -> None:
        """The first frame is there: in the next, what it waits for."""
        Window.unbind(on_flip=self._seen)
        self._measure()
        Clock.schedule_once(self._open, 0)

    def _open(self, _after: float) -> None:
        assert self._opening is not None
        self.desk = self._opening.desk(self.refresh_soon)
        self.place = self._opens or self.desk.first()
        self._show()

    def _measure(self, *_: object) -> None:
        """The window turned, or the system's bars came or went: from Android 15 on the app draws under them."""
        self.covered = list(self.glass.insets())

    def _edges(self) -> list[float]:
        """The navigation and a sheet's ground reach under the lowest bar; the content does not."""
        left, top, right, bottom = self.covered
        return [left, top, right, bottom if self.place is Place.CONSENT else 0]

    def _within(self, *_: object) -> None:
        self._column.padding = self._edges()

    def _look_at_light(self) -> None:
        """Every few seconds, where somebody tells."""
        self.glass.lux()  # the first look wakes the sensor
        if self._light is None:
            self._light = Clock.schedule_interval(self._bright, LIGHT_EVERY_S)

    def _bright(self, _after: float) -> bool:
        """In the sun light colours are offered, unless somebody chose already. False: nobody has to look any more."""
        lux = self.glass.lux()
        if lux > BRIGHT_LUX and self.desk is not None and self._sheet is None:
            offer = self.desk.bright() if self.theme.scheme is Scheme.DARK else None
            if offer is not None:
                self._take(Step(offer=offer))
            self._no_light()
            return False
        return True

    def _no_light(self) -> None:
        if self._light is not None:
            self._light.cancel()
            self._light = None
        self.glass.rest()

    def _ground(self) -> None:
        self._root.colour(self.theme.rgba("bg"))
        Window.clearcolor = self.theme.rgba("bg")  # what is seen before the first frame

    def dress(self, theme: Theme) -> None:
        """In other colours, or letters of another size: all is built anew."""
        self.theme = theme
        self._ground()
        self._column.clear_widgets()
        self._page, self._navigation = None, Navigation(self._names())
        self.away()
        self._show()

    def refresh_soon(self) -> None:
        """`refresh`, asked for by any thread; several at once are one."""
        self._soon()

    def refresh(self) -> None:
        """There may be something new: what is seen is looked at again."""
        if self.root is None or self.desk is None:
            return
        self._show()
        self._offer(self.desk.told())

    def _show(self) -> None:
        if self.desk is None:
            return
        model = self.desk.see(self.place)
        kind = page_of(self.place)
        if type(self._page) is kind:
            if self._page.model != model:
                self._page.model = model
        else:
            self._column.clear_widgets()
            self._page = kind(model=model)
            self._column.add_widget(self._page)
            if self.place is not Place.CONSENT:
                self._column.add_widget(self._navigation)
        self._navigation.here = self.place
        self._within()
        title = getattr(model, "title", None)
        self.said = f"Circadia: {title.text}" if title is not None else "Circadia"
        Window.set_title(self.said)

    def go(self, place: Place) -> None:
        """Another screen; where one is already, to its beginning."""
        if self.desk is None:
            return
        self.away()
        if place is not self.place:
            self.desk.left(self.place)
        self.place = place
        self._page = None
        self._show()

    def _take(self, step: Step) -> None:
        self.away()
        if step.place is not None and step.place is not self.place:
            self.go(step.place)
        else:
            self._show()
        self._offer(step.offer)

    def _offer(self, offer: Offer | None) -> None:
        """Over the screen, in the place of another."""
        if offer is not None:
            self.away()
            self._sheet = Sheet(offer=offer)
            self._sheet.bind(on_away=self.away)
            self._root.add_widget(self._sheet)

    def away(self, *_: object) -> None:
        """No sheet any more."""
        if self._sheet is not None:
            self._root.remove_widget(self._sheet)
            self._sheet = None

    def do(self, what: Do) -> None:
        """A button was touched."""
        self._take(self.desk.do(what))
        if what in SCHEMES and self.theme.scheme is not SCHEMES[what]:
            self.dress(Theme.shipped(SCHEMES[what]))

    def speak(self) -> None:
        """The whole screen, by the system's voice; where there is none, that is said in words."""
        if self._page is None:
            return
        if not self.glass.speak(self.words(), self.desk.language()):
            self._take(Step(offer=self.desk.voiceless()))

    def words(self) -> str:
        """All that the screen says, from the top: what a person hears who does not see it."""
        there = [
            w for w in walk([self._page]) if isinstance(w, Text) and w.text and w.height > 0 and w.opacity > 0
        ]
        there.sort(key=lambda w: (-round(w.to_window(*w.pos)[1] + w.height), w.to_window(*w.pos)[0]))
        said = [BOLD.sub("", w.text) if w.markup else w.text for w in there]
        return " ".join(text if text.endswith((".", "?", "!", ":", ",")) else f"{text}." for text in said)

    def turn(self, key: str, on: bool) -> None:
        """A switch was turned."""
        self.desk.turn(key, on)
        self._take(STAY)

    def slide(self, key: str, value: float) -> None:
        """A slider was set."""
        self.desk.slide(key, value)
        self._take(STAY)

    def prefer(self, weights: tuple[float, float, float]) -> None:
        """The point was moved."""
        from circadia.types import Preference

        accuracy, latency, energy = weights
        self.desk.prefer(Preference(accuracy=accuracy, latency=latency, energy=energy))
        self._take(STAY)

    def sift(self, kind: Kind) -> None:
        """Only such rows of the log."""
        self.desk.sift(kind)
        self._take(STAY)

    def stretch(self, start_s: float, end_s: float) -> None:
        """The decisions of a stretch of the day."""
        self.desk.stretch(start_s, end_s)
        self.go(Place.LOG)

    def _key(self, _: object, key: int, *__: object) -> bool:
        """Back: the sheet, then the screen before, then out. True: nobody else ends the app."""
        if key != BACK:
            return False
        if self._sheet is not None:
            self.away()
        elif self.place.back is not None:
            self.go(self.place.back)
        elif self._leave is not None:
            self._leave()
        else:
            return False
        return True

    def on_pause(self) -> bool:
        """The app may rest in the background: nobody hears it, and no sensor is read."""
        self.glass.hush()
        self._no_light()
        return True

    def on_resume(self) -> None:
        """Back in the foreground: what was drawn may be gone, and what was shown is old."""
        self._page = None
        self._show()
        self._measure()
        self._look_at_light()
        Clock.schedule_once(lambda _: self._root.canvas.ask_update(), 0)

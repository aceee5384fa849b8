"""What several screens are made of: words, buttons, chips, switches, sliders, banners. Their looks are in parts.kv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kivy.animation import Animation
from kivy.app import App
from kivy.clock import Clock
from kivy.core.text import Label as Letters
from kivy.core.text.markup import MarkupLabel as MarkedLetters
from kivy.metrics import Metrics, dp, sp
from kivy.properties import BooleanProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.label import Label
from kivy.uix.widget import Widget

from circadia_app.ui import rules
from circadia_app.ui.layouts import Pair, Placed, Sided, Stack
from circadia_app.ui.picture import Picture
from circadia_app.viewmodels.tokens import Origin

if TYPE_CHECKING:
    from circadia_app.ui.pen import Pen


FADE_S, FAINT = 0.15, 0.02
HOLD_S = 0.6
"""A finger that stays so long means the whole screen."""


class Text(Label):
    """Words that break at the width that they are given. `natural`: as wide as they are in one line."""

    role = StringProperty("text")
    """The size, as the theme names it."""
    tone = StringProperty("ink")
    natural = NumericProperty(0)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for name in ("text", "font_size", "bold", "padding", "markup"):
            self.fbind(name, self._measure)
        self._measure()

    def _measure(self, *_: object) -> None:
        self.natural = self._wide() + self.padding[0] + self.padding[2] + 1 if self.text else 0

    def _wide(self) -> float:
        """Without a picture of the words, which costs more than all else of a change, unless their markup has to be read."""
        kind = MarkedLetters if self.markup else Letters
        letters = kind(text=self.text, font_size=self.font_size, font_name="Roboto", bold=self.bold)
        if not self.markup:
            return float(max(letters.get_extents(line)[0] for line in self.text.split("\n")))
        letters.refresh()
        return float(letters.texture.width)


class Sign(Picture):
    """A glyph within its box."""

    glyph = ObjectProperty(None, allownone=True)
    tone = StringProperty("muted")
    shows = ("glyph", "tone")

    def paint(self, pen: Pen) -> None:
        """As large as the box."""
        if self.glyph is not None:
            pen.colour(self.tone)
            pen.glyph(self.glyph, self.center_x, self.center_y, min(self.size))


class OriginSign(Picture):
    """Where a figure comes from: a filled square, a hollow one, three strokes, a ring."""

    origin = ObjectProperty(None, allownone=True)
    shows = ("origin",)

    def paint(self, pen: Pen) -> None:
        """As large as the box."""
        left, bottom, side = self.x, self.y, self.width
        pen.colour("ink")
        match self.origin:
            case Origin.MEASURED:
                pen.rectangle(left, bottom, left + side, bottom + side, radius=dp(2))
            case Origin.MODELLED:
                pen.frame(left, bottom, left + side, bottom + side, radius=dp(2), thick=dp(2))
            case Origin.SIMULATED:
                for stroke in range(3):
                    x = left + stroke * side * 0.4
                    pen.rectangle(x, bottom, x + side * 0.2, bottom + side)
            case Origin.FORETOLD:
                pen.ring(self.center_x, self.center_y, side / 2, dp(2))


class ChipView(Placed):
    """A sign and a word on raised ground."""

    entry = ObjectProperty(None, allownone=True, rebind=True)
    natural = NumericProperty(0)

    def do_layout(self, *_: object) -> None:
        """Beside one another."""
        if len(self.children) != 2 or self.height <= 0:
            return
        word, sign = self.children
        word.width = word.natural
        self.natural = word.natural + dp(36)
        self.width = self.natural
        sign.x, sign.center_y = self.x + dp(8), self.center_y
        word.x, word.center_y = self.x + dp(24), self.center_y


class Touchable(ButtonBehavior):
    """Looks pressed while it is touched, and tells the app when it was."""

    def tell(self) -> None:
        """What a touch asks for."""
        raise NotImplementedError

    def on_release(self) -> None:
        """A touch ended on it."""
        self.tell()


class Pill(Touchable, Text):
    """A `Button` of a view model; it looks 40 dp high and takes touches at 48."""

    entry = ObjectProperty(None, allownone=True, rebind=True)
    wide = BooleanProperty(False)
    """As wide as there is room."""

    def tell(self) -> None:
        """The app does it."""
        if self.entry is not None and self.entry.enabled:
            App.get_running_app().do(self.entry.do)

    def look(self, entry: Any, state: str) -> tuple[str, str]:
        """Ground and word; argument-bound for the rules."""
        if entry is None:
            return "card", "ink"
        if entry.danger:
            return "", "bad"
        if not entry.enabled:
            return "raised", "muted"
        if entry.filled:
            return ("pull", "on_accent") if state == "down" else ("accent", "on_accent")
        return ("line", "ink") if state == "down" else ("raised", "ink")


class Link(Touchable, Text):
    """A `Button` of a view model as a word in accent."""

    entry = ObjectProperty(None, allownone=True, rebind=True)

    def tell(self) -> None:
        """The app does it."""
        if self.entry is not None and self.entry.enabled:
            App.get_running_app().do(self.entry.do)


class Toggle(Picture):
    """A switch's picture."""

    on = BooleanProperty(False)
    enabled = BooleanProperty(True)
    shows = ("on", "enabled")

    def paint(self, pen: Pen) -> None:
        """On: filled, the knob to the right; off: an outline."""
        x, y, radius = self.x, self.center_y, dp(14)
        if self.on:
            pen.colour("accent" if self.enabled else "muted")
            pen.rectangle(x, y - radius, x + dp(48), y + radius, radius=radius)
            pen.colour("on_accent")
            pen.disc(x + dp(34), y, dp(10))
        else:
            pen.colour("muted")
            pen.frame(x, y - radius, x + dp(48), y + radius, radius=radius, thick=dp(2))
            pen.disc(x + dp(14), y, dp(8))


class SwitchRow(Touchable, Sided):
    """A `Switch`: the whole row is touched."""

    entry = ObjectProperty(None, rebind=True)

    def tell(self) -> None:
        """The app turns it."""
        if self.entry.enabled:
            App.get_running_app().turn(self.entry.key, not self.entry.on)


class StepButton(Touchable, Picture):
    """− or + beside a slider."""

    sign = StringProperty("+")
    shows = ("sign", "state")

    def __init__(self, **given: Any) -> None:
        self.register_event_type("on_step")
        super().__init__(**given)

    def on_step(self) -> None:
        """It was touched."""

    def tell(self) -> None:
        """The slider steps."""
        self.dispatch("on_step")

    def paint(self, pen: Pen) -> None:
        """A disc with its sign."""
        x, y = self.center
        pen.colour("line" if self.state == "down" else "raised")
        pen.disc(x, y, dp(18))
        pen.colour("ink")
        pen.rectangle(x - dp(7), y - dp(1), x + dp(7), y + dp(1))
        if self.sign == "+":
            pen.rectangle(x - dp(1), y - dp(7), x + dp(1), y + dp(7))


class Track(Picture):
    """A slider's line and knob: it follows the finger, and `on_settled` comes when the finger lifts."""

    place = NumericProperty(0)
    shows = ("place",)

    def __init__(self, **given: Any) -> None:
        self.register_event_type("on_settled")
        super().__init__(**given)

    def on_settled(self, place: float) -> None:
        """The finger lifted there."""

    def paint(self, pen: Pen) -> None:
        """The way so far in accent."""
        left, right, y = self.x + dp(10), self.right - dp(10), self.center_y
        x = left + min(1.0, max(0.0, self.place)) * (right - left)
        pen.colour("muted")
        pen.rectangle(x, y - dp(2), right, y + dp(2), radius=dp(2))
        pen.colour("accent")
        pen.rectangle(left, y - dp(2), x, y + dp(2), radius=dp(2))
        pen.disc(x, y, dp(10))

    def takes(self, touch: Any) -> bool:
        """Whether a finger there drags."""
        return bool(self.collide_point(*touch.pos))

    def on_touch_down(self, touch: Any) -> bool:
        """Takes the finger."""
        if not self.collide_point(*touch.pos):
            return False
        touch.grab(self)
        self._follow(touch)
        return True

    def on_touch_move(self, touch: Any) -> bool:
        """Follows it."""
        if touch.grab_current is not self:
            return False
        self._follow(touch)
        return True

    def on_touch_up(self, touch: Any) -> bool:
        """Lets it go."""
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        self.dispatch("on_settled", self.place)
        return True

    def _follow(self, touch: Any) -> None:
        self.place = min(1.0, max(0.0, (touch.x - self.x - dp(10)) / (self.width - dp(20))))


class SliderRow(Stack):
    """A `Slider`: its words, and below − the track +."""

    entry = ObjectProperty(None, rebind=True)

    def settle(self, value: float) -> None:
        """To the nearest step within the range; the app sets it."""
        entry = self.entry
        steps = round((value - entry.low) / entry.step)
        App.get_running_app().slide(
            entry.key, min(entry.high, max(entry.low, entry.low + steps * entry.step))
        )

    def settle_at(self, place: float) -> None:
        """The same, of a place on the track."""
        self.settle(self.entry.low + place * (self.entry.high - self.entry.low))


class BannerView(Stack):
    """A `Banner`."""

    entry = ObjectProperty(None, rebind=True)


class TitleView(Placed):
    """A `Title`: its sign stands before the first line."""

    title = ObjectProperty(None, rebind=True)
    tone = StringProperty("ink")

    def __init__(self, **given: Any) -> None:
        self._held: Any = None
        super().__init__(**given)
        self.bind(title=self._fade)

    def _fade(self, _: object, title: Any) -> None:
        """A new sentence in place of another comes softly, unless the person has removed animations."""
        words = self.children[0] if self.children else None
        if words is None or title is None or not App.get_running_app().glass.animates():
            return
        Animation.cancel_all(words, "opacity")
        words.opacity = FAINT
        Animation(opacity=1, duration=FADE_S).start(words)

    def on_touch_down(self, touch: Any) -> bool:
        """A finger that stays has the screen read aloud."""
        if self.collide_point(*touch.pos):
            self._let_go()
            self._held = Clock.schedule_once(lambda _: App.get_running_app().speak(), HOLD_S)
        return bool(super().on_touch_down(touch))

    def on_touch_move(self, touch: Any) -> bool:
        """It scrolls."""
        if abs(touch.x - touch.ox) + abs(touch.y - touch.oy) > dp(12):
            self._let_go()
        return bool(super().on_touch_move(touch))

    def on_touch_up(self, touch: Any) -> bool:
        """It was only a touch."""
        self._let_go()
        return bool(super().on_touch_up(touch))

    def _let_go(self) -> None:
        if self._held is not None:
            self._held.cancel()
            self._held = None

    def do_layout(self, *_: object) -> None:
        """Sign, words."""
        if len(self.children) != 2:
            return
        words, sign = self.children
        shift = sign.width + dp(12) if self.title is not None and self.title.glyph is not None else 0
        words.width = self.width - shift
        self.height = words.height
        words.x, words.top = self.x + shift, self.top
        sign.x, sign.center_y = self.x, self.top - sp(28) * 0.6


class Held(Placed):
    """What is held back, in a line with its sign."""

    entry = StringProperty("")

    def do_layout(self, *_: object) -> None:
        """Sign, words."""
        if len(self.children) != 2:
            return
        words, sign = self.children
        words.width = self.width - dp(24)
        self.height = words.height
        words.x, words.top = self.x + dp(24), self.top
        sign.x, sign.center_y = self.x, self.top - sp(14) * 0.68


class FactRow(Stack):
    """A `Fact`."""

    entry = ObjectProperty(None, rebind=True)


class ParagraphView(Stack):
    """A `Paragraph`."""

    entry = ObjectProperty(None, rebind=True)


class Remark(Text):
    """A line of secondary text in a list."""

    entry = StringProperty("")


class Card(Stack):
    """A group of parts on a ground of its own."""


class Dense(Card):
    """With less room above and below."""


class Divider(Widget):
    """A thin line."""


class Header(Pair):
    """Title of a screen, and one button at most."""

    frame = ObjectProperty(None, rebind=True)


class Gap(Widget):
    """Empty room."""


def font_scale() -> float:
    """Of the person's settings."""
    return float(Metrics.fontscale)


rules.load("parts")

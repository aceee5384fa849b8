"""How parts stand: below one another, beside one another where there is room, cards in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kivy.factory import Factory
from kivy.metrics import dp
from kivy.properties import ListProperty, NumericProperty, StringProperty, VariableListProperty
from kivy.uix.layout import Layout
from kivy.uix.scrollview import ScrollView

if TYPE_CHECKING:
    from collections.abc import Iterable


def some(*values: object) -> list[object]:
    """Those that are there: for an `Each` of a part that may be missing."""
    return [value for value in values if value]


class Placed(Layout):
    """Decides its own height; children decide theirs."""

    padding = VariableListProperty([0, 0, 0, 0])
    """Left, top, right, bottom."""
    spacing = NumericProperty(0)

    def __init__(self, **given: Any) -> None:
        given.setdefault("size_hint_y", None)
        super().__init__(**given)
        for name in ("pos", "size", "children", "padding", "spacing"):
            self.fbind(name, self._trigger_layout)

    def add_widget(self, widget: Any, *at: Any, **more: Any) -> None:
        """Whose size is watched."""
        widget.fbind("height", self._trigger_layout)
        if hasattr(widget, "natural"):
            widget.fbind("natural", self._trigger_layout)
        super().add_widget(widget, *at, **more)

    def remove_widget(self, widget: Any, *at: Any, **more: Any) -> None:
        """And watched no longer."""
        widget.funbind("height", self._trigger_layout)
        if hasattr(widget, "natural"):
            widget.funbind("natural", self._trigger_layout)
        super().remove_widget(widget, *at, **more)

    @property
    def inner(self) -> float:
        """The width for children."""
        return float(max(0.0, self.width - self.padding[0] - self.padding[2]))

    @property
    def there(self) -> list[Any]:
        """Children that take room, in their order."""
        return [child for child in reversed(self.children) if child.height > 0]


class Stack(Placed):
    """Below one another; a child without height takes no spacing either."""

    def do_layout(self, *_: object) -> None:
        """From the top."""
        for child in self.children:
            child.width = self.inner if child.size_hint_x is not None else min(child.width, self.inner)
        there = self.there
        used = sum(child.height for child in there) + self.spacing * max(0, len(there) - 1)
        self.height = used + self.padding[1] + self.padding[3] if there else 0
        y = self.top - self.padding[1]
        for child in there:
            child.x, child.top = self.x + self.padding[0], y
            y -= child.height + self.spacing
        for child in self.children:
            if child.height <= 0:
                child.pos = self.x, y


class Each(Stack):
    """One `view`, named as the factory knows it, for each of `entries`."""

    entries = ListProperty()
    view = StringProperty()

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.bind(entries=self._fill, view=self._fill)
        self._fill()

    def _fill(self, *_: object) -> None:
        if not self.view:
            return
        shown = list(reversed(self.children))
        for child, entry in zip(shown, self.entries, strict=False):
            child.entry = entry
        for child in shown[len(self.entries) :]:
            self.remove_widget(child)
        for entry in self.entries[len(shown) :]:
            self.add_widget(Factory.get(self.view)(entry=entry))


class Flow(Each):
    """Each beside the other, and on into the next row."""

    row_spacing = NumericProperty(0)

    def do_layout(self, *_: object) -> None:
        """Row by row."""
        x, y, tall = self.x + self.padding[0], self.top - self.padding[1], 0.0
        end = self.right - self.padding[2]
        for child in self.there:
            child.width = min(child.natural, self.inner)
            if x > self.x + self.padding[0] and x + child.width > end + 1:
                x, y, tall = self.x + self.padding[0], y - tall - self.row_spacing, 0.0
            child.x, child.top = x, y
            x += child.width + self.spacing
            tall = max(tall, child.height)
        self.height = self.top - y + tall + self.padding[3] if self.there else 0


class Sideways(Each):
    """Beside one another, as wide as that is: for what scrolls sideways."""

    def do_layout(self, *_: object) -> None:
        """In one row."""
        x, there = self.x + self.padding[0], self.there
        for child in there:
            child.width = child.natural
            child.x, child.center_y = x, self.center_y
            x += child.width + self.spacing
        self.size_hint_x = None
        self.width = x - self.x - (self.spacing if there else 0) + self.padding[2]
        self.height = max((child.height for child in there), default=0)


class Pair(Placed):
    """Two parts: one to the left, one to the right if both find room, else below. Their `natural` widths decide."""

    gap = NumericProperty(dp(12))

    def do_layout(self, *_: object) -> None:
        """One row or two."""
        there = self.there
        for child in there:
            child.width = min(child.natural, self.inner)
        beside = len(there) == 2 and sum(child.width for child in there) + self.gap <= self.inner
        if len(there) == 2 and hasattr(there[1], "side"):
            there[1].side = "right" if beside else "left"
        if beside:
            left, right = there
            self.height = max(left.height, right.height) + self.padding[1] + self.padding[3]
            middle = self.y + self.padding[3] + max(left.height, right.height) / 2
            left.x, left.center_y = self.x + self.padding[0], middle
            right.right, right.center_y = self.right - self.padding[2], middle
            if hasattr(right, "side"):  # lines: the first beside the heading
                left.top = self.top - self.padding[1]
            return
        self.height = sum(child.height for child in there) + self.padding[1] + self.padding[3] if there else 0
        y = self.top - self.padding[1]
        for child in there:
            child.x, child.top = self.x + self.padding[0], y
            y -= child.height


class Aside(Stack):
    """Lines that stand together beside a heading, towards the `side` that a `Pair` gives them."""

    side = StringProperty("left")
    natural = NumericProperty(0)

    def do_layout(self, *_: object) -> None:
        """As wide as the widest."""
        self.natural = max((child.natural for child in self.children), default=0)
        super().do_layout()


class Sided(Placed):
    """What takes the width, and to its right what has a width of its own."""

    gap = NumericProperty(dp(12))

    def do_layout(self, *_: object) -> None:
        """Both in the middle of the height."""
        if len(self.children) != 2:
            return
        right, left = self.children
        left.width = self.inner - right.width - (self.gap if right.width else 0)
        tall = max(left.height, right.height)
        self.height = tall + self.padding[1] + self.padding[3]
        middle = self.y + self.padding[3] + tall / 2
        left.x, left.center_y = self.x + self.padding[0], middle
        right.right, right.center_y = self.right - self.padding[2], middle


class Cards(Each):
    """Cards in as many columns as there is room for, each under the shortest column so far."""

    narrowest = NumericProperty(dp(336))
    most = NumericProperty(2)

    def do_layout(self, *_: object) -> None:
        """Card by card."""
        fits = int((self.width + self.spacing) // (self.narrowest + self.spacing))
        count = max(1, min(int(self.most), fits))
        wide = (self.width - (count - 1) * self.spacing) / count
        for child in self.children:
            child.width = wide
        ends = [0.0] * count
        for child in self.there:
            column = ends.index(min(ends))
            child.x = self.x + column * (wide + self.spacing)
            child.top = self.top - ends[column]
            ends[column] += child.height + self.spacing
        self.height = max(ends) - self.spacing if self.there else 0
        for child in self.children:
            if child.height <= 0:
                child.pos = self.pos


class Content(ScrollView):
    """What scrolls: a stack of parts."""

    spacing = NumericProperty(0)
    padding = VariableListProperty([0, 0, 0, 0])

    def __init__(self, **given: Any) -> None:
        self._stack: Stack | None = None
        super().__init__(do_scroll_x=False, bar_width=0, scroll_distance=dp(12), scroll_timeout=150, **given)
        self._stack = Stack(size_hint_x=1)
        super().add_widget(self._stack)
        for name in ("spacing", "padding"):
            self.bind(**{name: self._pass})
            setattr(self._stack, name, getattr(self, name))

    def _pass(self, *_: object) -> None:
        if self._stack is not None:
            self._stack.spacing, self._stack.padding = self.spacing, self.padding

    def add_widget(self, widget: Any, *at: Any, **more: Any) -> None:
        """Into the stack."""
        if self._stack is None or widget is self._stack:
            super().add_widget(widget, *at, **more)
        else:
            self._stack.add_widget(widget, *at, **more)

    def on_touch_down(self, touch: Any) -> bool:
        """What is dragged has its finger at once; elsewhere a finger may scroll."""
        if self._stack is not None and self.collide_point(*touch.pos):
            touch.push()
            touch.apply_transform_2d(self.to_local)
            taken = any(self._gives(widget, touch) for widget in walk([self._stack]))
            touch.pop()
            if taken:
                return True
        return bool(super().on_touch_down(touch))

    @staticmethod
    def _gives(widget: Any, touch: Any) -> bool:
        takes = getattr(widget, "takes", None)
        return takes is not None and takes(touch) and bool(widget.on_touch_down(touch))


def walk(widgets: Iterable[Any]) -> Iterable[Any]:
    """All of them and what they hold."""
    for widget in widgets:
        yield widget
        yield from walk(widget.children)

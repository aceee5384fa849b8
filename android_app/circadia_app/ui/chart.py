"""What all charts do: draw one value object when it, the place or the theme changes, and never else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kivy.metrics import dp
from kivy.properties import NumericProperty, ObjectProperty

from circadia_app.ui.pen import Pen
from circadia_app.ui.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia_app.viewmodels.charts import Legend, Mark


class Chart(Picture):
    """A picture of `value`, as wide as it is given and as high as it needs."""

    value = ObjectProperty(None, allownone=True)
    drawn = NumericProperty(0)
    """How often it was drawn."""
    shows: ClassVar[tuple[str, ...]] = ("value",)

    def __init__(self, **given: Any) -> None:
        given.setdefault("size_hint_y", None)
        super().__init__(**given)

    def _draw(self, *_: object) -> None:
        if self.value is None:
            self.canvas.clear()
            self.height = 0.0
        if self.value is None or self.theme is None or self.width < dp(40):
            return
        self.height = self.high(Pen(self.theme, largest=self.largest))
        super()._draw()
        self.drawn += 1

    def high(self, pen: Pen) -> float:
        """The height that it needs at its width."""
        raise NotImplementedError


class Plot:
    """A box for points of the unit square."""

    def __init__(self, left: float, bottom: float, right: float, top: float) -> None:
        self.left, self.bottom, self.right, self.top = left, bottom, right, top

    def x(self, at: float) -> float:
        """Of a place on the axis."""
        return self.left + at * (self.right - self.left)

    def y(self, at: float) -> float:
        """Of a place on the axis."""
        return self.bottom + at * (self.top - self.bottom)

    def points(self, line: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """In pixels."""
        return [(self.x(x), self.y(y)) for x, y in line]


def axis_texts(pen: Pen, plot: Plot, marks: Sequence[Mark], y: float) -> None:
    """Words under an axis: centred at their places, but none over an end or over the one before it."""
    past = plot.left - dp(1)
    for mark in marks:
        wide = pen.width(mark.text)
        left = min(max(plot.x(mark.at) - wide / 2, plot.left), plot.right - wide)
        if mark.text and left >= past:
            pen.text(mark.text, left, y, at=(0, 1))
            past = left + wide + dp(6)


SWATCH, BESIDE, APART = 12, 6, 14


def legend_rows(pen: Pen, legend: Sequence[Legend], width: float) -> list[list[Legend]]:
    """Broken into rows of a width."""
    rows: list[list[Legend]] = [[]]
    used = 0.0
    for entry in legend:
        wide = dp(SWATCH + BESIDE) + pen.width(entry.text)
        if rows[-1] and used + wide > width:
            rows.append([])
            used = 0.0
        rows[-1].append(entry)
        used += wide + dp(APART)
    return rows if rows[0] else []


def row_height(pen: Pen) -> float:
    """Of a row of small words."""
    return float(dp(20) * pen.scale)


def paint_legend(pen: Pen, legend: Sequence[Legend], left: float, top: float, width: float) -> None:
    """Swatches with their words, row by row downwards."""
    side = dp(SWATCH)
    for number, row in enumerate(legend_rows(pen, legend, width)):
        x, y = left, top - (number + 0.5) * row_height(pen)
        for entry in row:
            pen.colour(entry.colour)
            if entry.hollow:
                pen.frame(x, y - side / 2, x + side, y + side / 2, radius=dp(2), thick=dp(3))
            elif entry.colour == "sleep":
                pen.rectangle(x, y - dp(1.5), x + side, y + dp(1.5))
            else:
                pen.rectangle(x, y - side / 2, x + side, y + side / 2, radius=dp(2))
            pen.colour("muted")
            x += side + dp(BESIDE)
            x += pen.text(entry.text, x, y) + dp(APART)

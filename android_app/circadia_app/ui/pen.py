"""Drawing on a canvas: lines, dashes, signs and words, by names of colours. In pixels of the window, y up."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from kivy.core.text import Label as Letters
from kivy.graphics import (
    Color,
    Mesh,
    Rectangle,
    SmoothEllipse,
    SmoothLine,
    SmoothRoundedRectangle,
    SmoothTriangle,
)
from kivy.metrics import Metrics, dp

from circadia_app.viewmodels.tokens import Glyph

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from circadia_app.theme import Theme

    Point = tuple[float, float]

LARGEST_IN_CHARTS = 1.3
"""Letters inside a chart grow no further with the font scale; the figures stand as text below."""


KEPT = 512
"""Words: a day's chart has thirty, of which a new figure changes one or two."""


@lru_cache(KEPT)
def _letters(text: str, pixels: float, *, bold: bool) -> Letters:
    """White: a chart that is drawn anew takes the same picture, for making it costs more than all else of the drawing."""
    made = Letters(text=text, font_size=pixels, font_name="Roboto", bold=bold)
    made.refresh()
    return made


class Pen:
    """Draws on the canvas whose `with` it is used in."""

    def __init__(self, theme: Theme, *, largest: float = LARGEST_IN_CHARTS) -> None:
        """`largest`: the greatest font scale that its letters follow."""
        self._theme = theme
        self._colour = ""
        self.scale = min(Metrics.fontscale, largest)

    def colour(self, name: str) -> None:
        """For all that follows."""
        if name != self._colour:
            self._colour = name
            Color(*self._theme.rgba(name))

    def rectangle(self, left: float, bottom: float, right: float, top: float, radius: float = 0.0) -> None:
        """Filled."""
        size = (max(0.0, right - left), max(0.0, top - bottom))
        if radius and min(size) > 0:
            SmoothRoundedRectangle(pos=(left, bottom), size=size, radius=[min(radius, min(size) / 2)])
        else:
            Rectangle(pos=(left, bottom), size=size)

    def frame(
        self, left: float, bottom: float, right: float, top: float, *, radius: float, thick: float
    ) -> None:
        """An outline, within the box."""
        half = thick / 2
        box = (left + half, bottom + half, max(0.1, right - left - thick), max(0.1, top - bottom - thick))
        SmoothLine(rounded_rectangle=(*box, max(0.1, radius - half)), width=half)

    def level(self, left: float, right: float, y: float, thick: float | None = None) -> None:
        """A straight line to the right."""
        thick = thick or max(1.0, dp(1))
        Rectangle(pos=(left, round(y - thick / 2)), size=(right - left, thick))

    def upright(self, x: float, bottom: float, top: float, thick: float | None = None) -> None:
        """A straight line upwards."""
        thick = thick or max(1.0, dp(1))
        Rectangle(pos=(round(x - thick / 2), bottom), size=(thick, top - bottom))

    def path(self, points: Sequence[Point], thick: float) -> None:
        """A line through all of them."""
        if len(points) > 1:
            SmoothLine(
                points=[part for point in points for part in point],
                width=thick / 2,
                joint="round",
                cap="round",
            )

    def dashes(self, points: Sequence[Point], thick: float, on: float, off: float) -> None:
        """Short lines along a path: `Line`'s own dashes end at a width of 1."""
        for piece in cut(points, on, off):
            self.path(piece, thick)

    def dots(self, left: float, right: float, y: float) -> None:
        """A dotted line to the right."""
        size, step, x = dp(2), dp(6), left
        while x < right:
            Rectangle(pos=(x, y - size / 2), size=(size, size))
            x += step

    def band(self, low: Sequence[Point], high: Sequence[Point]) -> None:
        """What lies between two paths with the same x."""
        vertices: list[float] = []
        for below, above in zip(low, high, strict=True):
            vertices += [*below, 0, 0, *above, 0, 0]
        Mesh(vertices=vertices, indices=range(2 * len(low)), mode="triangle_strip")

    def disc(self, x: float, y: float, radius: float) -> None:
        """Filled."""
        SmoothEllipse(pos=(x - radius, y - radius), size=(2 * radius, 2 * radius))

    def ring(self, x: float, y: float, radius: float, thick: float) -> None:
        """A circle's line, whose outer edge is at `radius`."""
        SmoothLine(circle=(x, y, radius - thick / 2), width=thick / 2)

    def arc(self, x: float, y: float, radius: float, thick: float, start: float, end: float) -> None:
        """A part of a ring, in degrees clockwise from the top."""
        SmoothLine(circle=(x, y, radius - thick / 2, start, end), width=thick / 2, cap="none")

    def triangle(self, points: Iterable[Point]) -> None:
        """Filled."""
        SmoothTriangle(points=[part for point in points for part in point])

    def letters(self, text: str, *, size: float = 12.0, bold: bool = False) -> Letters:
        """Words as a picture, in `size` sp."""
        return _letters(text, dp(size) * self.scale, bold=bold)

    def width(self, text: str, *, size: float = 12.0, bold: bool = False) -> float:
        """Of the words."""
        return float(self.letters(text, size=size, bold=bold).texture.width) if text else 0.0

    def text(
        self,
        text: str,
        x: float,
        y: float,
        *,
        at: Point = (0.0, 0.5),
        size: float = 12.0,
        bold: bool = False,
    ) -> float:
        """Words with the point `at` of their box, (0, 0) its lower left, at x and y; returns their width."""
        if not text:
            return 0.0
        texture = self.letters(text, size=size, bold=bold).texture
        place = (round(x - at[0] * texture.width), round(y - at[1] * texture.height))
        Rectangle(texture=texture, pos=place, size=texture.size)
        return float(texture.width)

    def glyph(self, glyph: Glyph, x: float, y: float, size: float) -> None:
        """A sign around a point, within a square of `size`."""
        half = size / 2
        thick = max(dp(1.5), size * 0.12)
        match glyph:
            case Glyph.SLEEP:
                self.rectangle(x - half, y - size * 0.1, x + half, y + size * 0.1, radius=size * 0.1)
            case Glyph.ANSWER:
                self.disc(x, y, half * 0.85)
            case Glyph.TRAIN:
                self.triangle([(x - half, y - half * 0.85), (x + half, y - half * 0.85), (x, y + half * 0.9)])
            case Glyph.HELD:
                self.frame(x - half, y - half, x + half, y + half, radius=size * 0.2, thick=thick)
                self.rectangle(x - half * 0.5, y - thick / 2, x + half * 0.5, y + thick / 2)
            case Glyph.ERROR:
                reach = half * 0.8
                for sign in (1, -1):
                    self.path([(x - reach, y - sign * reach), (x + reach, y + sign * reach)], thick * 1.3)
            case Glyph.START:
                self.arc(x, y, half, thick, 35, 325)
                self.rectangle(x - thick / 2, y, x + thick / 2, y + half)
            case Glyph.PAUSE:
                for left in (x - half * 0.7, x + half * 0.2):
                    self.rectangle(left, y - half * 0.85, left + half * 0.5, y + half * 0.85, radius=dp(1))


def cut(points: Sequence[Point], on: float, off: float) -> list[list[Point]]:
    """The pieces of a path that a dashed line shows: `on` long, `off` apart, around corners too."""
    pieces: list[list[Point]] = []
    piece: list[Point] = [points[0]] if points else []
    left, drawn = on, True
    for (x0, y0), (x1, y1) in pairwise(points):
        length, done = math.hypot(x1 - x0, y1 - y0), 0.0
        while length - done > left:
            done += left
            here = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length)
            if drawn:
                pieces.append([*piece, here])
            piece, drawn = [here], not drawn
            left = on if drawn else off
        left -= length - done
        if drawn:
            piece.append((x1, y1))
    if drawn and len(piece) > 1:
        pieces.append(piece)
    return pieces

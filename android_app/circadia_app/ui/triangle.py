"""The triangle of preferences: drag the point, or touch a corner's words for a step towards it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kivy.metrics import dp
from kivy.properties import NumericProperty

from circadia_app.ui.chart import Chart, Plot, row_height
from circadia_app.ui.pen import Pen

if TYPE_CHECKING:
    from circadia_app.viewmodels.charts import Corner, Triangle

    Weights = tuple[float, float, float]

STEP = 0.05
SIDE = 224


def weights_at(corners: tuple[Corner, ...], x: float, y: float) -> Weights:
    """Barycentric weights of a point, in steps of 5 %, each in [0, 1], their sum 1; a point outside goes to the edge."""
    (x1, y1), (x2, y2), (x3, y3) = (corner.at for corner in corners)
    whole = (y2 - y3) * (x1 - x3) + (x3 - x2) * (y1 - y3)
    first = ((y2 - y3) * (x - x3) + (x3 - x2) * (y - y3)) / whole
    second = ((y3 - y1) * (x - x3) + (x1 - x3) * (y - y3)) / whole
    inside = [max(0.0, part) for part in (first, second, 1 - first - second)]
    return stepped([part / sum(inside) for part in inside])


def stepped(weights: list[float]) -> Weights:
    """In steps of 5 % whose sum is still 1: the largest remainders are rounded up."""
    count = round(1 / STEP)
    floors = [math.floor(weight * count + 1e-9) for weight in weights]
    rest = sorted(range(3), key=lambda i: floors[i] - weights[i] * count)
    for i in rest[: count - sum(floors)]:
        floors[i] += 1
    return floors[0] * STEP, floors[1] * STEP, floors[2] * STEP


def towards(weights: Weights, corner: int) -> Weights:
    """A step of 5 % towards a corner, taken from the larger of the other two; the same at the corner."""
    counts = [round(weight / STEP) for weight in weights]
    others = sorted((i for i in range(3) if i != corner), key=lambda i: -counts[i])
    if counts[others[0]] == 0:
        return weights
    counts[others[0]] -= 1
    counts[corner] += 1
    return counts[0] * STEP, counts[1] * STEP, counts[2] * STEP


def moved(triangle: Triangle, weights: Weights) -> Triangle:
    """The same with its point, shares and thicknesses elsewhere."""
    first, second, third = (
        replace(corner, weight=weight, share=f"{round(100 * weight)}\N{NO-BREAK SPACE}%")
        for corner, weight in zip(triangle.corners, weights, strict=True)
    )
    corners = (first, second, third)
    point = tuple(sum(c.weight * c.at[axis] for c in corners) for axis in (0, 1))
    return replace(triangle, corners=corners, point=(point[0], point[1]))


class TriangleChart(Chart):
    """`Triangle`; `on_chosen` brings the weights (accuracy, latency, energy) when the finger lifts."""

    side = NumericProperty(dp(SIDE))

    def __init__(self, **given: Any) -> None:
        self.register_event_type("on_chosen")
        self._draft: Triangle | None = None
        super().__init__(**given)
        self.fbind("value", self._settle)

    def on_chosen(self, weights: Weights) -> None:
        """The finger lifted."""

    def _settle(self, *_: object) -> None:
        self._draft = None

    @property
    def shown(self) -> Triangle:
        """What is drawn: under the finger its own."""
        triangle: Triangle = self.value if self._draft is None else self._draft
        return triangle

    def high(self, pen: Pen) -> float:
        """Words above, the triangle, words below; corners are touched within 48 dp."""
        return float(min(self.side, self.width - dp(48)) * 0.866 + 2 * self._words(pen))

    def _words(self, pen: Pen) -> float:
        return float(max(dp(32), 1.4 * row_height(pen)))

    def plot(self, pen: Pen) -> Plot:
        """The triangle's box."""
        side = min(self.side, self.width - dp(48))
        left = self.center_x - side / 2
        bottom = self.y + self._words(pen)
        return Plot(left, bottom, left + side, bottom + side * 0.866)

    def paint(self, pen: Pen) -> None:
        """Ground, pulls, ring, point, words."""
        plot, triangle = self.plot(pen), self.shown
        corners = plot.points([corner.at for corner in triangle.corners])
        pen.colour("raised")
        pen.triangle(corners)
        pen.colour("muted")
        pen.path([*corners, corners[0]], dp(1.5))
        for x, y in plot.points(triangle.dots):
            pen.rectangle(x - dp(1), y - dp(1), x + dp(1), y + dp(1))
        x, y = plot.points([triangle.point])[0]
        pen.colour("pull")
        for corner, (to_x, to_y) in zip(triangle.corners, corners, strict=True):
            if corner.weight > 0:
                near = (to_x + (x - to_x) * 0.03, to_y + (y - to_y) * 0.03)
                pen.path([near, (x, y)], dp(2) + dp(10) * corner.weight)
        if triangle.ring is not None:
            pen.colour("muted")
            pen.ring(*plot.points([triangle.ring])[0], dp(6), dp(2))
        for colour, radius in (("card", 16), ("accent", 14), ("on_accent", 5)):
            pen.colour(colour)
            pen.disc(x, y, dp(radius))
        for corner, (left, bottom) in zip(triangle.corners, self._word_places(pen, plot), strict=True):
            pen.colour("ink")
            wide = pen.text(corner.name, left, bottom, size=14, bold=True)
            pen.text(corner.share, left + wide + dp(4), bottom, size=14)

    def _word_places(self, pen: Pen, plot: Plot) -> list[tuple[float, float]]:
        """Where the words of each corner begin, and their middle."""
        places = []
        for corner in self.shown.corners:
            wide = self._wide(pen, corner)
            above = corner.at[1] > 0.5
            left = min(max(plot.x(corner.at[0]) - wide / 2, self.x), self.right - wide)
            middle = self._words(pen) / 2
            places.append((left, plot.top + middle if above else plot.bottom - middle))
        return places

    def _wide(self, pen: Pen, corner: Corner) -> float:
        return float(pen.width(corner.name, size=14, bold=True) + dp(4) + pen.width(corner.share, size=14))

    def corner_at(self, x: float, y: float) -> int | None:
        """Whose words are touched; None: no corner's."""
        pen = Pen(self.theme)
        plot = self.plot(pen)
        for number, (left, middle) in enumerate(self._word_places(pen, plot)):
            wide = self._wide(pen, self.shown.corners[number])
            if left - dp(8) <= x <= left + wide + dp(8) and abs(y - middle) <= dp(24):
                return number
        return None

    def takes(self, touch: Any) -> bool:
        """Whether a finger there drags the point; elsewhere it may as well scroll."""
        return self.theme is not None and self.value is not None and self._near_point(touch)

    def on_touch_down(self, touch: Any) -> bool:
        """A corner's words step; elsewhere the finger is followed."""
        if self.theme is None or self.value is None or not self.collide_point(*touch.pos):
            return False
        corner = self.corner_at(*touch.pos)
        touch.grab(self)
        if corner is not None and not self._near_point(touch):
            first, second, third = (corner.weight for corner in self.shown.corners)
            self._place(towards((first, second, third), corner))
        else:
            self._follow(touch)
        return True

    def _near_point(self, touch: Any) -> bool:
        x, y = self.plot(Pen(self.theme)).points([self.shown.point])[0]
        return bool(math.hypot(touch.x - x, touch.y - y) < dp(32))

    def on_touch_move(self, touch: Any) -> bool:
        """Follows the finger."""
        if touch.grab_current is not self:
            return False
        if math.hypot(touch.x - touch.ox, touch.y - touch.oy) > dp(6):
            self._follow(touch)
        return True

    def on_touch_up(self, touch: Any) -> bool:
        """Settles."""
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        self.dispatch("on_chosen", tuple(corner.weight for corner in self.shown.corners))
        return True

    def _follow(self, touch: Any) -> None:
        plot = self.plot(Pen(self.theme))
        at = (
            (touch.x - plot.left) / (plot.right - plot.left),
            (touch.y - plot.bottom) / (plot.top - plot.bottom),
        )
        self._place(weights_at(self.shown.corners, *at))

    def _place(self, weights: Weights) -> None:
        self._draft = moved(self.value, weights)
        self._again()

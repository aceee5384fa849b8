"""A day: the battery's charge with its projection, and below on the same axis what was done."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

from kivy.metrics import dp
from kivy.properties import ObjectProperty

from circadia_app.ui.chart import Chart, Plot, axis_texts, legend_rows, paint_legend, row_height
from circadia_app.ui.pen import Pen

if TYPE_CHECKING:
    from circadia_app.viewmodels.charts import BatteryDay, Projection, Ribbon

PLOT, GAP, RIBBON = 120, 12, 48
THICK = 2.5


class BatteryChart(Chart):
    """`BatteryDay` above, `Ribbon` below. A touch on a column asks for that stretch's decisions: `on_stretch`."""

    ribbon = ObjectProperty(None, allownone=True)
    shows: ClassVar[tuple[str, ...]] = ("value", "ribbon")

    def __init__(self, **given: Any) -> None:
        self.register_event_type("on_stretch")
        super().__init__(**given)

    def high(self, pen: Pen) -> float:
        """Words above, plot, ribbon, hours, legend."""
        rows = len(legend_rows(pen, self._legend, self.width))
        return float(dp(PLOT + GAP + RIBBON + 8) + (2 + rows) * row_height(pen))

    @property
    def _legend(self) -> Any:
        return self.ribbon.legend if self.ribbon is not None else ()

    def plots(self, pen: Pen) -> tuple[Plot, Plot]:
        """The boxes of the battery and of the ribbon."""
        top = self.top - row_height(pen)
        upper = Plot(self.x, top - dp(PLOT), self.right, top)
        bottom = upper.bottom - dp(GAP + RIBBON)
        return upper, Plot(self.x, bottom, self.right, bottom + dp(RIBBON))

    def paint(self, pen: Pen) -> None:
        """From the ground upwards."""
        upper, lower = self.plots(pen)
        day: BatteryDay = self.value
        self._grid(pen, day, upper)
        self._floor(pen, day, upper)
        if day.projection is not None:
            self._project(pen, day.projection, upper)
        self._ribbon(pen, lower)
        self._charge(pen, day, upper, lower)
        if day.lacking:
            pen.colour("muted")
            pen.text(day.lacking, upper.right, upper.y(0.72), at=(1, 0.5))
        pen.colour("muted")
        axis_texts(pen, upper, day.hours, lower.bottom - dp(4))
        under = lower.bottom - dp(8) - row_height(pen)
        paint_legend(pen, self._legend, self.x, under, self.width)

    def _grid(self, pen: Pen, day: BatteryDay, plot: Plot) -> None:
        pen.colour("charge")
        for span in day.charger:
            pen.rectangle(plot.x(span.start), plot.bottom, plot.x(span.end), plot.top)
        pen.colour("line")
        for level in day.levels:
            pen.level(plot.left, plot.right, plot.y(level.at))
        if day.charger and day.charger_text:
            widest = max(day.charger, key=lambda span: span.end - span.start)
            wide = pen.width(day.charger_text) + dp(12)
            if wide <= plot.right - plot.x(widest.start):
                pen.colour("charge_text")
                if plot.x(widest.end) - plot.x(widest.start) < wide:
                    pen.colour("charge")
                    pen.rectangle(
                        plot.x(widest.start), plot.bottom, plot.x(widest.start) + wide, plot.y(0.17)
                    )
                    pen.colour("charge_text")
                pen.text(day.charger_text, plot.x(widest.start) + dp(6), plot.bottom + dp(2), at=(0, 0))
        pen.colour("muted")
        for level in day.levels:
            pen.text(level.text, plot.right, plot.y(level.at) + dp(1), at=(1, 0))

    def _floor(self, pen: Pen, day: BatteryDay, plot: Plot) -> None:
        if day.floor is None:
            return
        pen.colour("warn")
        y = plot.y(day.floor.at)
        pen.dots(plot.left, plot.right, y)
        end = day.projection.middle[-1][1] if day.projection is not None else 1.0
        if end < day.floor.at + 0.1:  # the projection's own figure stands at the right
            pen.text(day.floor.text, plot.left + dp(4), y + dp(1), at=(0, 0))
        elif day.floor.at < 0.16:
            pen.text(day.floor.text, plot.right, y + dp(1), at=(1, 0))
        else:
            pen.text(day.floor.text, plot.right, y - dp(1), at=(1, 1))

    def _project(self, pen: Pen, projection: Projection, plot: Plot) -> None:
        pen.colour("band")
        pen.band(plot.points(projection.low), plot.points(projection.high))
        pen.colour("ink")
        middle = plot.points(projection.middle)
        pen.dashes(middle, dp(2), dp(5), dp(4))
        x, y = middle[-1]
        low, high = plot.y(projection.low[-1][1]), plot.y(projection.high[-1][1])
        pen.upright(x, low, high, dp(1.5))
        for end in (low, high):
            pen.level(x - dp(4), x + dp(4), end, dp(1.5))
        pen.colour("card")
        pen.disc(x, y, dp(4))
        pen.colour("ink")
        pen.ring(x, y, dp(5), dp(2))
        pen.text(
            projection.text, min(x + dp(9), plot.right - pen.width(projection.text, bold=True)), y, bold=True
        )

    def _charge(self, pen: Pen, day: BatteryDay, plot: Plot, ribbon: Plot) -> None:
        pen.colour("ink")
        for piece in day.charge:
            pen.path(plot.points(piece), dp(THICK))
        if day.charge and day.charge_text:
            x, y = plot.points(day.charge[-1][-1:])[0]
            pen.disc(x, y, dp(4))
            left = x - plot.left > dp(30)
            under = y - plot.bottom > dp(24)
            pen.text(
                day.charge_text,
                x + dp(-8 if left else 8),
                y + dp(-4 if under else 4),
                at=(1 if left else 0, 1 if under else 0),
                bold=True,
            )
        if day.now is not None:
            x = plot.x(day.now.at)
            pen.upright(x, ribbon.bottom, plot.top + dp(4), dp(1.5))
            wide = pen.width(day.now.text, bold=True)
            beside = max((pen.width(level.text) for level in day.levels if level.at >= 0.95), default=0.0)
            place = min(max(x - wide / 2, plot.left), plot.right - beside - dp(6) - wide)
            pen.text(day.now.text, place, plot.top + dp(4), at=(0, 0), bold=True)

    def _ribbon(self, pen: Pen, plot: Plot) -> None:
        pen.colour("line")
        pen.level(plot.left, plot.right, plot.bottom)
        ribbon: Ribbon | None = self.ribbon
        if ribbon is None:
            return
        for column in sorted(
            ribbon.columns, key=attrgetter("colour")
        ):  # a change of colour costs as much as a column
            pen.colour(column.colour)
            apart = dp(0.5) if column.height > 0.1 else 0.0
            pen.rectangle(
                plot.x(column.start), plot.bottom, plot.x(column.end) - apart, plot.y(column.height)
            )
        pen.colour("muted")
        if ribbon.wake is not None:
            x, y = plot.x(ribbon.wake.at), plot.bottom + dp(10)
            now = plot.x(self.value.now.at) if self.value.now is not None else plot.left
            x = min(max(x, now + dp(10)), plot.right - dp(6))
            pen.ring(x, y, dp(5), dp(2))
            fits = x + dp(10) + pen.width(ribbon.wake.text) <= plot.right
            pen.text(ribbon.wake.text, x + dp(10 if fits else -10), y, at=(0 if fits else 1, 0.5))
        if ribbon.lacking:
            now = self.value.now.at if self.value.now is not None else 0.0
            pen.text(
                ribbon.lacking, plot.x(now / 2 if now > 0.5 else (1 + now) / 2), plot.y(0.5), at=(0.5, 0.5)
            )

    def on_touch_up(self, touch: Any) -> bool:
        """A touch on the ribbon, not the end of a scroll."""
        lower = self.plots(Pen(self.theme))[1] if self.theme is not None else None
        if (
            lower is None
            or self.ribbon is None
            or not self.collide_point(*touch.pos)
            or touch.grab_current is not None
        ):
            return bool(super().on_touch_up(touch))
        at = (touch.x - lower.left) / (lower.right - lower.left)
        if lower.bottom <= touch.y <= lower.top and abs(touch.oy - touch.y) < dp(10):
            for column in self.ribbon.columns:
                if column.start <= at < column.end:
                    self.dispatch("on_stretch", column.start_s, column.end_s)
                    return True
        return bool(super().on_touch_up(touch))

    def on_stretch(self, start_s: float, end_s: float) -> None:
        """The decisions between two times are asked for."""

"""The smaller charts: joules by mode, lines over days, bytes a day, days of a test, an estimate on its axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kivy.metrics import dp
from kivy.properties import BooleanProperty

from circadia_app.ui.chart import Chart, Plot, axis_texts, legend_rows, paint_legend, row_height
from circadia_app.viewmodels.tokens import Origin

if TYPE_CHECKING:
    from circadia_app.ui.pen import Pen
    from circadia_app.viewmodels.charts import EnergyBar, Series, Square, SquareRow


class EnergyChart(Chart):
    """`EnergyBars`: filled where measured, an outline where modelled, blocks where simulated."""

    def high(self, pen: Pen) -> float:
        """A row a mode."""
        return float(len(self.value.bars) * self._row(pen))

    def _row(self, pen: Pen) -> float:
        return float(dp(28) * pen.scale)

    def paint(self, pen: Pen) -> None:
        """Row by row."""
        bars = self.value.bars
        if not bars:
            return
        names = dp(24) + max(pen.width(bar.name, size=14) for bar in bars) + dp(16)
        figures = max(pen.width(bar.figure, size=14, bold=True) for bar in bars) + dp(12)
        for number, bar in enumerate(bars):
            y = self.top - (number + 0.5) * self._row(pen)
            pen.colour("muted" if bar.colour == "sleep" else bar.colour)
            pen.glyph(bar.glyph, self.x + dp(8), y, dp(13))
            pen.colour("ink")
            pen.text(bar.name, self.x + dp(24), y, size=14)
            pen.text(bar.figure, self.right, y, at=(1, 0.5), size=14, bold=True)
            self._bar(pen, bar, Plot(self.x + names, y - dp(8), self.right - figures, y + dp(8)))

    def _bar(self, pen: Pen, bar: EnergyBar, plot: Plot) -> None:
        end = plot.x(bar.length)
        if bar.length <= 0:
            return
        pen.colour(bar.colour)
        match self.value.origin:
            case Origin.MODELLED:
                pen.frame(
                    plot.left, plot.bottom, max(end, plot.left + dp(4)), plot.top, radius=dp(2), thick=dp(2)
                )
            case Origin.SIMULATED:
                x = plot.left
                while x < end:
                    pen.rectangle(x, plot.bottom, min(x + dp(4), end), plot.top)
                    x += dp(8)
            case _:
                pen.rectangle(plot.left, plot.bottom, max(end, plot.left + dp(1)), plot.top, radius=dp(2))


class LinesChart(Chart):
    """`Lines`: each with its name at its end."""

    def high(self, pen: Pen) -> float:
        """A word above, the plot, the days."""
        return float(dp(104) + 2 * row_height(pen))

    def paint(self, pen: Pen) -> None:
        """Grid, bands, lines, names."""
        lines = self.value
        ends = max((pen.width(series.name, bold=True) for series in lines.series), default=0.0)
        plot = Plot(
            self.x,
            self.y + row_height(pen),
            self.right - (ends + dp(10) if ends else 0),
            self.top - row_height(pen),
        )
        for level in lines.levels:
            pen.colour("line")
            pen.level(plot.left, plot.right, plot.y(level.at))
        for series in lines.series:
            if series.low:
                pen.colour("band")
                pen.band(plot.points(series.low), plot.points(series.high))
        pen.colour("muted")
        for level in lines.levels:
            pen.text(level.text, plot.left, plot.y(level.at) + dp(1), at=(0, 0))
        self._changes(pen, plot)
        for series in lines.series:
            self._line(pen, plot, series)
        self._names(pen, plot)
        pen.colour("muted")
        axis_texts(pen, plot, lines.days, plot.bottom - dp(3))
        if lines.lacking:
            pen.text(lines.lacking, plot.x(0.5), plot.y(0.25), at=(0.5, 0.5))

    def _changes(self, pen: Pen, plot: Plot) -> None:
        pen.colour("muted")
        for change in self.value.changes:
            x = plot.x(change.at)
            pen.dashes([(x, plot.bottom), (x, plot.top)], dp(1.5), dp(3), dp(3))
            wide = pen.width(change.text)
            left = x + dp(6) if x + dp(6) + wide <= plot.right else x - dp(6) - wide
            beside = max(
                (pen.width(level.text) for level in self.value.levels if level.at < 0.2), default=0.0
            )
            if left >= plot.left + beside + dp(4):
                pen.text(change.text, left, plot.bottom + dp(2), at=(0, 0))
            else:  # above the plot there is room for any
                pen.text(
                    change.text,
                    max(plot.left + dp(48), min(left, plot.right - wide)),
                    plot.top + dp(2),
                    at=(0, 0),
                )

    def _line(self, pen: Pen, plot: Plot, series: Series) -> None:
        pen.colour(series.colour)
        points = plot.points(series.line)
        if series.dashed:
            pen.dashes(points, dp(2), dp(5), dp(4))
        else:
            pen.path(points, dp(2.5))
            if points:
                pen.disc(*points[-1], dp(4))

    def _names(self, pen: Pen, plot: Plot) -> None:
        """At the ends, pushed apart where they would touch."""
        apart = dp(18) * pen.scale
        past = float("inf")
        for series in sorted((s for s in self.value.series if s.line), key=lambda s: -s.line[-1][1]):
            y = min(plot.y(series.line[-1][1]), past - apart)
            pen.colour(series.colour)
            pen.text(series.name, plot.right + dp(10), y, bold=not series.dashed)
            past = y


class DayBarsChart(Chart):
    """`DayBars`: sent and received, side by side."""

    def high(self, pen: Pen) -> float:
        """A word above, the bars, the days."""
        return float(dp(56) + 2 * row_height(pen))

    def paint(self, pen: Pen) -> None:
        """Level, bars, ground, days."""
        plot = Plot(self.x, self.y + row_height(pen), self.right, self.top - row_height(pen))
        pen.colour("line")
        pen.level(plot.left, plot.right, plot.top)
        pen.colour("muted")
        pen.text(self.value.level, plot.right, plot.top + dp(2), at=(1, 0))
        for bar in self.value.bars:
            middle = plot.x((bar.start + bar.end) / 2)
            wide = (plot.x(bar.end) - plot.x(bar.start)) * 0.4
            for colour, height, left in (
                ("accent", bar.first, middle - wide - dp(0.5)),
                ("muted", bar.second, middle + dp(0.5)),
            ):
                if height > 0:
                    pen.colour(colour)
                    pen.rectangle(left, plot.bottom, left + wide, max(plot.y(height), plot.bottom + dp(1)))
            pen.colour("muted")
            pen.text(bar.text, middle, plot.bottom + dp(2), at=(0.5, 0))
        pen.level(plot.left, plot.right, plot.bottom)
        axis_texts(pen, plot, self.value.days, plot.bottom - dp(4))
        if self.value.lacking:
            pen.text(self.value.lacking, plot.x(0.5), plot.y(0.5), at=(0.5, 0.5))


SIDE, BETWEEN, GROUPS = 20, 2, 8


class SquaresChart(Chart):
    """`Squares`: a square a day, pairs together."""

    def _lines(self, row: SquareRow) -> list[list[tuple[Square, ...]]]:
        """A phase's groups, broken to the width."""
        lines: list[list[tuple[Square, ...]]] = [[]]
        used = 0.0
        for group in row.groups:
            wide = dp(len(group) * (SIDE + BETWEEN) - BETWEEN)
            if lines[-1] and used + wide > self.width:
                lines.append([])
                used = 0.0
            lines[-1].append(group)
            used += wide + dp(GROUPS)
        return lines

    def high(self, pen: Pen) -> float:
        """A heading and its lines a phase, then the legend."""
        phases = sum(self._heading(pen) + len(self._lines(row)) * dp(SIDE + 8) for row in self.value.rows)
        return float(phases + dp(6) + len(legend_rows(pen, self.value.legend, self.width)) * row_height(pen))

    def _heading(self, pen: Pen) -> float:
        return float(dp(26) * pen.scale)

    def paint(self, pen: Pen) -> None:
        """Downwards."""
        y = self.top
        for row in self.value.rows:
            pen.colour("ink")
            pen.text(row.heading, self.x, y - self._heading(pen) / 2, size=13)
            y -= self._heading(pen)
            for line in self._lines(row):
                x = self.x
                for group in line:
                    for square in group:
                        self._square(pen, square, x, y - dp(SIDE))
                        x += dp(SIDE + BETWEEN)
                    x += dp(GROUPS - BETWEEN)
                y -= dp(SIDE + 8)
        paint_legend(pen, self.value.legend, self.x, y - dp(6), self.width)

    def _square(self, pen: Pen, square: Square, x: float, y: float) -> None:
        side = dp(SIDE)
        inset = dp(5) if square.today else 0.0
        if square.today:
            pen.colour("ink")
            pen.frame(x, y, x + side, y + side, radius=dp(4), thick=dp(2))
        pen.colour(square.colour)
        box = (x + inset, y + inset, x + side - inset, y + side - inset)
        if not square.filled:
            pen.frame(*box, radius=dp(3), thick=dp(1.5))
        else:
            pen.rectangle(*box, radius=dp(3))
        if square.hollow:
            pen.colour("card")
            third = (side - 2 * inset) * 0.3
            pen.rectangle(box[0] + third, box[1] + third, box[2] - third, box[3] - third)
        if square.out:
            pen.colour("bad")
            pen.path([(box[0] - dp(1), box[1] - dp(1)), (box[2] + dp(1), box[3] + dp(1))], dp(2))


class IntervalChart(Chart):
    """`IntervalAxis`: a bar with a dot, on an axis if it has marks."""

    bare = BooleanProperty(False)
    """Only the bar: the axis is said elsewhere."""

    def high(self, pen: Pen) -> float:
        """The bar, and the axis with its words."""
        return float(dp(24) if self._bare else dp(34) + row_height(pen) + self._sides(pen))

    @property
    def _bare(self) -> bool:
        return bool(self.bare) or not self.value.marks

    def _sides(self, pen: Pen) -> float:
        """Room for the words of the directions, above, where the bar would run into them."""
        value = self.value
        left = pen.width(value.left) + dp(8)
        right = pen.width(value.right) + dp(8)
        room = self.width - dp(40)
        hit = dp(20) + value.low * room < left or dp(20) + value.high * room > self.width - right
        return row_height(pen) if hit and (value.left or value.right) else 0.0

    def paint(self, pen: Pen) -> None:
        """Axis, interval, dot."""
        value = self.value
        pad = dp(8) if self._bare else dp(20)
        y = self.center_y if self._bare else self.top - dp(12) - self._sides(pen)
        plot = Plot(self.x + pad, self.y, self.right - pad, self.top)
        if not self._bare:
            self._axis(pen, plot, y)
        pen.colour(value.band)
        low, high = (plot.x(min(1.0, max(0.0, at))) for at in (value.low, value.high))
        pen.rectangle(low, y - dp(4), high, y + dp(4), radius=dp(4))
        pen.colour(value.colour)
        pen.disc(plot.x(min(1.0, max(0.0, value.middle))), y, dp(6.5))

    def _axis(self, pen: Pen, plot: Plot, y: float) -> None:
        value = self.value
        under = y - dp(22)
        pen.colour("muted")
        words = self.top - row_height(pen) / 2 if self._sides(pen) else y
        pen.text(value.left, self.x, words)
        pen.text(value.right, self.right, words, at=(1, 0.5))
        pen.level(plot.left, plot.right, under)
        past = self.x - dp(1)
        for mark in value.marks:
            x = plot.x(mark.at)
            pen.upright(x, under - dp(5), under + dp(5))
            wide = pen.width(mark.text)
            left = min(max(x - wide / 2, self.x), self.right - wide)
            if left >= past:
                pen.text(mark.text, left, under - dp(7), at=(0, 1))
                past = left + wide + dp(4)
        if value.zero is not None:
            pen.colour("ink")
            pen.upright(plot.x(value.zero), under - dp(5), y + dp(13), dp(2))

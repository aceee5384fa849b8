"""All words by key, in each language, with numbers, times and dates as that language writes them.

Numbers and units are joined by U+00A0, which keeps them on one line; minus is U+2212. At most three digits say something.
"""

from __future__ import annotations

import json
import locale
import math
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("en", "de")
NARROW = "\u00a0"
DAY_S, HOUR_S = 86_400.0, 3_600.0
EPOCH = date(1970, 1, 1).toordinal()
REAL_S = 1e8
"""Clocks that read less are a simulated day's: they count days from their own first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language."""

    language: str
    words: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The words of that key with the values in their places; `KeyError` for a key that there is not."""
        return self.words[key].format(**values)

    def count(self, key: str, n: int, **values: object) -> str:
        """As many as that: `KEY.one` or `KEY.other`."""
        return self(f"{key}.{'one' if n == 1 else 'other'}", n=self.whole(n), **values)

    def number(self, value: float, digits: int = 0) -> str:
        """With so many digits after the point."""
        text = f"{value:,.{digits}f}".replace("-", "−")
        if self.language == "de":
            text = text.translate(_GERMAN)
        return text.lstrip("−") if not text.strip("−0.,") else text

    def whole(self, value: int) -> str:
        """`2,314`."""
        return self.number(value)

    def figure(self, value: float) -> str:
        """With three digits that say something, two where they are enough: `0.80`, `6.6`, `54`, `343`."""
        return self.number(value, _digits(value))

    def signed(self, value: float, digits: int = 1) -> str:
        """With its sign: `+0.9`, `−8.1`."""
        text = self.number(value, digits)
        return text if text.startswith("−") or not float(f"{value:.{digits}f}") else f"+{text}"

    def share(self, value: float, digits: int = 0) -> str:
        """0.54 as `54 %`."""
        return f"{self.number(100 * value, digits)}{NARROW}%"

    def celsius(self, value: float) -> str:
        """`45 °C`."""
        return f"{self.number(value)}{NARROW}°C"

    def joules(self, value: float, fewer: int = 0) -> str:
        """`0.80 kJ`; `fewer` digits where the source tells less."""
        return self.joules_all((value,), fewer)[0]

    def joules_all(self, values: tuple[float, ...], fewer: int = 0) -> list[str]:
        """Figures of one table: all in the unit of the largest, with as many digits."""
        largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
        unit, by = next(
            ((unit, by) for unit, by in (("MJ", 1e6), ("kJ", 1e3)) if largest >= by * 0.9995), ("J", 1.0)
        )
        digits = max(_digits(largest / by) + (largest / by < 10) - fewer, 0) if largest else 0
        digits = min(digits, 2)
        return [f"{self.number(value / by, digits)}{NARROW}{unit}" for value in values]

    def size(self, size_bytes: float) -> str:
        """`93 kB`, by thousands."""
        unit, by = next(
            ((unit, by) for unit, by in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if size_bytes >= 0.9995 * by),
            ("B", 1.0),
        )
        value = size_bytes / by
        return f"{self.number(value, 1 if value < 9.95 and by > 1 else 0)}{NARROW}{unit}"

    def duration(self, seconds: float) -> str:
        """`1.2 s`, `40 min`, `3 h`, `2 days`."""
        if seconds < 59.5:
            return self._unit("s", seconds, 1 if seconds < 9.95 else 0)
        if seconds < 3570:
            return self._unit("min", seconds / 60, 0)
        if seconds < 47.5 * HOUR_S:
            return self._unit("h", seconds / HOUR_S, 0)
        return self._unit("d", seconds / DAY_S, 0)

    def _unit(self, unit: str, value: float, digits: int) -> str:
        return self(f"unit.{unit}", n=self.number(value, digits)).replace(" ", NARROW)

    def likely(self, low: str, high: str) -> str:
        """The interval of an estimate, as `low` and `high` are written: the unit stands once."""
        return self("likely", a=_without_unit(low, high), b=high)

    def interval(self, low: str, high: str) -> str:
        """The same in a table."""
        return self("interval", a=_without_unit(low, high), b=high)

    def both(self, first: str, second: str) -> str:
        """Joined by `and`."""
        return self("join.and", a=first, b=second)

    def date(self, at_s: float, midnight_s: float) -> str:
        """The day of a time, by a midnight of its own clock: `13 Nov`, or `day 3` of a simulated clock."""
        number = math.floor(midnight_s / DAY_S + 0.5) + math.floor((at_s - midnight_s) / DAY_S)
        if midnight_s < REAL_S:
            return self("time.day", n=number + 1) if number >= 0 else self("time.before")
        day = date.fromordinal(EPOCH + number)
        return self("time.date", day=day.day, month=self(f"month.{day.month}")).replace(" ", NARROW)


def _digits(value: float) -> int:
    size = abs(value)
    return 2 if 0 < size < 0.995 else 1 if 0 < size < 9.95 else 0


def _without_unit(low: str, high: str) -> str:
    number, gap, unit = low.partition(NARROW)
    return number if gap and high.endswith(gap + unit) else low


_GERMAN = str.maketrans(",.", ".,")


def clock(local_s: float) -> str:
    """Seconds since local midnight as `14:20`, down to the minute."""
    minutes = math.floor(local_s / 60) % 1440
    return f"{minutes // 60:02}:{minutes % 60:02}"


def texts_of(language: str) -> Texts:
    """Of `en`, `de`, or what begins like one of them (`de-AT`); `ConfigError` for a language that there is not."""
    short = language.replace("_", "-").partition("-")[0].lower()
    if short not in LANGUAGES:
        raise ConfigError(f"language {language!r}: there are {', '.join(LANGUAGES)}")
    found = files(__name__).joinpath(f"{short}.json").read_text(encoding="utf-8")
    return Texts(language=short, words=json.loads(found))


def system_language() -> str:
    """A desktop's where there are words in it, else English; on a phone Python's locale is always C."""
    return spoken(locale.getlocale()[0] or "")


def spoken(system: str) -> str:
    """The system's language, as it says it (`de`, `de_AT`), where there are words in it, else English."""
    language = system[:2]
    return language if language in LANGUAGES else "en"

"""What went over the federation's link, day by day and ever, in a file beside the store: the link itself forgets it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia.traffic import Traffic
from circadia_app import json_file

if TYPE_CHECKING:
    from pathlib import Path

MOST_DAYS = 60
"""That are told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What was counted."""

    ever: Traffic = field(default_factory=Traffic)
    days: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Local date, `2026-11-27` → bytes sent and received."""

    def having(self, more: Traffic, day: str) -> Book:
        """With what a day added."""
        sent, received = self.days.get(day, (0, 0))
        days = {**self.days, day: (sent + more.sent_bytes, received + more.received_bytes)}
        kept = sorted(days)[-MOST_DAYS:]
        ever = Traffic(
            sent_bytes=self.ever.sent_bytes + more.sent_bytes,
            received_bytes=self.ever.received_bytes + more.received_bytes,
            messages=self.ever.messages + more.messages,
            other_messages=self.ever.other_messages + more.other_messages,
        )
        return replace(self, ever=ever, days={one: days[one] for one in kept})


class Counter:
    """Of the service's thread: writes what one run of the agent added, once it is enough or some time has passed."""

    def __init__(self, path: Path, *, least_bytes: int = 4096) -> None:
        """`least_bytes`: with less than that the file is left as it is until `keep(all_of_it=True)`.

        But for messages of other kinds than an update's, of which each is written down.
        """
        self._path, self._least_bytes = path, least_bytes
        self._kept = Traffic()

    def begin(self) -> None:
        """Another run of the agent counts from nothing."""
        self._kept = Traffic()

    def keep(self, now: Traffic | None, day: str, *, all_of_it: bool = False) -> None:
        """Add what the run has counted since the last call. `ConfigError` where the file cannot be written."""
        if now is None:
            return
        more = now.less(self._kept)
        moved = more.sent_bytes + more.received_bytes
        if moved >= self._least_bytes or more.other_messages or (all_of_it and more.messages + moved):
            save(self._path, load(self._path).having(more, day))
            self._kept = now


def day_of(now_s: float, offset_s: float) -> str:
    """The local date of a time since the Unix epoch, `offset_s` east of it."""
    return datetime.fromtimestamp(now_s, timezone(timedelta(seconds=offset_s))).date().isoformat()


def day_number(day: str, today: str) -> int:
    """How many days after today, so 0 or less."""
    first, last = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (day, today))
    return (first - last).days


def load(path: Path) -> Book:
    """Of a file; nothing where there is none. `ConfigError` for one that cannot be read."""
    found = json_file.read(path)
    if found is None:
        return Book()
    try:
        ever = Traffic(**{name: int(value) for name, value in found["ever"].items()})
        return Book(ever=ever, days={str(day): (int(a), int(b)) for day, (a, b) in found["days"].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{path}: is no count of what was sent ({error!r}); delete it to count anew"
        ) from error


def save(path: Path, book: Book) -> None:
    """In the place of what was there."""
    ever: dict[str, Any] = {
        name: getattr(book.ever, name)
        for name in ("sent_bytes", "received_bytes", "messages", "other_messages")
    }
    json_file.write(path, {"ever": ever, "days": {day: list(counts) for day, counts in book.days.items()}})

"""What happened to the service, a JSON object a line: started, ended, paused, agreed, failed. Beside the decisions in the store."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

MOST_BYTES = 256 * 1024
"""Of the file; then it becomes the one before, and that goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line."""

    t_s: float
    """Seconds since the Unix epoch."""
    event: str
    fields: dict[str, Any] = field(default_factory=dict)
    """What else it says; plain JSON."""


class Journal:
    """Written by one process, which opens it for each line: a line is there or not, whatever ends the process."""

    def __init__(self, path: Path, now_s: Callable[[], float]) -> None:
        """`now_s`: seconds since the Unix epoch."""
        self.path = path
        self._now_s = now_s
        self._closed = False
        self._failing = False

    def close(self) -> None:
        """Nothing more is written: the file is about to be deleted."""
        self._closed = True

    def write(self, event: str, **fields: Any) -> None:
        """Add a line. Where the disk refuses, it is warned of once and the line is lost: a log ends nothing."""
        if self._closed:
            return
        try:
            self._add(event, fields)
            self._failing = False
        except OSError as error:
            if not self._failing:
                self._failing = True
                log.warning("%s: what happens is not written down: %s; free some room", self.path, error)

    def _add(self, event: str, fields: dict[str, Any]) -> None:
        line = json.dumps({"t_s": self._now_s(), "event": event, **fields}, ensure_ascii=False) + "\n"
        if self.path.is_file() and self.path.stat().st_size + len(line) > MOST_BYTES:
            self.path.replace(earlier(self.path))
        with self.path.open("ab") as file:
            file.write(line.encode("utf-8"))


def read(path: Path) -> list[Entry]:
    """Oldest first, the file before included; what is no entry, as a line cut off by a full disk, is passed over."""
    files = [file for file in (earlier(path), path) if file.is_file()]
    entries = [_entry(line) for file in files for line in file.read_bytes().splitlines()]
    return [entry for entry in entries if entry is not None]


def earlier(path: Path) -> Path:
    """The file before."""
    return path.with_name(path.name + ".1")


def _entry(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
        t_s, event = float(found.pop("t_s")), str(found.pop("event"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Entry(t_s=t_s, event=event, fields=found) if math.isfinite(t_s) else None


class JournalHandler(logging.Handler):
    """Warnings and errors of the process, with what was raised."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """As `logging` has it. What the journal says of itself is not for the journal."""
        if record.name == __name__:
            return
        try:
            raised = self.formatter or _PLAIN
            error = raised.formatException(record.exc_info) if record.exc_info else ""
            self._journal.write(
                "log", level=record.levelname, name=record.name, text=record.getMessage(), error=error
            )
        except Exception:  # noqa: BLE001 - as every handler of logging
            self.handleError(record)


_PLAIN = logging.Formatter()

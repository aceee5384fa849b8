"""The service's part of the app's log: its starts and ends, how the system ended it, warnings, and what the body says of itself."""

from __future__ import annotations

import dataclasses
import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from circadia.errors import CircadiaError
from circadia_app.journal import JournalHandler, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from circadia_app.exits import Exit
    from circadia_app.journal import Entry, Journal

log = logging.getLogger(__name__)

BODY = ("plugged", "bucket", "power_save", "idle", "thermal_status")
"""Of what a phone says of itself: a change is written down, beside one of its reader's unit and sign."""


class Diary:
    """Over a journal."""

    def __init__(self, journal: Journal, exits: Callable[[], Iterable[Exit]]) -> None:
        """`exits`: what the system remembers of the ends of the app's processes."""
        self._journal, self._exits = journal, exits
        self._body: tuple[Any, ...] = ()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """From here on warnings are in the app's log, and so is an earlier service that nobody ended."""
        before = [entry for entry in read(self._journal.path) if entry.event in {"started", "ended"}]
        if before and before[-1].event == "started":
            self._journal.write("killed", pid=before[-1].fields.get("pid"), since_s=before[-1].t_s)
        handler = JournalHandler(self._journal)
        logging.getLogger().addHandler(handler)
        try:
            self._note_exits(before)
            self._journal.write("started", pid=os.getpid())
            yield
        finally:
            logging.getLogger().removeHandler(handler)

    def _note_exits(self, before: list[Entry]) -> None:
        """Since the last start; the service's own is known already, if it ended well."""
        started = [entry for entry in before if entry.event == "started"]
        if not started:
            return
        known = started[-1].fields.get("pid") if before[-1].event == "ended" else None
        try:
            remembered = sorted(self._exits(), key=lambda one: one.t_s)
        except CircadiaError as error:
            log.warning("the system does not tell why the app ended: %s", error)
            return
        for one in remembered:
            if one.t_s > started[-1].t_s and one.pid != known:
                told = dataclasses.asdict(one)
                self._journal.write("exit", at_s=told.pop("t_s"), **told)

    def note_body(self, told: Mapping[str, Any] | None) -> None:
        """What the body says of itself, when something of it changes that changes seldom."""
        if told is None:
            return
        power = told.get("power") or {}
        mark = (power.get("unit"), power.get("sign"), *(told.get(name) for name in BODY))
        if mark != self._body:
            self._body = mark
            self._journal.write("body", **told)

"""Bars for work that tells how far it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console


@contextmanager
def bar(title: str, total: float) -> Iterator[Callable[[float], None]]:
    """On standard error if that is a terminal, with the time left; the function takes how much is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)


class Activity:
    """One line on standard error that says what is under way; a line for each part where there is no terminal."""

    def __init__(self, console: Console) -> None:
        from rich.progress import Progress

        self._console = console
        self._progress = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=1.0)
        self._last = ""

    def __enter__(self) -> Callable[[str, float], None]:
        self._progress.start()
        return self._told

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _told(self, what: str, share: float) -> None:
        if what != self._last and not self._console.is_terminal:
            self._console.print(what, highlight=False)
        self._last = what
        self._progress.update(self._task, description=what, completed=share)

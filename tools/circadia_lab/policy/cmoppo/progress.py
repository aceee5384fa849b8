"""Training as it goes: a bar with its figures in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from circadia_lab.policy.cmoppo.history import Progress

LINE_S = 10.0
"""Wall time between two lines where there is no terminal."""


class ProgressView:
    """A context that shows each `Progress` it is called with."""

    def __init__(
        self, console: Console, title: str = "training", now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._title = title
        self._now_s = now_s
        self._shown_s = -LINE_S
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=1.0, figures="compiling")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Show it."""
        text = line(progress)
        self._bar.update(self._task, completed=progress.steps / progress.of, figures=text)
        now = self._now_s()
        over = progress.steps >= progress.of
        if not self._console.is_terminal and (over or now - self._shown_s >= LINE_S):
            self._shown_s = now
            share = progress.steps / progress.of
            self._console.print(f"{self._title} {share:4.0%}  {text}", highlight=False, soft_wrap=True)


def line(progress: Progress) -> str:
    """The figures in a few words."""
    return (
        f"{progress.steps / 1e6:.1f} M ticks  {progress.steps_per_s / 1e3:.0f} k/s  "
        f"utility {progress.utility:.4f}  worst cost {1 + progress.worst_violation:.2f} × limit  "
        f"{progress.feasible_share:.0%} within limits  hypervolume {progress.hypervolume:.4g}"
    )

"""Stands for python-for-android's module of this name: notes what is asked of the activity."""

from __future__ import annotations

ASKED: list[str] = []


class Activity:
    """The one of the screens."""

    def moveTaskToBack(self, any_task: bool) -> bool:  # noqa: N802  Java's name
        """Out of sight, alive."""
        ASKED.append(f"to the back: {any_task}")
        return True


mActivity = Activity()  # noqa: N816  its name there

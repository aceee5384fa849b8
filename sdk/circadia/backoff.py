"""How long to leave something alone that failed."""

from __future__ import annotations


class BackOff:
    """A pause that doubles with every failure in a row, from `first_s` up to `longest_s`."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._pause_s = first_s
        self.due_s = 0.0
        """Not before this time."""

    def failed(self, now_s: float) -> float:
        """Note a failure; returns the pause."""
        pause_s = self._pause_s
        self.due_s = now_s + pause_s
        self._pause_s = min(2 * pause_s, self._longest_s)
        return pause_s

    def succeeded(self) -> None:
        """The next failure starts with the first pause again."""
        self._pause_s = self._first_s

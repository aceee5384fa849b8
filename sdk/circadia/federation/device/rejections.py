"""What a device makes of updates that are rejected: one may be, and after several for the same reason it holds the others.

Then one is tried now and again, at pauses that double, until one is accepted or rejected for another reason. So a device
whose updates are of no use does not spend its battery on them, and one whose federation was mended comes back by itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia.federation.device.patience import Patience

IN_A_ROW = 3
"""Rejections for the same reason after which updates are held."""


def kind_of(reason: str) -> str:
    """What it is about: `norm: the change's is 12, allowed is 10` and the same with other numbers are one reason."""
    return reason.partition(":")[0].strip()


class Rejections:
    """Counts them and says when the next update may go. Real seconds."""

    def __init__(self, patience: Patience, before: Sequence[str] = ()) -> None:
        """`before`: why the newest updates of an earlier run were rejected, the oldest first, none accepted since.

        If they are held, one is tried at once: somebody who mends something starts the device again.
        """
        self.until_s = -math.inf
        """Until then none goes, if they are held."""
        self.in_a_row = 0
        """For the same reason, up to the last."""
        self._patience = patience
        self._pauses = 0
        self._kind = ""
        for reason in before:
            self._count(reason)

    @property
    def held(self) -> bool:
        """Whether only one is tried, now and again."""
        return self.in_a_row >= IN_A_ROW

    def holds(self, now_s: float) -> bool:
        """Whether none goes now."""
        return self.held and now_s < self.until_s

    def accepted(self) -> None:
        """One was accepted: all go again."""
        self.in_a_row, self._pauses, self._kind = 0, 0, ""

    def rejected(self, reason: str, now_s: float) -> float | None:
        """One was rejected → the pause that begins with it; None: none does."""
        self._count(reason)
        if not self.held or self.holds(now_s):
            return None
        pause_s = self._patience.rejected_pause_s(self._pauses)
        self._pauses += 1
        self.until_s = now_s + pause_s
        return pause_s

    def _count(self, reason: str) -> None:
        kind = kind_of(reason)
        if kind != self._kind:
            self.accepted()
        self._kind = kind
        self.in_a_row += 1

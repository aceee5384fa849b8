"""The demonstration without a terminal: a line for each decision when its joules are settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia_lab.meter.words import line

if TYPE_CHECKING:
    from typing import Self

    from circadia_lab.meter.decision import Decision
    from circadia_lab.meter.live_device import LiveDevice


class Lines:
    """The same calls as `Screen`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def settled(self, decision: Decision) -> None:
        """Print it."""
        print(line(decision), flush=True)

    def news(self, text: str) -> None:
        """Print it, too."""
        print(f"{'':9}  {text}", flush=True)

    def update(self, device: LiveDevice) -> None:
        """Nothing to draw."""

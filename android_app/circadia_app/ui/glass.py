"""What screens are seen on: bars that cover them, a voice, the light that falls on them, motion. No Kivy."""

from __future__ import annotations

import math
from typing import Protocol

BRIGHT_LUX = 10_000.0
"""Full daylight: above it dark colours are hard to read."""


class Glass(Protocol):
    """A phone, or a desktop's window. For the screens' thread, and never slow."""

    def insets(self) -> tuple[float, float, float, float]:
        """Pixels that the system's bars cover at the left, top, right and bottom; 0 where they are not known."""

    def animates(self) -> bool:
        """Whether the person wants motion."""

    def speak(self, text: str, language: str) -> bool:
        """Say it, over what was being said. False: there is no voice for it."""

    def hush(self) -> None:
        """Say no more."""

    def lux(self) -> float:
        """The light on it; NaN: it does not tell, or not yet."""

    def rest(self) -> None:
        """Nobody looks: sensors may rest until the next `lux`."""


class Desktop:
    """Nothing covers its windows, and it offers neither voice nor light."""

    def insets(self) -> tuple[float, float, float, float]:
        """None."""
        return 0.0, 0.0, 0.0, 0.0

    def animates(self) -> bool:
        """It does."""
        return True

    def speak(self, text: str, language: str) -> bool:  # noqa: ARG002  of the port
        """It cannot."""
        return False

    def hush(self) -> None:
        """It says nothing."""

    def lux(self) -> float:
        """It does not tell."""
        return math.nan

    def rest(self) -> None:
        """There is nothing to rest."""

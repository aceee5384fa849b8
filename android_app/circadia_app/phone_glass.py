"""What a phone is to its screens: `org.circadia.android.Screen`, as `circadia_app.ui.glass.Glass`. It has never run on a phone."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

log = logging.getLogger(__name__)

SCREEN = "org.circadia.android.Screen"


class PhoneGlass:
    """Where Android refuses, the screens go on without: it is told once in the log."""

    def __init__(self, own: Callable[[str, str], Callable[..., Any]]) -> None:
        """`own`: (class, method) → a static method of the app's own Java, as `Jvm.own`, over the screens' activity."""
        self._own = own
        self._does: dict[str, Callable[..., Any]] = {}
        self._told: set[str] = set()

    def insets(self) -> tuple[float, float, float, float]:
        """As `Glass.insets`."""
        parts = str(self._asked("insets", "")).split()
        if len(parts) != 4:
            return 0.0, 0.0, 0.0, 0.0
        left, top, right, bottom = (float(part) for part in parts)
        return left, top, right, bottom

    def animates(self) -> bool:
        """As `Glass.animates`."""
        return bool(self._asked("animates", missing=True))

    def speak(self, text: str, language: str) -> bool:
        """As `Glass.speak`."""
        return bool(self._asked("speak", "", text, language))

    def hush(self) -> None:
        """As `Glass.hush`."""
        self._asked("hush", None)

    def lux(self) -> float:
        """As `Glass.lux`."""
        found = str(self._asked("lux", ""))
        return float(found) if found else math.nan

    def rest(self) -> None:
        """As `Glass.rest`."""
        self._asked("dark", None)

    def _asked(self, method: str, missing: Any, *arguments: str) -> Any:
        try:
            if method not in self._does:
                self._does[method] = self._own(SCREEN, method)
            return self._does[method](*arguments)
        except CircadiaError as error:
            if method not in self._told:
                self._told.add(method)
                log.warning("the screens go without %s: %s", method, error)
            return missing

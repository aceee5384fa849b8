"""How long a device waits before it asks again."""

from __future__ import annotations

from dataclasses import dataclass

from circadia.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """First waits, doubled each time in vain up to the longest. Real seconds."""

    chunk_s: float = 5.0
    """For the next chunk of a model, or the first manifest."""
    acknowledgement_s: float = 20.0
    """For the verdict on an update."""
    longest_s: float = 300.0

    def __post_init__(self) -> None:
        if not 0 < self.chunk_s <= self.longest_s or not 0 < self.acknowledgement_s <= self.longest_s:
            raise ConfigError(f"{self}: the first waits must be positive and no longer than the longest")

    def wait_s(self, first_s: float, attempts: int) -> float:
        """First · 2^attempts, at most the longest."""
        return min(first_s * 2.0 ** min(attempts, 32), self.longest_s)

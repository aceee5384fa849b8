"""How long a device waits before it asks again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from circadia.errors import ConfigError

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """First waits, doubled each time in vain up to the longest. Real seconds."""

    chunk_s: float = 5.0
    """For the next chunk of a model, or the first manifest."""
    acknowledgement_s: float = 20.0
    """For the verdict on an update."""
    longest_s: float = 300.0
    not_now_s: float = 20.0
    """For an update that the aggregator cannot read or use yet."""
    longest_not_now_s: float = 3600.0
    rejected_s: float = 3600.0
    """For the next update, after several were rejected for the same reason."""
    longest_rejected_s: float = 24 * HOUR_S

    def __post_init__(self) -> None:
        if not 0 < self.chunk_s <= self.longest_s or not 0 < self.acknowledgement_s <= self.longest_s:
            raise ConfigError(f"{self}: the first waits must be positive and no longer than the longest")
        if not 0 < self.not_now_s <= self.longest_not_now_s <= HOUR_S:
            raise ConfigError(
                f"{self}: not_now_s must be positive, longest_not_now_s as long or longer, an hour at most"
            )
        if not 0 < self.rejected_s <= self.longest_rejected_s < math.inf:
            raise ConfigError(f"{self}: rejected_s must be positive, longest_rejected_s as long or longer")

    def wait_s(self, first_s: float, attempts: int) -> float:
        """First · 2^attempts, at most the longest."""
        return min(first_s * 2.0 ** min(attempts, 32), self.longest_s)

    def put_off_s(self, attempts: int) -> float:
        """not_now_s · 2^attempts, at most `longest_not_now_s`."""
        return min(self.not_now_s * 2.0 ** min(attempts, 32), self.longest_not_now_s)

    def rejected_pause_s(self, attempts: int) -> float:
        """rejected_s · 2^attempts, at most `longest_rejected_s`."""
        return min(self.rejected_s * 2.0 ** min(attempts, 32), self.longest_rejected_s)

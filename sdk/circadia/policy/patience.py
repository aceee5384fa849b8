"""How long learning may wait, by what a wake costs, what the user prefers and how often the model errs of late.

What waits T loses accuracy in proportion to T and to the model's errors; waking for it takes its joules every T. The sum

    w_accuracy · (e / e₀) · T / (2 T₀)  +  w_energy · (j / j₀) · T₀ / (2 T)

is least at   T = T₀ √( (w_energy / w_accuracy) · (j / j₀) · (e₀ / e) ),   the square-root law of the economic order quantity
(Harris, 1913). j is the joules of the wake-up and of what it is for: a large training, or a session on the radio; while
energy comes in they count a tenth.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import FACTS
from circadia.due import Patience
from circadia.errors import ConfigError
from circadia.observation import COLUMN, HOUR_S

if TYPE_CHECKING:
    from circadia.due import DueLimits

STEPS = max(FACTS.steps[FACTS.trains])
"""Of a large training."""
LEAST_WEIGHT = 0.1
"""Of a preference: who cares for nothing but accuracy wakes three times as often as who cares alike, not without end."""
LEAST_ERROR = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class PatienceLaw:
    """Its numbers."""

    usual_j: float = 81.0
    """j₀: a wake of so many joules waits as long as the limits say; 0: every wake does."""
    usual_error: float = 0.04
    """e₀: at this share of wrong answers, too. Fewer do not make it wait longer, for what is rare is not seen …"""
    most_haste: float = 0.3
    """… and more make it wait this share of it at least."""
    shortest_s: float = 150.0
    """No wait is shorter …"""
    longest_s: float = 3 * HOUR_S
    """… or longer than this, or than its limit if that is longer still."""
    charged_price: float = 0.1
    """Of a joule while energy comes in."""

    def __post_init__(self) -> None:
        numbers = astuple(self)
        if not all(math.isfinite(n) and n >= 0 for n in numbers) or not 0 < self.most_haste <= 1:
            raise ConfigError(f"patience: {self}: numbers from 0 on, most_haste above 0 and at most 1")
        if not 0 < self.shortest_s <= self.longest_s or not self.usual_error > 0:
            raise ConfigError(
                f"patience: {self}: usual_error and shortest_s above 0, longest_s no less than shortest_s"
            )

    def of(self, x: Any, limits: DueLimits, xp: Any = np) -> Patience:
        """(…, features) values → factors of the limits; what is not known counts as usual."""
        if not self.usual_j:
            return Patience()
        weights = (_column(x, f"preference_{name}", 1 / 3, xp) for name in ("energy", "accuracy"))
        energy, accuracy = (xp.maximum(weight, LEAST_WEIGHT) for weight in weights)
        error = xp.maximum(_column(x, "recent_error", self.usual_error, xp), LEAST_ERROR)
        haste = xp.clip(xp.sqrt(self.usual_error / error), self.most_haste, 1.0)
        price = xp.where(_column(x, "charging", 0.0, xp) > 0, self.charged_price, 1.0)
        wake_j = x[..., COLUMN["wake_up_j"]]
        train_j = wake_j + STEPS * x[..., COLUMN["training_step_j"]]
        radio_j = wake_j + x[..., COLUMN["radio_session_j"]]

        def factor(joules: Any, limit_s: float) -> Any:
            known_j = xp.where(xp.isnan(joules), self.usual_j, joules)
            waits_s = limit_s * haste * xp.sqrt(energy / accuracy * price * known_j / self.usual_j)
            return xp.clip(waits_s, self.shortest_s, max(self.longest_s, limit_s)) / max(limit_s, 1.0)

        return Patience(factor(train_j, limits.fresh_limit_s), factor(radio_j, limits.contact_limit_s))


def _column(x: Any, name: str, absent: float, xp: Any) -> Any:
    value = x[..., COLUMN[name]]
    return xp.where(xp.isnan(value), absent, value)

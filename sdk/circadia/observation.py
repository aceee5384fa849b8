"""Observation → int8 vector: the only encoder, for one device in NumPy and for thousands in JAX.

    z = log(1 + x / scale) if the feature is logarithmic, else x
    q = round(127 · (2 · (clip(z, low, high) − low) / (high − low) − 1))

After all values come all validities: 127 if x is finite, else −127, with q = 0 for the value itself.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.types import Observation

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of the table: which field, in which unit, clipped to which range, on which scale."""

    name: str
    unit: str
    low: float
    high: float
    scale: float = 0.0
    """0: linear; otherwise the x at which the logarithm bends."""


TABLE: tuple[Feature, ...] = (
    Feature("dt_s", "s", 0, 6 * HOUR_S, 10),
    Feature("battery_soc", "1", 0, 1),
    Feature("charging", "bool", 0, 1),
    Feature("temperature_c", "°C", 0, 60),
    Feature("thermal_headroom", "1", 0, 1),
    Feature("power_save", "bool", 0, 1),
    Feature("user_active", "bool", 0, 1),
    Feature("cpu_load", "1", 0, 1),
    Feature("link", "Link", 0, 2),
    Feature("link_bytes_per_s", "B/s", 0, 1e8, 1e4),
    Feature("queue_length", "requests", 0, 64, 2),
    Feature("queue_age_s", "s", 0, HOUR_S, 10),
    Feature("queue_slack_s", "s", 0, HOUR_S, 10),
    Feature("fresh_examples", "examples", 0, 1024, 8),
    Feature("fresh_age_s", "s", 0, DAY_S, MINUTE_S),
    Feature("unsent_examples", "examples", 0, 8192, 64),
    Feature("practice", "examples", 0, 262_144, 64),
    Feature("spooled_updates", "updates", 0, 32, 1),
    Feature("versions_behind", "versions", 0, 64, 1),
    Feature("model_age_s", "s", 0, DAY_S, MINUTE_S),
    Feature("day_sine", "1", -1, 1),
    Feature("day_cosine", "1", -1, 1),
    Feature("charge_forecast", "1", 0, 1),
    Feature("preference_accuracy", "1", 0, 1),
    Feature("preference_latency", "1", 0, 1),
    Feature("preference_energy", "1", 0, 1),
    # from here on: what a device remembers of late, and what its body can do about waking
    Feature("trained_age_s", "s", 0, DAY_S, MINUTE_S),
    Feature("contact_age_s", "s", 0, DAY_S, MINUTE_S),
    Feature("recent_error", "1", 0, 1),
    Feature("error_age_s", "s", 0, DAY_S, MINUTE_S),
    Feature("requests_per_hour", "1/h", 0, 3600, 1),
    Feature("training_gain", "1", -1, 1),
    Feature("deadline_s", "s", 0, DAY_S, 10),
    Feature("wake_on_request", "1", 0, 2),
    Feature("wake_up_j", "J", 0, 1000, 0.1),
    Feature("radio_session_j", "J", 0, 1000, 0.1),
    Feature("sleep_w", "W", 0, 10, 0.001),
    Feature("training_step_j", "J", 0, 1000, 0.01),
)
"""The observation table, in the order of `Observation`'s fields; it is part of every policy file. It only grows, at its end."""

COLUMN: dict[str, int] = {feature.name: i for i, feature in enumerate(TABLE)}
WIDTH = 2 * len(TABLE)
"""Length of the encoded vector."""
NO_DEADLINE_S = TABLE[COLUMN["queue_slack_s"]].high
INPUT_SCALE = 1 / 127
"""Real value of one step of the encoded vector; its zero point is 0."""

_read = attrgetter(*(f.name for f in fields(Observation)))


def values(observation: Observation) -> NDArray[np.float32]:
    """The observation's fields as a (features,) vector, NaN where absent."""
    return np.array(_read(observation), np.float32)


class Encoder:
    """What a network that was made for a table is fed: today's or, from its file, another version's."""

    def __init__(self, table: tuple[Feature, ...] = TABLE) -> None:
        """`table`: whose highs lie above their lows."""
        self.table = table
        scale = np.array([f.scale for f in table])
        lowest, highest = (np.array([getattr(f, end) for f in table]) for end in ("low", "high"))
        logarithmic = scale > 0
        bend = np.where(logarithmic, scale, np.inf)
        low, high = (np.where(logarithmic, np.log1p(end / bend), end) for end in (lowest, highest))
        gain = 254 / (high - low)
        columns = (lowest, highest, gain * ~logarithmic, gain * logarithmic, bend, -127 - low * gain)
        # Lowest, highest; then a, b, c, d of q = a · x + b · log(1 + x / c) + d, where a = 0 or else 1 / c = 0.
        self._columns = tuple(column.astype(np.float32) for column in columns)
        self._valid = np.full(len(table), 127, np.int8)
        self._invalid = -self._valid

    def __call__(self, x: Any, xp: Any = np) -> Any:
        """(…, features) float32 values, NaN where absent → (…, 2 · features) int8: all values, then all validities.

        Free of branches, and of passes where it can be: a device encodes one vector a tick and pays by the call.
        """
        lowest, highest, linear, bent, bend, offset = self._columns
        valid = xp.isfinite(x)
        z = xp.minimum(xp.fmax(x, lowest), highest)
        q = xp.rint(linear * z + bent * xp.log1p(z / bend) + offset).astype(xp.int8)
        return xp.concatenate([q * valid, xp.where(valid, self._valid, self._invalid)], axis=-1)


encode = Encoder()
"""Today's observations as today's networks are fed: (…, features) values → (…, WIDTH) int8."""


class Selection:
    """Today's observations as another version's table has them, matched by name and unit."""

    def __init__(self, table: tuple[Feature, ...]) -> None:
        places = {(feature.name, feature.unit): place for place, feature in enumerate(TABLE)}
        found = [places.get((feature.name, feature.unit), -1) for feature in table]
        self.absent = tuple(feature.name for feature, place in zip(table, found, strict=True) if place < 0)
        """Features that this version does not observe, or in another unit; they are NaN."""
        self._places = None if found == list(range(len(TABLE))) else np.array(found)

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(…, features of today) → (…, features of the table)."""
        if self._places is None:
            return x
        nothing = np.full((*x.shape[:-1], 1), np.nan, np.float32)
        chosen: NDArray[np.float32] = np.concatenate([x, nothing], axis=-1)[..., self._places]
        return chosen

"""What the device knows when it decides, the user's preference included."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from circadia.errors import ConfigError

NAN = math.nan


class Link(IntEnum):
    """The network link, ordered by how freely it may be used."""

    NONE = 0
    METERED = 1
    FREE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What the user cares about: three weights in [0, 1] that sum to 1."""

    accuracy: float = 1 / 3
    latency: float = 1 / 3
    energy: float = 1 / 3

    def __post_init__(self) -> None:
        weights = (self.accuracy, self.latency, self.energy)
        if not all(math.isfinite(w) and 0 <= w <= 1 for w in weights):
            raise ConfigError(f"preference {weights}: every weight must lie in [0, 1]")
        if not math.isclose(sum(weights), 1, abs_tol=1e-6):
            raise ConfigError(f"preference {weights}: the weights sum to {sum(weights):.6g}, not to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the device knows when it decides. NaN marks a sensor that is absent or nonsense.

    Ranges that the policy distinguishes stand in `circadia.observation.TABLE`.
    """

    dt_s: float = NAN
    """Time since the last tick began."""
    battery_soc: float = NAN
    """State of charge, 0 to 1."""
    charging: float = NAN
    """1 while energy comes in, else 0."""
    temperature_c: float = NAN
    """Of the battery or the processor, whichever is nearer to its limit."""
    thermal_headroom: float = NAN
    """(limit − temperature) / (limit − 25 °C): 1 is cool, 0 is at the limit."""
    power_save: float = NAN
    """1 while the operating system saves power."""
    user_active: float = NAN
    """1 while somebody uses the device."""
    cpu_load: float = NAN
    """Other programs' share of the processor, 0 to 1."""
    link: float = NAN
    """A `Link`, as a number."""
    link_bytes_per_s: float = NAN
    queue_length: float = NAN
    """Requests that wait."""
    queue_age_s: float = NAN
    """Age of the oldest request that waits; 0 with none."""
    queue_slack_s: float = NAN
    """Time until the first deadline of a waiting request; the table's maximum with none."""
    fresh_examples: float = NAN
    """Examples that no training step has seen."""
    fresh_age_s: float = NAN
    """Age of the oldest of them: the data's freshness; 0 with none."""
    unsent_examples: float = NAN
    """Examples trained on since the last update was made."""
    practice: float = NAN
    """Examples trained on lately, older ones faded (`circadia.practice`): how well the weights know the device's data."""
    spooled_updates: float = NAN
    """Updates made and not yet acknowledged."""
    versions_behind: float = NAN
    """The federation's newest known version minus the installed one."""
    model_age_s: float = NAN
    """Time since the installed version was published."""
    day_sine: float = NAN
    """sin(2π · local time of day / 24 h)."""
    day_cosine: float = NAN
    """cos(2π · local time of day / 24 h)."""
    charge_forecast: float = NAN
    """Charge expected within six hours, as a share of the battery's capacity."""
    preference_accuracy: float = 1 / 3
    preference_latency: float = 1 / 3
    preference_energy: float = 1 / 3
    trained_age_s: float = NAN
    """Time since the last training; `circadia.recent.NEVER_S` before the first."""
    contact_age_s: float = NAN
    """Time since the federation last answered a pull or a push; the same before, NaN without a federation."""
    recent_error: float = NAN
    """Share of wrong answers among those whose label came lately, 0 to 1 (`circadia.recent`)."""
    error_age_s: float = NAN
    """Time since the last such label."""
    requests_per_hour: float = NAN
    """How often requests come, lately."""
    training_gain: float = NAN
    """How far the loss fell in the last training, 1 − last half / first half of its steps, in [−1, 1]."""
    deadline_s: float = NAN
    """How long requests can wait, as a rule."""
    wake_on_request: float = NAN
    """Whether a request ends a sleep: 0 never, 1 in time for its deadline at best, 2 at once."""
    wake_up_j: float = NAN
    """What one wake-up takes."""
    radio_session_j: float = NAN
    """What one exchange takes before its first byte."""
    sleep_w: float = NAN
    """What sleep draws."""
    training_step_j: float = NAN
    """What one step of training takes at the low clock."""

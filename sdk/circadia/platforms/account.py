"""Who drew a simulated body's joules, and who paid for them: its battery, or charger and panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from circadia.physics.state import Drained
    from circadia.types import Phase


ROUNDING = 1e-9
"""Of what was drawn: less than that of it is no battery's, but a sum's last digits."""


class Account(NamedTuple):
    """Sums since the body was first looked at; joules unless said.

    At every moment charger and panel pay first, for everything alike; the battery pays the rest:

        battery = Σ max(work + rest + user − η · charged, 0)        over stretches of a minute at most

    What charger and panel put into the battery beyond that pays back nothing: the battery's joules are those that
    a person would see it lose, and a device on its charger draws none.
    """

    work_j: float = 0.0
    """The agent's: waking up, serving, training, radio, and being awake for it."""
    rest_j: float = 0.0
    """Asleep, or awake with nothing to do."""
    user_j: float = 0.0
    """Screen and applications."""
    battery_work_j: float = 0.0
    """The battery's part of `work_j`."""
    battery_j: float = 0.0
    """The battery's part of all three."""
    battery_s: float = 0.0
    """Seconds in which the battery paid anything."""

    @property
    def device_j(self) -> float:
        """All that was drawn."""
        return self.work_j + self.rest_j + self.user_j

    def and_then(self, spent: Iterable[Phase], body: Drained, charge_efficiency: float) -> Account:
        """With one more stretch: the phases that fell into it, and what it did to the body."""
        seconds = float(np.sum(body.durations_s))
        drawn_j = float(np.sum(body.energy_j))
        work_j = sum(
            float(body.energy_j[phase.load]) * phase.duration_s / float(body.durations_s[phase.load])
            for phase in spent
            if phase.duration_s > 0
        )
        user_j = float(body.background_j)
        wanted_j = drawn_j + user_j
        battery_j = wanted_j - charge_efficiency * float(body.charged_j)
        if battery_j < ROUNDING * wanted_j:
            battery_j = 0.0
        part = battery_j / wanted_j if battery_j else 0.0
        return Account(
            work_j=self.work_j + work_j,
            rest_j=self.rest_j + max(drawn_j - work_j, 0.0),
            user_j=self.user_j + user_j,
            battery_work_j=self.battery_work_j + part * work_j,
            battery_j=self.battery_j + battery_j,
            battery_s=self.battery_s + (seconds if battery_j else 0.0),
        )

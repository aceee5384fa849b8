"""What actions would have cost in energy, by a device profile, in the situations that were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import FACTS
from circadia.observation import COLUMN
from circadia.physics.dynamics import load_power_w, phase_durations
from circadia.physics.params import make_params
from circadia.physics.scenario import scenario_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.energy.profile import DeviceProfile

    Floats = NDArray[np.float64]


def modelled_j(x: NDArray[np.float32], profile: DeviceProfile) -> Floats:
    """(ticks, features) values → (ticks, actions) joules of each action's own phases there, rest not counted.

    Trainings are taken to find examples; the sizes of updates and models are those of the profile's scenario.
    """
    params = make_params(profile, scenario_for(profile))
    waiting, spooled = _column(x, "queue_length"), _column(x, "spooled_updates")
    units = np.minimum(waiting, FACTS.answers), np.broadcast_to(FACTS.steps, (len(x), len(FACTS.steps)))
    made = spooled + np.minimum(_column(x, "unsent_examples"), 1)
    down = params.poll_bytes + (_column(x, "versions_behind") > 0) * params.model_bytes
    size = FACTS.pulls * down + FACTS.pushes * made * params.update_bytes
    link = np.broadcast_to(_column(x, "link"), size.shape)
    durations = phase_durations(FACTS.work_load, units, size, link, params, np)
    power = load_power_w(np.broadcast_to(_column(x, "user_active"), size.shape), params, np)
    joules: Floats = (durations * power).sum(-1)
    return joules


def _column(x: NDArray[np.float32], name: str) -> Floats:
    """(ticks, 1), absent sensors as 0."""
    return np.nan_to_num(x[:, COLUMN[name], None].astype(np.float64))

"""What actions would have cost in energy, by a device profile, in the situations that were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import CATALOGUE, LOCAL_STEPS, SERVE_LIMIT
from circadia.observation import COLUMN
from circadia.physics.dynamics import load_power_w, phase_durations
from circadia.physics.params import make_params
from circadia.physics.scenario import scenario_for
from circadia.types import Mode, Sync

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.energy.profile import DeviceProfile

    Floats = NDArray[np.float64]

STEPS = np.array([LOCAL_STEPS[a.work] if a.mode is Mode.TRAIN else 0 for a in CATALOGUE])
ANSWERS = np.array([SERVE_LIMIT[a.work] if a.mode is Mode.SERVE else 0 for a in CATALOGUE])
PUSHES = np.array([a.sync is Sync.INT8 for a in CATALOGUE])
SYNCS = np.array([a.sync is not Sync.NONE for a in CATALOGUE])


def modelled_j(x: NDArray[np.float32], profile: DeviceProfile) -> Floats:
    """(ticks, features) values → (ticks, actions) joules of each action's own phases there, rest not counted.

    Trainings are taken to find examples; the sizes of updates and models are those of the profile's scenario.
    """
    params = make_params(profile, scenario_for(profile))
    actions = np.arange(len(CATALOGUE))
    waiting, spooled = _column(x, "queue_length"), _column(x, "spooled_updates")
    units = STEPS + np.minimum(waiting, ANSWERS)
    made = spooled + PUSHES * np.minimum(_column(x, "unsent_examples"), 1)
    size = params.poll_bytes + PUSHES * made * params.update_bytes
    size = SYNCS * (size + (_column(x, "versions_behind") > 0) * params.model_bytes)
    link = np.broadcast_to(_column(x, "link"), units.shape)
    durations = phase_durations(np.broadcast_to(actions, units.shape), units, size, link, params, np)
    power = load_power_w(np.broadcast_to(_column(x, "user_active"), units.shape), params, np)
    joules: Floats = (durations * power).sum(-1)
    return joules


def _column(x: NDArray[np.float32], name: str) -> Floats:
    """(ticks, 1), absent sensors as 0."""
    return np.nan_to_num(x[:, COLUMN[name], None].astype(np.float64))

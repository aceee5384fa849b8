"""Joules by mode, with where they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import FACTS
from circadia.types import Mode, Source
from circadia_app.viewmodels.tokens import Origin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.history import Ticks

ORIGINS = {
    Source.MEASURED: Origin.MEASURED,
    Source.MODELLED: Origin.MODELLED,
    Source.SIMULATED: Origin.SIMULATED,
}
SOURCES = tuple(Source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Of some ticks."""

    by_mode: dict[Mode, float]
    """Joules of sleep, answers and training: where the source tells loads apart, of the work alone."""
    bound_j: float
    """How far the sum may be off."""
    origin: Origin
    """The weakest of its sources."""
    shares: dict[Source, float]
    """Of the time, by source; together below 1 where joules are not known."""

    @property
    def total_j(self) -> float:
        """Of all modes."""
        return math.fsum(self.by_mode.values())


def energy_of(ticks: Ticks, which: slice, until_s: float) -> Energy | None:
    """Of the ticks of a slice, the last of which lasts until then; None where no joules are known."""
    joules, source = ticks.energy_j[which], ticks.source[which]
    known = np.isfinite(joules) & (source >= 0)
    if not known.any():
        return None
    lasted_s = np.diff(np.append(ticks.t_s[which], until_s)).clip(0)
    open_s = lasted_s[-1] if not known[-1] else 0.0  # the last is settled when it is over
    whole_s = max(float(lasted_s.sum() - open_s), 1e-9)
    by_source = {
        SOURCES[place]: float(lasted_s[source == place].sum()) / whole_s
        for place in set(source[known].tolist())
    }
    weakest = max(by_source, key=SOURCES.index)
    return Energy(
        by_mode=_by_mode(ticks, which, known),
        bound_j=float(np.sqrt(np.nansum(ticks.bound_j[which][known] ** 2))),
        origin=ORIGINS[weakest],
        shares=by_source,
    )


def _by_mode(ticks: Ticks, which: slice, known: NDArray[np.bool_]) -> dict[Mode, float]:
    joules, work = ticks.energy_j[which][known], ticks.work_j[which][known]
    action = ticks.action[which][known]
    apart = np.isfinite(work).all(axis=-1)
    trains = FACTS.trains[action] & (action >= 0)
    serves = FACTS.serves[action] & (action >= 0) & ~trains
    serving = float(work[apart, 0].sum() + joules[~apart & serves].sum())
    training = float(work[apart, 1].sum() + joules[~apart & trains].sum())
    return {Mode.SLEEP: float(joules.sum()) - serving - training, Mode.SERVE: serving, Mode.TRAIN: training}

"""A device's own past as columns, one row a tick: what its store told, for charts and forecasts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from circadia.observation import COLUMN, DAY_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ticks:
    """(n,) columns, oldest first. NaN where a sensor was silent, or no energy was settled."""

    tick_id: Whole
    t_s: Floats
    x: NDArray[np.float32]
    """(n, features) as in `circadia.observation.TABLE`."""
    action: Whole
    """Place in the catalogue; −1: an action that this version does not know."""
    served: Whole
    expired: Whole
    energy_j: Floats
    source: Whole
    """Place in `circadia.types.Source`; −1: not settled."""
    bound_j: Floats
    work_j: Floats
    """(n, 2) of serving and of training, where the source tells loads apart; NaN elsewhere."""
    sleep_s: Floats
    """How long it was to sleep; NaN where the policy says nothing of it."""
    masked: Whole
    """Place in `maskings`."""
    maskings: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...]
    """Each once: (limit, names of the actions that it forbade)."""

    def __len__(self) -> int:
        return len(self.t_s)

    def since(self, first: int) -> Ticks:
        """From that place on."""
        columns = {f.name: getattr(self, f.name)[first:] for f in fields(self) if f.name != "maskings"}
        return Ticks(**columns, maskings=self.maskings)

    def column(self, name: str) -> Floats:
        """(n,) a field of the observation."""
        return self.x[:, COLUMN[name]].astype(np.float64)

    @property
    def local_s(self) -> Floats:
        """(n,) seconds since local midnight, to a second or so; NaN where the body did not say."""
        angle = np.arctan2(self.column("day_sine"), self.column("day_cosine"))
        return angle / (2 * np.pi) % 1 * DAY_S


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requests:
    """(n,) columns of requests, in the order of their ticks."""

    t_s: Floats
    """Of the tick that answered, or gave up."""
    label: Whole
    """−1: expired."""
    truth: Whole
    """−1: nobody told."""
    latency_s: Floats
    """NaN: expired."""

    def __len__(self) -> int:
        return len(self.t_s)

    def since(self, t_s: float) -> Requests:
        """Of ticks that began then, or later."""
        mine = self.t_s >= t_s
        return Requests(**{f.name: getattr(self, f.name)[mine] for f in fields(self)})

    @property
    def checked(self) -> NDArray[np.bool_]:
        """(n,) answered, and somebody told what would have been right."""
        return (self.label >= 0) & (self.truth >= 0)

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) of those, the right ones."""
        right: NDArray[np.bool_] = self.checked & (self.label == self.truth)
        return right

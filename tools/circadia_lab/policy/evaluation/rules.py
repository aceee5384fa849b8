"""Rules with constants to search, and the references below which no policy should fall."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import SERVE_LIMIT
from circadia.observation import COLUMN
from circadia.policy.rules import CHOSEN
from circadia.types import Link, Work
from circadia_lab.policy.env.fixed import CATALOGUE, INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEVER = 2.0
"""A state of charge that no battery has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedRule:
    """Requests first; then training behind a gate; then newer versions. It does not look at the preference.

    Trains on battery above `soc` or at any charge while charging, with at least `fresh` new examples, and tells the
    federation whenever there is a link. `only_idle` moves the gate: nobody uses the device, and its battery, charging
    or not, is above `soc`.
    """

    serve: str = "low"
    """Clock of serving; the amount of work follows the queue."""
    train: str = "low/large"
    """Clock and amount of work of training."""
    soc: float = 0.5
    fresh: int = 32
    behind: int = 1
    """Versions that are worth asking for the newest one."""
    only_idle: bool = False

    @property
    def name(self) -> str:
        """Its constants."""
        return ", ".join(f"{key} {value}" for key, value in asdict(self).items())

    @property
    def offered(self) -> NDArray[np.bool_]:
        """The whole catalogue."""
        return np.ones(len(CATALOGUE), bool)

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(…, features) values → (…, actions): `CHOSEN` for the one action wanted, else 0."""
        link = _column(x, "link") >= Link.METERED
        pull = link & (_column(x, "versions_behind") >= self.behind)
        wanted = np.where(pull, INDEX["sleep/sync-pull"], INDEX["sleep"])
        told = np.where(link, INDEX[f"train/{self.train}/sync-int8"], INDEX[f"train/{self.train}"])
        wanted = np.where(self._open(x) & (_column(x, "fresh_examples") >= self.fresh), told, wanted)
        queue = _column(x, "queue_length")
        small = queue <= SERVE_LIMIT[Work.SMALL]
        serve = np.where(small, INDEX[f"serve/{self.serve}/small"], INDEX[f"serve/{self.serve}/large"])
        wanted = np.where(queue > 0, serve, wanted)
        return np.where(np.arange(len(CATALOGUE)) == wanted[..., None], CHOSEN, 0.0).astype(np.float32)

    def _open(self, x: Any) -> Any:
        full = _column(x, "battery_soc") > self.soc
        if self.only_idle:
            return full & (_column(x, "user_active") == 0)
        return full | ((_column(x, "charging") > 0) & (self.soc < NEVER))


class SleepRule:
    """Never does anything."""

    name = "always-sleep"
    offered = np.arange(len(CATALOGUE)) == INDEX["sleep"]

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(…, features) → (…, actions) zeros: there is no choice."""
        return np.zeros((*np.shape(x)[:-1], len(CATALOGUE)), np.float32)


def _column(x: Any, name: str) -> Any:
    """(…,) a feature, 0 where the sensor is absent."""
    value = np.asarray(x)[..., COLUMN[name]]
    return np.where(np.isfinite(value), value, 0)

"""Rules behind the `Policy` port: the baselines, and the teacher of the first network.

All take (…, features) values as `circadia.observation.values` gives them and answer (…, actions) scores; an absent
sensor counts as nothing there: no charge, no link, no user, no work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import CATALOGUE, INDEX, SERVE_LIMIT
from circadia.observation import COLUMN, HOUR_S, MINUTE_S
from circadia.types import ClockLevel, Link, Mode, Sync, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.ports import Policy
    from circadia.types import Action

CHOSEN = 20.0
"""Score of the one action that a rule without preferences among actions wants; the others have 0."""


def _table(value: Callable[[Action], float]) -> NDArray[np.float32]:
    return np.array([value(action) for action in CATALOGUE], np.float32)


SERVES = _table(lambda a: a.mode is Mode.SERVE)
TRAINS = _table(lambda a: a.mode is Mode.TRAIN)
PUSHES = _table(lambda a: a.sync is Sync.INT8)
PULLS = _table(lambda a: a.sync is not Sync.NONE)
HIGH = _table(lambda a: a.clock is ClockLevel.HIGH)
LIMIT = _table(lambda a: SERVE_LIMIT[a.work] if a.mode is Mode.SERVE else 0)
STEPS = _table(lambda a: {Work.SMALL: 0.25, Work.LARGE: 1.0}[a.work] if a.mode is Mode.TRAIN else 0)
"""Training steps, in those of a LARGE action."""


def _column(x: Any, name: str) -> Any:
    """(…, 1) a feature, 0 where it is absent."""
    return np.nan_to_num(np.asarray(x)[..., COLUMN[name], None], nan=0.0)


class _Rule:
    """Offers the whole catalogue."""

    name = ""
    offered = np.ones(len(CATALOGUE), bool)


class ThresholdRule(_Rule):
    """Serve what waits; train on fresh examples while the battery is above a threshold; sync when there is a link."""

    name = "threshold"

    def __init__(self, soc: float = 0.5, fresh: int = 32) -> None:
        """`soc`: no training on battery below it; `fresh`: examples that are worth a training."""
        self._soc = soc
        self._fresh = fresh

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """20 for the one action wanted, else 0."""
        power = (_column(x, "charging") > 0) | (_column(x, "battery_soc") > self._soc)
        train = power & (_column(x, "fresh_examples") >= self._fresh)
        link = _column(x, "link") >= Link.METERED
        return _choose(
            x, train=train, push=link, pull=link & (_column(x, "versions_behind") > 0), clock="low"
        )


class ChargingOnlyRule(_Rule):
    """The gate that phones use today: train and sync only while charging, idle and unmetered; serve on demand."""

    name = "charging-only"

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """20 for the one action wanted, else 0."""
        idle = (_column(x, "charging") > 0) & (_column(x, "user_active") == 0)
        gate = idle & (_column(x, "link") >= Link.FREE)
        stock = _column(x, "fresh_examples") + _column(x, "unsent_examples") + _column(x, "versions_behind")
        return _choose(x, train=gate & (stock > 0), push=gate, pull=gate & (stock > 0), clock="high")


def _choose(x: Any, *, train: Any, push: Any, pull: Any, clock: str) -> NDArray[np.float32]:
    """The action of a rule: requests first, then training, then a pull, else sleep."""
    queue = _column(x, "queue_length")
    small = queue <= SERVE_LIMIT[Work.SMALL]
    wanted = np.where(pull, INDEX["sleep/sync-pull"], INDEX["sleep"])
    pushing, keeping = INDEX[f"train/{clock}/large/sync-int8"], INDEX[f"train/{clock}/large"]
    wanted = np.where(train, np.where(push, pushing, keeping), wanted)
    serve = np.where(small, INDEX[f"serve/{clock}/small"], INDEX[f"serve/{clock}/large"])
    wanted = np.where(queue > 0, serve, wanted)
    return np.where(np.arange(len(CATALOGUE)) == wanted, CHOSEN, 0.0).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The rule's constants: how large each backlog weighs, and what each unit of energy costs."""

    v: float = 1.0
    """Weight of the penalty against the drift (Neely's V)."""
    temperature: float = 0.08
    """Of the softmax that draws from the scores: small, so that the best action is nearly always taken."""
    request: float = 4.0
    fresh: float = 1 / 24
    """Per fresh example."""
    fresh_hour: float = 0.3
    """Per hour that the oldest of them is old."""
    rehearsal: float = 0.25
    """Of training once more on what was seen."""
    unsent: float = 1 / 400
    """Per example trained on and not pushed."""
    version: float = 0.6
    """Per version behind."""


class DriftPlusPenaltyRule(_Rule):
    """Lyapunov's drift plus penalty, one step ahead (Neely, Stochastic Network Optimization, 2010, ch. 4).

    With backlogs Q_i (requests, unseen data, unsent training, missing versions), what an action takes off each,
    μ_i(a), and its energy e(a) at the present price p, the action that minimises the bound on the drift plus V times
    the penalty has the highest

        s(a) = Σ_i w_i Q_i μ_i(a) − V · w_energy · p · e(a)

    w are the preference's weights times 3. p falls while charging, rises as the battery empties; training is a fifth
    cheaper while somebody uses the device, whose processor is awake anyway.
    """

    name = "drift-plus-penalty"

    def __init__(self, prices: Prices | None = None) -> None:
        self._prices = prices or Prices()

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(…, actions) logits."""
        x = np.asarray(x)
        gain = self._serving(x) + self._training(x) + self._syncing(x)
        logits: NDArray[np.float32] = ((gain - self._penalty(x)) / self._prices.temperature).astype(
            np.float32
        )
        return logits

    def _serving(self, x: Any) -> Any:
        """Requests taken off the queue, the faster the better; an empty queue makes serving pointless."""
        queue = _column(x, "queue_length")
        taken = np.minimum(queue, LIMIT) / np.maximum(queue, 1)
        quick = 1 + 0.15 * HIGH * 3 * _column(x, "preference_latency")
        return self._prices.request * SERVES * np.where(queue > 0, taken * quick, -1.0)

    def _training(self, x: Any) -> Any:
        """Fresh examples by count and age; a little for rehearsal."""
        p, fresh = self._prices, _column(x, "fresh_examples")
        backlog = np.minimum(p.fresh * fresh, 2.0) + p.fresh_hour * np.minimum(
            _column(x, "fresh_age_s") / HOUR_S, 4
        )
        weight = 3 * _column(x, "preference_accuracy")
        return weight * (np.where(fresh > 0, backlog, 0) + p.rehearsal) * STEPS**0.5 * TRAINS

    def _syncing(self, x: Any) -> Any:
        """Training that nobody else has yet, and versions that this device has not; both need a link."""
        p = self._prices
        linked = _column(x, "link") >= Link.METERED
        now = 200 * STEPS * (_column(x, "fresh_examples") > 0)
        unsent = p.unsent * np.minimum(_column(x, "unsent_examples") + now, 1000)
        spooled = 0.3 * np.minimum(_column(x, "spooled_updates"), 4)
        behind = p.version * np.minimum(_column(x, "versions_behind"), 5)
        weight = 3 * _column(x, "preference_accuracy")
        return linked * weight * (PUSHES * (unsent + spooled) + PULLS * behind) - ~linked * PULLS

    def _penalty(self, x: Any) -> Any:
        soc, charging = _column(x, "battery_soc"), _column(x, "charging") > 0
        scarcity = 0.6 + 3.0 * np.clip((0.75 - soc) / 0.5, 0, 1.5) ** 2
        price = np.where(charging, 0.1, scarcity)
        shared = 1 - 0.2 * (_column(x, "user_active") > 0)
        work = TRAINS * STEPS * (0.75 + 0.25 * HIGH) * shared + SERVES * 0.02 * LIMIT * (1 + 0.3 * HIGH)
        radio = PULLS * np.where(_column(x, "link") >= Link.FREE, 0.1, 0.45)
        busy = 0.1 * TRAINS * np.minimum(_column(x, "queue_age_s") / MINUTE_S, 5)
        return (
            self._prices.v * 3 * _column(x, "preference_energy") * price * (2 * work + radio) + radio + busy
        )


RULES: dict[str, Callable[[], Policy]] = {
    rule.name: rule for rule in (ThresholdRule, ChargingOnlyRule, DriftPlusPenaltyRule)
}
"""The rules by name, as a configuration refers to them."""

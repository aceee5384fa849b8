"""Rules behind the `Policy` port: the baselines, and the teacher of the first network.

All take (…, features) values as `circadia.observation.values` gives them and answer (…, actions) scores; an absent
sensor counts as nothing there: no charge, no link, no user, no work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import CATALOGUE, FACTS, FIRST, INDEX, LOCAL_STEPS, SERVE_LIMIT
from circadia.errors import ConfigError
from circadia.idle import lacking_in
from circadia.observation import COLUMN, HOUR_S
from circadia.policy.due_rule import DueRule
from circadia.types import Link, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.ports import Policy

CHOSEN = 20.0
"""Score of the one action that a rule without preferences among actions wants; the others have 0."""


SERVES, TRAINS, PUSHES, PULLS, SYNCS, HIGH, LIMIT = (
    facts.astype(np.float32)
    for facts in (
        FACTS.serves, FACTS.trains, FACTS.pushes, FACTS.pulls, FACTS.syncs, FACTS.high, FACTS.answers,
    )
)  # fmt: skip
STEPS = (FACTS.steps / LOCAL_STEPS[Work.LARGE]).astype(np.float32)
"""Training steps, in those of a LARGE action; also its time at the high clock."""
PROGRESS = STEPS**0.75
BATCH = 16
SMALL_EXAMPLES = BATCH * LOCAL_STEPS[Work.SMALL]
TRAIN_TIME = STEPS * (2 - HIGH)
TRAIN_ENERGY = STEPS * (0.65 + 0.35 * HIGH)
SERVE_ENERGY = LIMIT / 128 * (0.65 + 0.35 * HIGH)


def _column(x: Any, name: str, absent: float = 0.0) -> Any:
    """(…, 1) a feature, `absent` where it is not there."""
    value = np.asarray(x)[..., COLUMN[name], None]
    return np.where(np.isfinite(value), value, absent)


class _Rule:
    """Offers what does one kind of work in a tick."""

    name = ""
    offered = np.arange(len(CATALOGUE)) < FIRST


class ThresholdRule(_Rule):
    """Serve what waits; train on fresh examples while the battery is above a threshold; sync when there is a link."""

    name = "threshold"

    def __init__(self, soc: float = 0.5, fresh: int = 32) -> None:
        """`soc`: no training on battery below it; `fresh`: examples that are worth a training."""
        self._soc = soc
        self._fresh = fresh

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """20 for the one action wanted, else 0; −inf where not offered."""
        power = (_column(x, "charging") > 0) | (_column(x, "battery_soc") > self._soc)
        train = power & (_column(x, "fresh_examples") >= self._fresh)
        link = _column(x, "link") >= Link.METERED
        return _choose(
            x, train=train, push=link, pull=link & (_column(x, "versions_behind") > 0), clock="low"
        )


class ChargingOnlyRule(_Rule):
    """The gate that phones use today: train and push only while charging, idle and unmetered; serve on demand.

    It fetches new versions over any unmetered link, charging or not, which is more than many do. While updates wait that
    nobody fetches, it does not train for another.
    """

    name = "charging-only"

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """20 for the one action wanted, else 0; −inf where not offered."""
        idle = (_column(x, "charging") > 0) & (_column(x, "user_active") == 0)
        gate = idle & (_column(x, "link") >= Link.FREE)
        untold = np.where(_column(x, "spooled_updates") > 0, 0.0, _column(x, "unsent_examples"))
        stock = _column(x, "fresh_examples") + untold + _column(x, "versions_behind")
        pull = (_column(x, "link") >= Link.FREE) & (_column(x, "versions_behind") > 0)
        return _choose(x, train=gate & (stock > 0), push=gate, pull=pull, clock="high")


def _choose(x: Any, *, train: Any, push: Any, pull: Any, clock: str) -> NDArray[np.float32]:
    """The action of a rule: requests first, then training, then a pull, else sleep."""
    queue = _column(x, "queue_length")
    small = queue <= SERVE_LIMIT[Work.SMALL]
    wanted = np.where(pull, INDEX["sleep/sync-pull"], INDEX["sleep"])
    pushing, keeping = INDEX[f"train/{clock}/large/sync-int8"], INDEX[f"train/{clock}/large"]
    wanted = np.where(
        train & ~lacking_in(np.asarray(x)).examples[..., None], np.where(push, pushing, keeping), wanted
    )
    serve = np.where(small, INDEX[f"serve/{clock}/small"], INDEX[f"serve/{clock}/large"])
    wanted = np.where(queue > 0, serve, wanted)
    return _offered(np.where(np.arange(len(CATALOGUE)) == wanted, CHOSEN, 0.0))


def _offered(scores: Any) -> NDArray[np.float32]:
    """(…, actions) scores, those of later actions as −inf."""
    among: NDArray[np.float32] = np.where(_Rule.offered, scores, -np.inf).astype(np.float32)
    return among


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each unit of backlog is worth, in units of the energy of a large training at the high clock."""

    serve: float = 40.0
    """Emptying the queue: more than all that training and syncing can be worth together."""
    haste: float = 0.15
    """Emptying it at the high clock."""
    fresh: float = 0.2
    """Working off a backlog of one batch of fresh examples; it grows with the backlog's square."""
    rehearsal: float = 0.08
    """Training on examples that were seen: worth it when energy is cheap."""
    moved_on: float = 0.1
    """Training from a newer version on examples that were seen, per version, four at most."""
    push: float = 0.25
    """Telling the federation of a batch of fresh examples, or of a small training that it has not heard of."""
    spooled: float = 0.05
    """Sending an update that waits, eight at most."""
    version: float = 0.1
    """Fetching a version, five at most."""
    model_hour: float = 0.02
    """An hour of the installed version's age when there is a newer one, six at most."""
    radio: float = 0.03
    """Energy of an exchange."""
    exchange: float = 0.04
    """What any exchange costs the federation and the link."""
    metered: float = 0.12
    """What it costs the owner of a metered link, on top."""
    blocking: float = 0.3
    """Requests that wait while a large training at the high clock runs, at the busiest of times."""
    heat: float = 1.0
    """Energy spent when there is no thermal headroom left."""


class DriftPlusPenaltyRule(_Rule):
    """Lyapunov's drift plus penalty, greedily for each tick (Neely, Stochastic Network Optimization, 2010, ch. 4).

    Virtual queues Q_i hold what waits: requests, unseen examples and their age, training that nobody else has,
    versions that this device has not, the model's age. μ_i(a) is what an action takes off each. The action that
    minimises the bound on drift + V · penalty has the highest

        s(a) = Σ_i w_i Q_i μ_i(a) − V · (w_energy · price · energy(a) + w_latency · blocking(a) + link(a))

    with weights w = 0.2 + 2.4 · preference (1 each for a balanced one). The price of energy is a tenth while charging,
    rises as the battery and what is expected to charge it run low, steeply below 0.3. Training beside a user costs a
    fifth less energy, for the processor is awake anyway, but makes requests wait. A low clock takes two thirds of the
    energy and twice the time. Training's benefit grows with the number of its steps to the power of 3/4.
    Scores are s / temperature.
    """

    name = "drift-plus-penalty"

    def __init__(self, v: float = 1.0, temperature: float = 0.02, weights: Weights | None = None) -> None:
        """`v`: more saves energy, less works off backlogs sooner; `temperature`: of the draw, small is greedy."""
        if not (v > 0 and temperature > 0):
            raise ConfigError(f"drift-plus-penalty: v {v} and temperature {temperature} must be above 0")
        self._v = v
        self._temperature = temperature
        self._weights = weights or Weights()

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(…, actions) logits."""
        x = np.asarray(x)
        gain = self._serving(x) + self._training(x) + self._syncing(x)
        penalty = self._energy(x) + self._blocking(x) + self._link(x)
        return _offered((gain - self._v * penalty) / self._temperature)

    def _serving(self, x: Any) -> Any:
        """The share of the queue that an action takes off; an empty queue makes serving pointless."""
        w, queue = self._weights, _column(x, "queue_length")
        taken = np.minimum(queue, LIMIT) / np.maximum(queue, 1)
        worth = w.serve * (0.5 + 0.5 * _weight(x, "latency")) * taken + w.haste * HIGH * _weight(x, "latency")
        return SERVES * np.where(queue > 0, worth, -1.0)

    def _training(self, x: Any) -> Any:
        w = self._weights
        unseen = w.fresh * _backlog(x) ** 2
        again = w.moved_on * np.minimum(_column(x, "versions_behind"), 4) * _linked(x)
        return _weight(x, "accuracy") * (unseen + w.rehearsal + again) * PROGRESS

    def _syncing(self, x: Any) -> Any:
        """What a push tells the federation, what a pull brings; both need a link."""
        w = self._weights
        told = TRAINS * np.minimum(_backlog(x), 1) + np.minimum(
            _column(x, "unsent_examples") / SMALL_EXAMPLES, 3
        )
        push = w.push * told + w.spooled * np.minimum(_column(x, "spooled_updates"), 8)
        behind = np.minimum(_column(x, "versions_behind"), 5)
        age_h = np.where(behind > 0, np.minimum(_column(x, "model_age_s") / HOUR_S, 6), 0)
        pull = w.version * behind + w.model_hour * age_h
        return _linked(x) * _weight(x, "accuracy") * (PUSHES * push + PULLS * pull)

    def _energy(self, x: Any) -> Any:
        w = self._weights
        soc = _column(x, "battery_soc") + 0.3 * _column(x, "charge_forecast")
        scarce = 0.5 + 3 * np.clip((0.7 - soc) / 0.5, 0, 1) ** 2 + 12 * np.clip((0.33 - soc) / 0.1, 0, 2)
        price = np.where(_column(x, "charging") > 0, 0.1, scarce) * (1 + (_column(x, "power_save") > 0))
        shared = 1 - 0.2 * (_column(x, "user_active") > 0)
        warm = w.heat * np.clip(1 - 4 * _column(x, "thermal_headroom", absent=1), 0, 1)
        work = TRAIN_ENERGY * shared + SERVE_ENERGY
        return _weight(x, "energy") * price * (work + w.radio * (SYNCS + 0.5 * PUSHES)) + warm * work

    def _blocking(self, x: Any) -> Any:
        """Requests come when somebody is active, and by day; they wait for as long as a training lasts."""
        by_day = 0.5 - 0.5 * _column(x, "day_cosine")
        rate = 0.05 + 0.35 * by_day + 0.6 * (_column(x, "user_active") > 0)
        return self._weights.blocking * _weight(x, "latency") * rate * TRAIN_TIME**2

    def _link(self, x: Any) -> Any:
        """A syncing action costs data on a metered link, and is worth nothing without one."""
        w = self._weights
        linked = w.exchange + np.where(_column(x, "link") >= Link.FREE, 0.0, w.metered)
        return SYNCS * np.where(_linked(x), linked, 1.0)


def _weight(x: Any, objective: str) -> Any:
    """1 for a balanced preference; never 0, so that no objective is forgotten."""
    return 0.2 + 2.4 * _column(x, f"preference_{objective}")


def _backlog(x: Any) -> Any:
    """Fresh examples in batches, each hour of their age as a third of one; five at most, 0 without any."""
    fresh = _column(x, "fresh_examples")
    aged = fresh / BATCH + np.minimum(_column(x, "fresh_age_s") / HOUR_S, 6) / 3
    return np.where(fresh > 0, np.minimum(aged, 5), 0)


def _linked(x: Any) -> Any:
    return _column(x, "link") >= Link.METERED


RULES: dict[str, Callable[[], Policy]] = {
    rule.name: rule for rule in (ThresholdRule, ChargingOnlyRule, DriftPlusPenaltyRule, DueRule)
}
"""The rules by name, as a configuration refers to them."""

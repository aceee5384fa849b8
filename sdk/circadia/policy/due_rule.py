"""The rule `due`: when anything is due, do everything that is due soon; else sleep until something is.

It offers whatever one wake can do, and says how long to sleep. What is due when is in `circadia.due`; this adds what is
worth a wake on this body:

- a body that no request wakes is awake to look at its queue: whoever waits is served, and everything due within X is done;
- one that a request wakes holds it until just before its deadline, or until something else is due, unless the user cares
  about latency above all; woken for it, it does everything due within X;
- below a state of charge it neither trains nor syncs, unless it charges; while it charges, X is longer;
- learning and X wait in proportion to the root of what a wake costs, and less where the model errs (`circadia.policy.patience`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import CATALOGUE, FACTS, SERVE_LIMIT
from circadia.due import AGAIN_S, DEADLINE_S, SOON_S, Done, DueLimits, due, next_s
from circadia.errors import ConfigError
from circadia.observation import COLUMN, HOUR_S
from circadia.pacing import margin_s
from circadia.policy.patience import PatienceLaw
from circadia.policy.sleeps import SLEEPS
from circadia.types import Link, WakeOn, Work

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.due import Patience
    from circadia.types import Action

SERVING_S = 60.0
"""Serving takes so long at most, with its wake-up, on any body: one that takes less wakes later."""
SMALL_EXAMPLES = 32
"""So many fresh ones a small training goes through."""
PARTS = {"serves": 160.0, "trains": 80.0, "pulls": 40.0, "pushes": 20.0}
"""Score of each part that is wanted, so that what a limit forbids costs the least part first …"""
UNWANTED = 320.0
"""… less this for each part that is not."""
FITTING = 10.0
"""Score of the amount and the clock that fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSettings:
    """What a search may choose."""

    limits: DueLimits = field(
        default_factory=partial(DueLimits, fresh_limit_s=HOUR_S / 2, contact_limit_s=HOUR_S / 2)
    )
    patience: PatienceLaw = field(default_factory=PatienceLaw)
    """By which limits and X are stretched."""
    within_s: float = 1200.0
    """X: what is due so soon is done at a wake for something else."""
    charging_within_s: float = 2 * HOUR_S
    """X while energy comes in."""
    train_soc: float = 0.35
    """State of charge below which it does not train, unless it charges …"""
    sync_soc: float = 0.25
    """… and below which it does not sync."""
    clock: str = "low"
    """Of its work, where the body can set one."""
    patient_latency: float = 0.6
    """Weight of latency in the preference from which on requests are not held."""
    again_s: float = AGAIN_S
    """What is due and could not be done is tried again after this long; a request after a fifteenth of it."""
    hours: tuple[float, ...] = ()
    """Factors of X for each hour of the local day; empty: 1."""

    def __post_init__(self) -> None:
        times = (self.within_s, self.charging_within_s, self.again_s, *self.hours)
        if not all(math.isfinite(t) and t >= 0 for t in times) or not self.again_s:
            raise ConfigError(f"due: {times} must be seconds and factors from 0 on, and again_s above 0")
        shares = (self.train_soc, self.sync_soc, self.patient_latency)
        if not all(0 <= share <= 1 for share in shares):
            raise ConfigError(f"due: train_soc, sync_soc and patient_latency {shares} must lie in [0, 1]")
        if len(self.hours) not in (0, 24) or self.clock not in ("low", "high"):
            raise ConfigError("due: hours are 24 factors or none, the clock is low or high")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Wish:
    """(…,) each: the parts that are wanted, and how much of them."""

    serves: Any
    trains: Any
    pulls: Any
    pushes: Any
    many: Any
    much: Any


class DueRule:
    """A `Policy` and a `SleepingPolicy`; takes (…, features) values. An absent sensor counts as nothing there."""

    name = "due"
    sleeps = SLEEPS

    def __init__(self, settings: DueSettings | None = None) -> None:
        self.settings = settings or DueSettings()
        self.offered = np.ones(len(CATALOGUE), bool)
        self.offered.flags.writeable = False
        self._high = FACTS.high == (self.settings.clock == "high")

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(…, actions): all parts that are wanted and none that is not has the most."""
        wish = self._wish(np.asarray(x))
        score: Any = 0.0
        for part, worth in PARTS.items():
            does, wanted = getattr(FACTS, part), getattr(wish, part)[..., None]
            score = score + np.where(does, np.where(wanted, worth, -UNWANTED), 0.0)
        many, much = wish.many[..., None], wish.much[..., None]
        fits = FACTS.serves & ((FACTS.answers > SERVE_LIMIT[Work.SMALL]) == many)
        fits = fits * 1.0 + (FACTS.trains & ((FACTS.steps > SMALL_STEPS) == much))
        clock = 0.5 * (FACTS.serves | FACTS.trains) * self._high
        found: NDArray[np.float32] = (score + FITTING * (fits + clock)).astype(np.float32)
        return found

    def _wish(self, x: Any) -> _Wish:
        patience = self._patience(x)
        found = due(x, heard=self._heard(x), limits=self.settings.limits, patience=patience)
        waits, fresh = _column(x, "queue_length"), _column(x, "fresh_examples")
        late = (waits > 0) & (_column(x, "queue_slack_s") <= _held_s(x))
        within = self._within_s(x)
        awake = ~self._heard(x) | ((waits > 0) & ~self._holds(x))
        due_now = np.minimum(np.minimum(found.request, found.training), found.exchange) <= SOON_S
        act = awake | late | due_now
        charging, soc = _column(x, "charging") > 0, _column(x, "battery_soc")
        serves = act & (waits > 0) & (awake | late | (found.request <= within))
        trains = (
            act
            & (found.training <= within * patience.training)
            & (charging | (soc > self.settings.train_soc))
        )
        linked = _column(x, "link") >= Link.METERED
        near = found.exchange <= within * patience.exchange
        pulls = act & linked & near & (charging | (soc > self.settings.sync_soc))
        unsent = _column(x, "unsent_examples") + _column(x, "spooled_updates") > 0
        return _Wish(
            serves=serves,
            trains=trains,
            pulls=pulls,
            pushes=pulls & (unsent | trains),
            many=waits > SERVE_LIMIT[Work.SMALL],
            much=(fresh > SMALL_EXAMPLES) | _is_cheap(x),
        )

    def _heard(self, x: Any) -> Any:
        return ~(_column(x, "wake_on_request", absent=2.0) <= 0)

    def _holds(self, x: Any) -> Any:
        return _column(x, "preference_latency") < self.settings.patient_latency

    def _within_s(self, x: Any) -> Any:
        within = np.where(_column(x, "charging") > 0, self.settings.charging_within_s, self.settings.within_s)
        if not self.settings.hours:
            return within
        angle = np.arctan2(_column(x, "day_sine"), _column(x, "day_cosine"))
        hour = (np.floor(angle * (12 / np.pi)).astype(int)) % 24
        return within * np.asarray(self.settings.hours)[hour]

    def sleep_scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(…, options): until due, woken in time for deadlines if the body can, else at once, else not; −inf for lengths."""
        holds = self._holds(np.asarray(x))[..., None]
        liked = {WakeOn.DEADLINE: np.where(holds, 40.0, 20.0), WakeOn.REQUEST: np.where(holds, 20.0, 40.0)}
        scores = np.full((*x.shape[:-1], SLEEPS.count), -np.inf, np.float32)
        for place, kind in enumerate(SLEEPS.wake_on):
            scores[..., place * SLEEPS.group + SLEEPS.bins] = liked.get(kind, np.zeros(1))[..., 0]
        return scores

    def due_s(self, x: NDArray[np.float32], action: Action) -> tuple[float, ...]:
        """(kinds,) seconds until something is due after that action; what could not be done is tried again."""
        return tuple(self.due_after(x, np.intp(PLACES[action.name])).tolist())

    def due_after(self, x: Any, action: Any) -> Any:
        """(…, features) values and (…,) catalogue indices → (…, kinds) the same."""
        x = np.asarray(x)
        served = FACTS.serves[action] & (_column(x, "queue_length") <= FACTS.answers[action])
        done = Done(served, FACTS.trains[action], FACTS.syncs[action])
        left = partial(
            next_s,
            x,
            done=done,
            limits=self.settings.limits,
            again_s=self.settings.again_s,
            patience=self._patience(x),
        )
        return np.stack([left(heard=kind is not WakeOn.DUE) for kind in SLEEPS.wake_on], axis=-1)

    def _patience(self, x: Any) -> Patience:
        return self.settings.patience.of(x, self.settings.limits)


SMALL_STEPS = min(FACTS.steps[FACTS.trains])
MORE_STEPS = max(FACTS.steps[FACTS.trains]) - SMALL_STEPS
PLACES = {action.name: i for i, action in enumerate(CATALOGUE)}


def _is_cheap(x: Any) -> Any:
    """(…,) whether the steps that a large training has more than a small one cost no more than a wake-up and an exchange.

    Then old examples are practised as well.
    """
    wake_j = _column(x, "wake_up_j") + _column(x, "radio_session_j")
    return MORE_STEPS * _column(x, "training_step_j", absent=np.inf) <= wake_j


def _held_s(x: Any) -> Any:
    """(…,) so long before its deadline a held request may be woken for (`circadia.pacing.margin_s`): it is due then."""
    return margin_s(SERVING_S, _column(x, "deadline_s", absent=DEADLINE_S))


def _column(x: Any, name: str, absent: float = 0.0) -> Any:
    """(…,) a feature, `absent` where it is not there."""
    value = x[..., COLUMN[name]]
    return np.where(np.isfinite(value), value, absent)

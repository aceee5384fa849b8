"""What a network's scores are added to: a rule, so that a network that says nothing does as the rule does.

    score of a work   = network + w · fit / 4 − w · parts in which it departs from what the rule wants
    score of a sleep  = network − s · (not the rule's kind) − s · (a length of its own) − d · |ln(its bin's middle / until due)|

A part is to serve, to train, to pull or to push; `fit` counts amounts and clock as the rule would have them. So the network
learns where to depart (Silver et al., arXiv:1812.06298; Johannink et al., arXiv:1812.03201), and where its inputs are unlike all that
it was trained with, the rule is what is left. *Until due* is the rule's own. Pure functions over an array module `xp`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import FACTS
from circadia.due import DueLimits
from circadia.errors import ConfigError
from circadia.policy.due_rule import PARTS, UNTIL_DUE, DueRule, DueSettings, Wish
from circadia.policy.patience import PatienceLaw
from circadia.policy.plain_numbers import PlainNumbers, Row
from circadia.policy.sleeps import SLEEPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

RULE = "due"
LOG_MIDDLES = np.log(np.array(SLEEPS.edges_s[:-1]) * np.array(SLEEPS.edges_s[1:])) / 2
"""(bins,) logarithms of seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorSettings:
    """Of a policy file: the rule's own, and how much a departure from it has to be worth."""

    rule: DueSettings = field(default_factory=DueSettings)
    work: float = 5.0
    """w: logarithm of the chance of one part less or more, against the rule's work."""
    sleep: float = 7.0
    """s: likewise of another kind of sleep, or of a length that is not until due …"""
    distance: float = 1.0
    """… and d, for each e-fold that the length is off."""

    def __post_init__(self) -> None:
        numbers = (self.work, self.sleep, self.distance)
        if not all(math.isfinite(n) and n >= 0 for n in numbers):
            raise ConfigError(f"prior: {numbers} must be numbers from 0 on")

    def as_dict(self) -> dict[str, Any]:
        """For a manifest."""
        return {**asdict(self), "rule": {"name": RULE, **asdict(self.rule)}}


def parsed(content: Mapping[str, Any]) -> PriorSettings:
    """What a manifest says; `ValueError` or `TypeError` for what is none, and for a rule that this version does not know."""
    rule = dict(content["rule"])
    if (name := rule.pop("name")) != RULE:
        raise ValueError(f"prior.rule is {name!r}; this version knows {RULE!r}")
    limits, patience = DueLimits(**rule.pop("limits")), PatienceLaw(**rule.pop("patience"))
    hours = tuple(float(hour) for hour in rule.pop("hours"))
    own = {key: float(content[key]) for key in ("work", "sleep", "distance")}
    return PriorSettings(rule=DueSettings(limits=limits, patience=patience, hours=hours, **rule), **own)


class Prior:
    """Takes (…, features) values as devices have them."""

    def __init__(self, settings: PriorSettings, xp: Any = np) -> None:
        self.settings, self._xp = settings, xp
        self._rule = DueRule(settings.rule, xp)

    def work(self, x: Any) -> Any:
        """(…, actions)"""
        return self.of_wish(self._rule.wish(x))

    def of_wish(self, wish: Wish) -> Any:
        """(…,) what the rule wants → (…, actions)"""
        apart: Any = 0.0
        for part in PARTS:
            apart = apart + (getattr(FACTS, part) != getattr(wish, part)[..., None])
        return self._xp.asarray(self.settings.work * (self._rule.fits(wish) / 4 - apart), np.float32)

    def sleep(self, x: Any) -> Any:
        """(…, options), by what is due if this wake does what the rule wants."""
        xp = self._xp
        due_s = self.due_s(x, self.work(x).argmax(-1))
        kinds = self._rule.sleep_scores(x)[..., UNTIL_DUE]
        found = of_sleep(self.settings, due_s, kinds < kinds.max(-1)[..., None], xp)
        return xp.asarray(found.reshape(*x.shape[:-1], SLEEPS.count), np.float32)

    def due_s(self, x: Any, action: Any) -> Any:
        """(…,) catalogue indices → (…, kinds) seconds until something is due after it."""
        return self._rule.due_after(x, action)


def of_sleep(settings: PriorSettings, due_s: Any, other: Any, xp: Any = np) -> Any:
    """(…, kinds) seconds until something is due, and whether the rule would rather have another → (…, kinds, group)."""
    until_s = xp.clip(due_s, SLEEPS.edges_s[0], SLEEPS.edges_s[-1])
    own = settings.sleep + settings.distance * xp.abs(LOG_MIDDLES - xp.log(until_s)[..., None])
    both = xp.concatenate([own, xp.zeros_like(own[..., :1])], -1)
    return -both - settings.sleep * other[..., None]


class PriorOfOne:
    """The same of one device at a time, the rule in plain numbers."""

    def __init__(self, settings: PriorSettings) -> None:
        self._settings = settings
        self._rule = DueRule(settings.rule, PlainNumbers)
        wishes = (np.arange(2 ** len(Wish._fields))[:, None] >> np.arange(len(Wish._fields))) & 1 > 0
        self._work: NDArray[np.float32] = Prior(settings).of_wish(Wish(*wishes.T))
        """(wishes, actions)"""
        self._wanted = self._work.argmax(-1).tolist()
        self._seen, self._row, self._wish = b"", Row(), 0
        self._due_s: dict[int, tuple[float, ...]] = {}

    def work(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(actions,)"""
        self._look_at(x)
        row: NDArray[np.float32] = self._work[self._wish]
        return row

    def sleep(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(options,)"""
        due_s, liked = self.due_s(x, self._wanted[self._wish_of(x)]), self._rule.kinds(self._row)
        found: NDArray[np.float32] = of_sleep(self._settings, np.array(due_s), np.array(liked) < max(liked))
        return found.reshape(-1).astype(np.float32)

    def due_s(self, x: NDArray[np.float32], action: int) -> tuple[float, ...]:
        """(kinds,)"""
        self._look_at(x)
        if action not in self._due_s:
            self._due_s[action] = tuple(map(float, self._rule.due_after(self._row, action)))
        return self._due_s[action]

    def _wish_of(self, x: NDArray[np.float32]) -> int:
        self._look_at(x)
        return self._wish

    def _look_at(self, x: NDArray[np.float32]) -> None:
        """Everything of an observation is asked for in one tick."""
        if (seen := x.tobytes()) == self._seen:
            return
        self._seen, self._row, self._due_s = seen, Row(x.tolist()), {}
        self._wish = sum(bool(wanted) << place for place, wanted in enumerate(self._rule.wish(self._row)))

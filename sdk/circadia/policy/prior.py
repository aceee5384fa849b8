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
from circadia.policy.due_rule import PARTS, UNTIL_DUE, DueRule, DueSettings
from circadia.policy.patience import PatienceLaw
from circadia.policy.sleeps import SLEEPS

if TYPE_CHECKING:
    from collections.abc import Mapping

RULE = "due"
MIDDLES_S = np.sqrt(np.array(SLEEPS.edges_s[:-1]) * np.array(SLEEPS.edges_s[1:]))
"""(bins,)"""


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
    """Takes (…, features) values as a device has them."""

    def __init__(self, settings: PriorSettings, xp: Any = np) -> None:
        self.settings, self._xp = settings, xp
        self._rule = DueRule(settings.rule, xp)

    def work(self, x: Any) -> Any:
        """(…, actions)"""
        xp, wish = self._xp, self._rule.wish(x)
        apart: Any = 0.0
        for part in PARTS:
            apart = apart + (getattr(FACTS, part) != getattr(wish, part)[..., None])
        return xp.asarray(self.settings.work * (self._rule.fits(wish) / 4 - apart), np.float32)

    def sleep(self, x: Any) -> Any:
        """(…, options), by what is due if this wake does what the rule wants."""
        xp, settings = self._xp, self.settings
        due_s = xp.clip(self.due_s(x, self.work(x).argmax(-1)), *(SLEEPS.edges_s[0], SLEEPS.edges_s[-1]))
        off = xp.abs(xp.log(MIDDLES_S / due_s[..., None]))
        own = -settings.sleep - settings.distance * off
        kinds = self._rule.sleep_scores(x)[..., UNTIL_DUE]
        other = -settings.sleep * (kinds < kinds.max(-1)[..., None])
        groups = xp.concatenate([own, xp.zeros_like(own[..., :1])], -1) + other[..., None]
        return xp.asarray(groups.reshape(*x.shape[:-1], SLEEPS.count), np.float32)

    def due_s(self, x: Any, action: Any) -> Any:
        """(…,) catalogue indices → (…, kinds) seconds until something is due after it."""
        return self._rule.due_after(x, action)

"""The plan of a field test: what is compared, how often, in which order; frozen by a hash before the first period."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia.writing import whole_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMAT = 2
LEAST_PAIRS = 6
"""Below six no randomisation test can reach 5 %: over n pairs its smallest p is 2^(1−n)."""
AA, AB = "aa", "ab"
AGAIN = "-again"
"""Ends the name of the first arm's twin in the A/A phase."""
ARM_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
RANDOMISED, ABBA = "randomised", "abba"
SHARES = ("power", "served_margin", "latency_margin", "staleness_margin", "accuracy_margin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One stretch under one arm."""

    phase: str
    """`aa`: both arms run the first arm's policy; `ab`."""
    comparison: int
    """Counts the comparisons of the first arm: 0 with itself, then with each other."""
    pair: int
    arm: str
    policy: str
    start_h: float
    """Since the test began; its washout comes before."""
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that has to stand before the first joule is measured."""

    arms: dict[str, str]
    """Name → policy: `default`, `separate`, a rule's name or the path of a policy file. The first is compared with each."""
    effect: float
    """The saving looked for, of the agent's own joules, as a share."""
    agent_share: float
    """The agent's share of the device's drain, estimated beforehand."""
    noise: float
    """Of a device's drain from one period to the next, one deviation, as a share."""
    pairs: int
    """Of each comparison: `sample_size.pairs_needed`."""
    power: float = 0.8
    hours: float = 24.0
    """Of a period."""
    washout_h: float = 1.0
    """Before each period, not counted: the arm runs, the device forgets the one before."""
    aa_pairs: int = LEAST_PAIRS
    order: str = RANDOMISED
    """`randomised`: which of a pair comes first is drawn, each equally often or nearly; `abba`: they take turns."""
    requests_per_h: float = 16.0
    """That the application asks for, at random; the same in both periods of a pair."""
    examples_per_h: float = 8.0
    """Labelled ones that come by themselves; half of the requests' labels come back as well."""
    deadline_s: float = 60.0
    """Of each request."""
    served_margin: float = 0.02
    """The first arm may be worse by these and no more, or no gain is announced: served of all asked (absolute), …"""
    latency_margin: float = 0.1
    """… its 95th percentile (as a share), …"""
    staleness_margin: float = 0.2
    """… the mean age of model and of what was not learned from yet (as a share), …"""
    accuracy_margin: float = 0.02
    """… right answers of all given (absolute)."""
    meter_gain: float = 1e-3
    """Of the meter, one deviation, as a share."""
    meter_offset_w: float = 5e-4
    """Of its zero after a calibration, one deviation."""
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.arms) < 2:
            raise ConfigError("plan: two arms at least are needed to compare anything")
        if wrong := sorted(name for name in self.arms if not ARM_NAME.fullmatch(name)):
            raise ConfigError(
                f"plan: arm {wrong[0]!r}; its name is made of small letters, digits and hyphens"
            )
        if twin := sorted(name for name in self.arms if name.endswith(AGAIN)):
            raise ConfigError(
                f"plan: arm {twin[0]!r}; names that end in {AGAIN} belong to the A/A phase, take another"
            )
        if self.order not in {RANDOMISED, ABBA}:
            raise ConfigError(f"plan: order is {self.order!r}; it is {RANDOMISED} or {ABBA}")
        whole = {"agent_share", "noise", "hours", "requests_per_h", "deadline_s", "effect", *SHARES}
        self._check(whole, lambda value: value > 0, "it must be above 0")
        self._check({"effect", *SHARES}, lambda value: value < 1, "it must be below 1 (0.3 is 30 %)")
        self._check(
            {"agent_share"}, lambda value: value <= 1, "it is 1 at most, the agent's own joules alone"
        )
        least = {"washout_h", "examples_per_h", "meter_gain", "meter_offset_w", "seed"}
        self._check(least, lambda value: value >= 0, "it must be 0 or more")
        enough = f"fewer than {LEAST_PAIRS} cannot show anything at 5 %"
        self._check({"pairs", "aa_pairs"}, lambda value: value >= LEAST_PAIRS, enough)
        longer = f"it must be shorter than a period, {self.hours * 3600:g} s, or no request counts"
        self._check({"deadline_s"}, lambda value: value < self.hours * 3600, longer)

    def _check(self, names: set[str], holds: Callable[[float], bool], must: str) -> None:
        for name in sorted(names):
            value = getattr(self, name)
            if not (math.isfinite(value) and holds(value)):
                raise ConfigError(f"plan: {name} is {value}; {must}")

    @property
    def first_arm(self) -> str:
        """The one that is compared with each other."""
        return next(iter(self.arms))

    def schedule(self) -> list[Period]:
        """All periods in order."""
        rng = np.random.default_rng(self.seed)
        (first, policy), *others = self.arms.items()
        found: list[Period] = []
        start_h = 0.0
        phases = [(AA, self.aa_pairs, first + AGAIN, policy)]
        phases += [(AB, self.pairs, name, theirs) for name, theirs in others]
        for comparison, (phase, pairs, name, theirs) in enumerate(phases):
            turns = np.arange(pairs) % 2 == 1
            flipped = turns if self.order == ABBA else rng.permutation(turns)
            for pair in range(pairs):
                both = [(first, policy), (name, theirs)]
                for arm, runs in both[::-1] if flipped[pair] else both:
                    start_h += self.washout_h
                    found.append(
                        Period(
                            phase=phase,
                            comparison=comparison,
                            pair=pair,
                            arm=arm,
                            policy=runs,
                            start_h=start_h,
                            hours=self.hours,
                        )
                    )
                    start_h += self.hours
        return found

    @property
    def days(self) -> float:
        """The whole test."""
        last = self.schedule()[-1]
        return (last.start_h + last.hours) / 24

    @property
    def digest(self) -> str:
        """SHA-256 of everything above and of the order that follows from it."""
        content = {"plan": asdict(self), "schedule": [asdict(period) for period in self.schedule()]}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def freeze(plan: Plan, path: Path) -> str:
    """Write the plan with its hash; never over another. Returns the hash: publish it."""
    if path.exists():
        raise ConfigError(f"{path}: exists already; a frozen plan is never overwritten")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: its folder does not exist; make it first")
    content = {
        "format": FORMAT,
        "sha256": plan.digest,
        "plan": asdict(plan),
        "schedule": [asdict(period) for period in plan.schedule()],
    }
    with whole_text(path) as file:
        file.write(json.dumps(content, indent=1) + "\n")
    return plan.digest


def thawed(path: Path) -> Plan:
    """Read a frozen plan. `ConfigError` if it was changed since it was frozen."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, known = content["format"], {field.name for field in fields(Plan)}
        if version != FORMAT:
            raise ConfigError(f"{path}: is a plan of format {version}, this version reads {FORMAT}")
        if unknown := content["plan"].keys() - known:
            raise ConfigError(f"{path}: unknown key {min(unknown)!r}")
        plan = Plan(**content["plan"])
        frozen, schedule = content["sha256"], content["schedule"]
        same = frozen == plan.digest and schedule == [asdict(period) for period in plan.schedule()]
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such plan; `circadia field plan --out {path}` makes one") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: is no plan of a field test ({error})") from error
    if not same:
        raise ConfigError(
            f"{path}: was changed after it was frozen (its hash says {str(frozen)[:12]}, its content {plan.digest[:12]}); restore "
            "it, or make a new plan and begin anew"
        )
    return plan

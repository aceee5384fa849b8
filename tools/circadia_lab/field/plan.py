"""The plan of a field test: what is compared, how often, in which order; frozen by a hash before the first period."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia_lab.field.sample_size import LEAST_PAIRS, device_change, pairs_needed

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One stretch under one arm."""

    phase: str
    """`aa`: both arms run the first arm's policy; `ab`."""
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
    """Name → policy: `default`, a rule's name or the path of a policy file."""
    effect: float
    """The saving looked for, of the agent's own joules."""
    agent_share: float
    """The agent's share of the device's drain, estimated beforehand."""
    noise: float
    """Of a device's drain from one period to the next, one deviation, as a share."""
    power: float = 0.8
    hours: float = 24.0
    """Of a period."""
    washout_h: float = 1.0
    """Before each period, not counted: the arm runs, the device forgets the one before."""
    pairs: int = 0
    """0: as many as the power needs."""
    aa_pairs: int = LEAST_PAIRS
    latency_margin: float = 0.1
    """Arms are equivalent in latency, staleness and accuracy within these shares, or the comparison is void."""
    staleness_margin: float = 0.2
    accuracy_margin: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.arms) < 2:
            raise ConfigError("plan: two arms at least are needed to compare anything")
        for name in ("noise", "power", "hours", "latency_margin", "staleness_margin", "accuracy_margin"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"plan: {name} is {getattr(self, name)}; it must be above 0")
        for name in ("power", "latency_margin", "staleness_margin", "accuracy_margin"):
            if not getattr(self, name) < 1:
                raise ConfigError(f"plan: {name} is {getattr(self, name)}; it must be below 1")
        if self.washout_h < 0:
            raise ConfigError(f"plan: washout_h is {self.washout_h}; it must be 0 or more")
        for name in ("pairs", "aa_pairs"):
            if getattr(self, name) and getattr(self, name) < LEAST_PAIRS:
                raise ConfigError(
                    f"plan: {name} is {getattr(self, name)}; fewer than {LEAST_PAIRS} cannot show anything at 5 %"
                )
        device_change(self.effect, self.agent_share)

    @property
    def needed_pairs(self) -> int:
        """As given, or as the power needs."""
        change = device_change(self.effect, self.agent_share)
        return self.pairs or pairs_needed(change, self.noise, power=self.power)

    def schedule(self) -> list[Period]:
        """All periods in order. Within a pair, which comes first is drawn; each arm is first equally often, or nearly."""
        rng = np.random.default_rng(self.seed)
        (first, policy), *others = self.arms.items()
        found: list[Period] = []
        start_h = 0.0
        phases = [("aa", self.aa_pairs, first, policy)]
        phases += [("ab", self.needed_pairs, name, theirs) for name, theirs in others]
        for phase, pairs, name, theirs in phases:
            flipped = rng.permutation(np.arange(pairs) % 2 == 0)
            for pair in range(pairs):
                both = [(first, policy), (f"{name}'" if phase == "aa" else name, theirs)]
                for arm, runs in both[::-1] if flipped[pair] else both:
                    start_h += self.washout_h
                    found.append(
                        Period(
                            phase=phase, pair=pair, arm=arm, policy=runs, start_h=start_h, hours=self.hours
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
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    new.replace(path)
    return plan.digest


def thawed(path: Path) -> Plan:
    """Read a frozen plan. `ConfigError` if it was changed since."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, known = content["format"], {field.name for field in fields(Plan)}
        if version != FORMAT:
            raise ConfigError(f"{path}: is a plan of format {version}, this version reads {FORMAT}")
        if unknown := content["plan"].keys() - known:
            raise ConfigError(f"{path}: unknown key {min(unknown)!r}")
        plan = Plan(**content["plan"])
        frozen, schedule = content["sha256"], content["schedule"]
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such plan; `circadia field plan --out {path}` makes one") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: is no plan of a field test ({error})") from error
    if frozen != plan.digest or schedule != [asdict(period) for period in plan.schedule()]:
        raise ConfigError(
            f"{path}: was changed after it was frozen (its hash says {frozen[:12]}, its content {plan.digest[:12]}); restore "
            "it, or make a new plan and begin anew"
        )
    return plan

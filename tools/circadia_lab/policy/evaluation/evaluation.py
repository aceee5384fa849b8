"""Everything that a report is made from: plain values, no policy and no file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from circadia_lab.policy.evaluation.action_map import ActionMap
    from circadia_lab.policy.evaluation.arm import Arm, Conditions
    from circadia_lab.policy.evaluation.curve import Curve
    from circadia_lab.policy.evaluation.day import Day
    from circadia_lab.policy.evaluation.foretold import Foretold
    from circadia_lab.policy.evaluation.oracle_figures import OracleFigures

OURS, APART, FLOATS, RANDOM = "coupled", "separate", "coupled-float", "random"
"""Names of arms that figures look for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A problem with every arm that was played in it."""

    name: str
    devices: tuple[str, ...]
    """What lives in it."""
    arms: tuple[Arm, ...]
    unseen: bool = False
    """Whether the trained arms never saw these devices or days."""
    binding: Mapping[str, float] = field(default_factory=dict)
    """By cost: the share of the preferences under which the best searched rule, freed of that limit, breaks it."""

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names) or OURS not in names:
            raise ConfigError(
                f"scenario {self.name}: arms {', '.join(names)}; each once, and {OURS!r} among them"
            )

    def arm(self, name: str) -> Arm | None:
        """By name."""
        return next((arm for arm in self.arms if arm.name == name), None)

    @property
    def ours(self) -> Arm:
        """The trained policy."""
        return next(arm for arm in self.arms if arm.name == OURS)

    @property
    def rivals(self) -> tuple[Arm, ...]:
        """The rules: what needs no training of ours."""
        return tuple(arm for arm in self.arms if arm.kind == "rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Scenarios, of which the trained arms were trained in the first and all that are not unseen, and what else there is.

    Without a scenario, a comparison with a certified optimum alone.
    """

    scenarios: tuple[Scenario, ...]
    conditions: Conditions
    machine: str
    date: str
    commands: tuple[str, ...]
    """That reproduce it."""
    seconds: float
    curves: tuple[Curve, ...] = ()
    action_maps: tuple[ActionMap, ...] = ()
    days: tuple[Day, ...] = ()
    oracle: OracleFigures | None = None
    foretold: tuple[Foretold, ...] = ()
    not_foretold: dict[str, str] = field(default_factory=dict)
    """Arms of that run that the simulator cannot play, and why."""
    notes: tuple[str, ...] = ()
    """What falls short, in sentences."""
    trained_here: bool = True
    """Not where a file was evaluated, whose training may have seen other devices."""
    versions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.scenarios and self.oracle is None:
            raise ConfigError(
                "an evaluation needs a scenario or a certified optimum at least; it has neither"
            )

    @property
    def seen_by(self) -> str:
        """What `seen` are, in words."""
        return "trained in" if self.trained_here else "evaluated in"

    @property
    def head(self) -> Scenario | None:
        """The first that the trained arms were trained in."""
        return self.scenarios[0] if self.scenarios else None

    @property
    def seen(self) -> tuple[Scenario, ...]:
        """Those that the trained arms were trained in."""
        return tuple(scenario for scenario in self.scenarios if not scenario.unseen)

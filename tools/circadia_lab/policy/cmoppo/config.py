"""What a training is made of, beside its environment and its seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from circadia.errors import ConfigError

VERSION = 5
"""Of the trainer: higher whenever the same numbers would train another policy."""
ARCHITECTURES = ("coupled", "separate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every number of the trainer; the same ones, with seed and machine, give the same policy."""

    architecture: str = "coupled"
    """`coupled`: one network picks among all actions; `separate`: one picks what to serve, another what else to do."""
    constrained: bool = True
    """Whether costs are held to their limits; if not, all multipliers stay 0."""
    steps: int = 16_000_000
    """Ticks of all devices together."""
    ticks: int = 8
    """Length of a rollout."""
    free_share: float = 0.15
    """Share of the devices whose preference is drawn, not an anchor."""
    tried: int = 2
    """Actions drawn at each tick; the first is taken, the others are tried under the same chance and undone."""
    explored: int = 0
    """Of the tried actions, those that are drawn evenly from what the shield admits, so that none is given up for good."""
    explored_until: float = 0.8
    """Share of the updates by which the pull of those that were better has faded to 0."""
    least_energy: float = 0.02
    """Of the weight of energy while training: waste that costs nothing now empties the battery later."""
    redraw: float = 0.05
    """Chance of a new preference per free device and update."""

    actor_width: int = 64
    critic_width: int = 128
    epochs: int = 2
    minibatches: int = 4
    actor_rate: float = 3e-4
    critic_rate: float = 1.5e-3
    last_rate: float = 0.01
    """Share of both learning rates that is left at the end; in between they fall by a cosine."""
    clip: float = 0.2
    """Largest change of an action's probability ratio that is rewarded."""
    gradient_norm: float = 0.5
    discount: float = 0.995
    """Per period, on rewards from which their average is subtracted."""
    trace: float = 0.9
    """λ of the generalised advantage estimate, per tick, …"""
    sleeps: bool = False
    """Whether ticks are as long as the policy chooses: λ is per period, and values are told from their mean."""
    critic_first: float = 0.0
    """Share of the updates in which the critic alone learns: a policy that was taught is not undone by one that knows nothing."""
    entropy: float = 0.1
    """Weight of the entropy at the start, in deviations of the advantage …"""
    entropy_last: float = 0.0005
    """… and from `entropy_until` on; by equal factors in between, for differences that matter little show late."""
    entropy_until: float = 0.8
    normaliser: float = 1e-3
    """Weight of (log Σ exp scores)², which the softmax does not see."""
    largest_weight: float = 1.5
    """Of the actor's layers: one large weight would make every step of its 8 bits coarse."""
    lowest_score: float = -12.0
    """What is less likely than this by its logarithm saturates once rounded."""
    rounded_from: float = 0.7
    """Share of the updates after which the actor is trained as it will be in 8 bits."""
    averaging: float = 0.02
    """Share of the updates that the actor's running average reaches back: the policy that is judged and kept."""
    trust: float = 1.0
    """Share of its scores that is kept then: less than all stays nearer to a prior, for what was learned is learned in a
    simulator."""

    multiplier_rate: float = 0.03
    """Per update and violated limit, in deviations of the utility per deviation of the cost."""
    multiplier_rate_last: float = 0.1
    """Share of `multiplier_rate` that is left at the end."""
    proportional: float = 0.5
    """Share of the violation itself that is added to the multiplier."""
    smoothing: float = 0.9
    """Per update, of costs, before anything is clipped."""
    largest_multiplier: float = 100.0
    by_kind: bool = True
    """Whether each kind of device is held to the limits by prices of its own; if not, all of them on average."""
    target_first: float = 1.0
    """Share of a limit that its cost is steered to at the start: prices that rise early forbid what is not yet learned."""
    target: float = 0.8
    """The same from `target_until` on, falling evenly until then: what is kept with room to spare survives a change of
    chance."""
    target_until: float = 0.6
    """Share of the updates."""

    judged_from: float = 0.9
    """Share of the updates after which the policy is judged on devices of its own."""
    judgements: int = 3
    judged_ticks: int = 1500
    judged_warm_up: int = 450
    judged_limit: float = 0.97
    """Share of a limit that a policy must keep to there before its utility counts."""

    extension_share: float = 0.1
    """Share of the updates that extend the front where it is sparse."""
    extension_rounds: int = 3
    extension_preferences: int = 6
    extension_rate: float = 0.1
    """Share of the learning rates that is used there."""
    keep: float = 0.9
    """β: the others' returns are kept above what lies this far from the worst to their present value."""
    barrier: float = 20.0
    """t of the log barrier, 1/t Σ log(r_j − floor_j)."""

    report_every: int = 16
    """Updates between two reports of progress; so many are compiled as one."""
    checkpoint_every: int = 10
    """Reports between two checkpoints."""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ConfigError(f"architecture {self.architecture!r}: choose {' or '.join(ARCHITECTURES)}")
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        if not 0 <= self.explored < self.tried:
            raise ConfigError(
                f"explored is {self.explored}; it must lie in [0, tried), and tried is {self.tried}"
            )
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be above 0")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must lie in [0, 1]")

    def as_dict(self) -> dict[str, Any]:
        """For checkpoints and reports."""
        return asdict(self)

    def different(self, other: dict[str, Any]) -> list[str]:
        """`name: theirs, here ours` for every number in which a stored configuration differs."""
        mine, missing = self.as_dict(), "nothing"
        names = [f.name for f in fields(self)] + sorted(other.keys() - mine.keys())
        return [
            f"{name}: {other.get(name, missing)}, here {mine.get(name, missing)}"
            for name in names
            if other.get(name, missing) != mine.get(name, missing)
        ]


_COUNTS = (
    "steps", "ticks", "tried", "actor_width", "critic_width", "epochs", "minibatches", "judgements", "judged_ticks",
    "report_every", "checkpoint_every",
)  # fmt: skip
_POSITIVE = (
    "entropy",
    "entropy_last",
    "entropy_until",
    "explored_until",
    "target",
    "target_first",
    "target_until",
    "judged_limit",
)
_SHARES = (
    "free_share", "least_energy", "redraw", "last_rate", "discount", "trace", "entropy_until", "rounded_from", "averaging",
    "critic_first", "multiplier_rate_last", "smoothing", "judged_from", "explored_until", "target_until", "extension_share", "extension_rate", "keep",
    "trust",
)  # fmt: skip

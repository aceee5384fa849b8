"""What a policy is trained on: the full environment of a problem, or the oracle's grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from circadia.policy.prior import PriorSettings
from circadia_lab.policy.env.mixture import Mixture, worlds_of
from circadia_lab.policy.study.digest import digest

if TYPE_CHECKING:
    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.env.interface import AnyEnvironment
    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.oracle.grid import Grid
    from circadia_lab.policy.oracle.spec import GridSpec

BATCH = 1024
"""Devices that act at once in a training."""


class Ground(Protocol):
    """A problem that environments are made from."""

    @property
    def name(self) -> str:
        """As files and tables say it."""
        ...

    @property
    def digest(self) -> str:
        """Differs where anything about the problem does."""
        ...

    @property
    def config(self) -> Config:
        """The trainer's numbers that suit it."""
        ...

    def environment(self, batch: int) -> AnyEnvironment:
        """One of `batch` devices."""
        ...

    def batch(self, least: int, parts: int) -> int:
        """The first number of devices from `least` up that suits, and can be cut into `parts`."""
        ...


@dataclass(frozen=True, slots=True)
class FullGround:
    """The physics of the devices of a problem, or of a mixture of them."""

    problem: Problem | Mixture
    prior: PriorSettings | None = field(default_factory=PriorSettings)
    """What policies that choose their sleeps start from."""

    @property
    def name(self) -> str:
        """The problem's."""
        return self.problem.name

    @property
    def digest(self) -> str:
        """Of everything in it."""
        return digest(self.problem) if self.wakes is None else digest((self.problem, self.prior))

    @property
    def config(self) -> Config:
        """The trainer's own, or those for wakes that choose their sleep."""
        from circadia_lab.policy.cmoppo.config import Config

        return Config() if self.wakes is None else wake_config()

    @property
    def wakes(self) -> Problem | None:
        """The problem, if its wakes choose their sleep."""
        return None if isinstance(self.problem, Mixture) or self.problem.wake is None else self.problem

    def environment(self, batch: int) -> AnyEnvironment:
        """Devices dealt out evenly."""
        from circadia_lab.policy.env.environment import TrainingEnvironment
        from circadia_lab.policy.env.wakes import WakeEnvironment

        if self.wakes is not None:
            return WakeEnvironment(self.wakes, batch, prior=self.prior, alike=True)
        return TrainingEnvironment(self.problem, batch)

    def batch(self, least: int, parts: int) -> int:
        """A multiple of its devices."""
        devices = sum(len(world.devices) for world in worlds_of(self.problem))
        return _multiple(least, math.lcm(devices, parts))


class GridGround:
    """The grid problem; enumerated when it is first needed."""

    def __init__(self, spec: GridSpec) -> None:
        self.spec = spec
        self._grid: Grid | None = None

    @property
    def name(self) -> str:
        """The grid's, apart from a problem's."""
        return f"grid-{self.spec.name}"

    @property
    def digest(self) -> str:
        """Of everything that the grid is made from."""
        return digest(self.spec)

    @property
    def grid(self) -> Grid:
        """Seconds the first time."""
        from circadia_lab.policy.oracle.grid import make_grid

        if self._grid is None:
            self._grid = make_grid(self.spec)
        return self._grid

    @property
    def config(self) -> Config:
        """Faster and bolder: a tick is longer here, so that what an action leads to shows within a few of them.

        Judged often, for judging is exact here, and what is kept can lie near the limits.
        """
        from circadia_lab.policy.cmoppo.config import Config

        return Config(
            steps=12_000_000,
            tried=4,
            explored=1,
            least_energy=0.0,
            critic_width=64,
            entropy=0.05,
            entropy_last=0.0003,
            target=0.87,
            actor_rate=1.5e-3,
            trace=0.8,
            multiplier_rate=0.02,
            multiplier_rate_last=0.5,
            proportional=5.0,
            judged_from=0.7,
            judgements=10,
            judged_limit=0.985,
        )

    def environment(self, batch: int) -> AnyEnvironment:
        """Sampled from the exact chain."""
        from circadia_lab.policy.oracle.grid_environment import GridEnvironment

        return GridEnvironment(self.grid, batch)

    def batch(self, least: int, parts: int) -> int:
        """Any number will do."""
        return _multiple(least, parts)


def wake_config() -> Config:
    """For wakes: each is as long as many ticks, starts from what a rule does, and is judged in time."""
    from circadia_lab.policy.cmoppo.config import Config

    return Config(
        steps=6_000_000,
        sleeps=True,
        discount=0.999,
        trace=0.95,
        tried=4,
        explored=1,
        critic_first=0.05,
        actor_rate=1e-3,
        entropy=0.05,
        entropy_last=0.05,
        trust=0.5,
        extension_share=0.0,
        judgements=2,
        judged_ticks=300,
        judged_warm_up=100,
    )


def _multiple(least: int, of: int) -> int:
    return -(-least // of) * of

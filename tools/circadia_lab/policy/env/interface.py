"""What a trainer sees of an environment, whichever it is: the full one or the oracle's grid.

A batch of devices lives on for ever; nothing is reset. Averages are per unit of time: Σ reward / Σ weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OBJECTIVES = ("accuracy", "latency", "energy")
"""The order of rewards and of a preference's weights; more is better."""
COSTS = ("expired", "stale", "old")
"""The order of costs of ticks of fixed length, each with a limit on its average."""
WAKE_COSTS = ("expired", "model_age", "data_age")
"""The same of wakes: share of requests, and mean ages over time, each in units of its limit's seconds."""


class Seen(NamedTuple):
    """What a policy is given."""

    encoded: Any
    """(batch, WIDTH) int8, as `circadia.observation.encode` makes it."""
    mask: Any
    """(batch, actions) bool, what the shield admits; sleeping is always among it."""
    sleeps: Any = None
    """(batch, sleep options) bool, what the body can; one at least. None where ticks have a fixed length."""
    work_prior: Any = None
    """(batch, actions) what a policy's scores are added to; None: nothing."""
    sleep_prior: Any = None
    """(batch, options) likewise."""
    values: Any = None
    """(batch, features) what is encoded, where an environment has a prior."""


class Choice(NamedTuple):
    """What is done in a wake, and the sleep that follows."""

    work: Any
    """(batch,) int32 index of the catalogue, one that the mask admits."""
    sleep: Any
    """(batch,) int32 index of the sleep options, one that `Seen.sleeps` admits."""
    place: Any
    """(batch,) in [0, 1): where in the option's bin of lengths; of no meaning for "until due"."""
    values: Any = None
    """`Seen.values` when it was made: by these something is due."""


class Outcome(NamedTuple):
    """What one tick brought."""

    reward: Any
    """(batch, objectives)"""
    cost: Any
    """(batch, costs)"""
    weight: Any
    """(batch,) the tick's length in periods of the problem; 1 where ticks are even."""


class Environment(Protocol):
    """Pure functions of JAX arrays; `batch` devices at a time, each with a preference of its own."""

    name: str
    batch: int
    limits: NDArray[np.float64]
    """(costs,) what each cost's average may be at most."""
    kinds: NDArray[np.int64]
    """(batch,) which devices are alike, from 0: those of a kind are centred on averages of their own, and each kind is
    held to the limits for itself."""

    def initial(self, key: Any) -> Any:
        """A pytree of `batch` devices in all sorts of states."""
        ...

    def see(self, state: Any, preference: Any) -> Seen:
        """`preference` (batch, objectives) sums to 1."""
        ...

    def step(self, state: Any, action: Any, key: Any) -> tuple[Any, Outcome]:
        """`action` (batch,) int32 index of the catalogue, one that the mask admits."""
        ...

    def promise(self, state: Any) -> Any:
        """(batch, objectives) rewards to come that a state is known to be worth; 0 where nothing is known.

        Trainers may reward an action by how much more is promised after it than before, Φ(s′) − Φ(s): that changes no
        average, and tells at once what would show much later (after Ng, Harada and Russell, 1999: potential-based
        shaping). Theirs is γ Φ(s′) − Φ(s), which would forget with γ what lasts beyond the trainer's horizon.
        """
        ...


class WakeEnvironment(Protocol):
    """The same where each wake chooses the sleep that follows it: ticks of any length, told by their weight."""

    name: str
    batch: int
    limits: NDArray[np.float64]
    """(costs,) what the average of each of `WAKE_COSTS` may be at most."""
    kinds: NDArray[np.int64]
    actions: int
    """Works of the catalogue: the width of `Seen.mask`."""
    options: int
    """Sleep options: the width of `Seen.sleeps`."""

    def initial(self, key: Any) -> Any:
        """A pytree of `batch` devices in all sorts of states."""
        ...

    def see(self, state: Any, preference: Any) -> Seen:
        """`preference` (batch, objectives) sums to 1; `Seen.sleeps` is there."""
        ...

    def step(self, state: Any, choice: Choice, key: Any) -> tuple[Any, Outcome]:
        """From one wake to the next; `Outcome.weight` is the time between them in periods of the problem."""
        ...

    def promise(self, state: Any) -> Any:
        """As an `Environment`'s."""
        ...


AnyEnvironment = Environment | WakeEnvironment

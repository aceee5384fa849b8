"""How a policy says how long to sleep: options, of which one is drawn, and free lengths within them.

For each kind of sleep (`WakeOn`) the options are the bins between ascending edges, then "until due". One number u in
[0, 1) draws the option at its quantile of the masked softmax, as an action is drawn; what is left of it places the length:

    rest   = (u · total − Σ weights before the option) / the option's weight        in [0, 1)
    length = low · (high / low)^rest                                                between the bin's edges
    length = clip(due_s, first edge, last edge)                                     until due (`circadia.due`)

So lengths are log-uniform in a bin, and a draw's probability is its option's.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.errors import ConfigError
from circadia.observation import HOUR_S
from circadia.types import Sleep, WakeOn

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

SHORTEST_S, LONGEST_S, BINS = 4.0, 6 * HOUR_S, 24
EDGES_S: tuple[float, ...] = tuple(
    float(f"{SHORTEST_S * (LONGEST_S / SHORTEST_S) ** (i / BINS):.6g}") for i in range(BINS + 1)
)
"""From 4 s to 6 h, each 1.43 times the one before."""
UNTIL_DUE = "until-due"


class Drawn(NamedTuple):
    """(…,) which option, and what is left of the draw, in [0, 1)."""

    option: Any
    rest: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepOptions:
    """What a policy chooses from."""

    wake_on: tuple[WakeOn, ...] = tuple(WakeOn)
    """Each once."""
    edges_s: tuple[float, ...] = EDGES_S
    """Two or more, rising, above 0."""

    def __post_init__(self) -> None:
        if not self.wake_on or len(set(self.wake_on)) != len(self.wake_on):
            raise ConfigError(f"sleeps: wake_on {self.wake_on} must be one or more different kinds of sleep")
        rising = all(low < high for low, high in pairwise((0.0, *self.edges_s)))
        if len(self.edges_s) < 2 or not rising or not all(map(math.isfinite, self.edges_s)):
            raise ConfigError(
                f"sleeps: edges_s {self.edges_s} must be two or more seconds, each longer than the one before"
            )

    @property
    def bins(self) -> int:
        """Of each kind."""
        return len(self.edges_s) - 1

    @property
    def group(self) -> int:
        """Options of each kind: the bins, and until due."""
        return self.bins + 1

    @property
    def count(self) -> int:
        """Of all options."""
        return len(self.wake_on) * self.group

    @property
    def names(self) -> tuple[str, ...]:
        """(options,) for tables: `deadline/4-5.72s`, `deadline/until-due`."""
        lengths = [f"{low:.3g}-{high:.3g}s" for low, high in pairwise(self.edges_s)]
        return tuple(f"{kind.value}/{length}" for kind in self.wake_on for length in (*lengths, UNTIL_DUE))

    def mask(self, can: Collection[WakeOn]) -> NDArray[np.bool_]:
        """(options,) those that a body can do; `can` as `ports.wakes_on` gives it."""
        return np.repeat([kind in can for kind in self.wake_on], self.group)

    def kind(self, option: Any) -> Any:
        """(…,) option → its place in `wake_on`."""
        return option // self.group

    def until_due(self, option: int) -> bool:
        """Whether it is that of sleeping until something is due."""
        return option % self.group == self.bins

    def length_s(self, drawn: Drawn, due_s: Any, xp: Any = np) -> Any:
        """(…,) draws and (…, kinds) seconds until something is due in each kind of sleep → (…,) lengths."""
        place = drawn.option % self.group
        edges = xp.asarray(self.edges_s)
        low = edges[xp.minimum(place, self.bins - 1)]
        high = edges[xp.minimum(place, self.bins - 1) + 1]
        kind = self.kind(drawn.option)
        due = xp.take_along_axis(xp.asarray(due_s), kind[..., None], axis=-1)[..., 0]
        until_due = xp.clip(due, self.edges_s[0], self.edges_s[-1])
        return xp.where(place == self.bins, until_due, low * (high / low) ** drawn.rest)

    def sleep(self, option: int, rest: float, due_s: Sequence[float]) -> Sleep:
        """The same of one device; `due_s` (kinds,), of which only *until due* makes use."""
        kind, place = divmod(option, self.group)
        if place == self.bins:
            length_s = min(max(due_s[kind], self.edges_s[0]), self.edges_s[-1])
        else:
            low, high = self.edges_s[place], self.edges_s[place + 1]
            length_s = low * (high / low) ** rest
        return Sleep(length_s=length_s, wake_on=self.wake_on[kind])


SLEEPS = SleepOptions()


def draw(scores: Any, mask: Any, u: Any, xp: Any = np) -> Drawn:
    """(…, options) scores and mask, (…,) u in [0, 1) → (…,) draws; option 0, at its start, where nothing is admitted."""
    z = xp.where(mask, scores, -xp.inf)
    highest = z.max(axis=-1, keepdims=True)
    weights = xp.exp(z - xp.where(highest > -xp.inf, highest, 0))
    cumulative = weights.cumsum(axis=-1)
    total, at = cumulative[..., -1:], xp.asarray(u)[..., None] * cumulative[..., -1:]
    # Where rounding makes u · total the total itself, the last admitted option is the one.
    option = ((cumulative > at) | (cumulative == total)).argmax(axis=-1)
    weight = xp.take_along_axis(weights, option[..., None], axis=-1)
    before = xp.take_along_axis(cumulative, option[..., None], axis=-1) - weight
    rest = (at - before) / xp.where(weight > 0, weight, 1)
    return Drawn(option, xp.clip(rest[..., 0], 0, ALMOST))


ALMOST = float(np.nextafter(np.float32(1), np.float32(0)))
"""The largest rest."""


def draw_one(scores: NDArray[np.float32], admitted: Sequence[int], u: float) -> tuple[int, float] | None:
    """The same of one device on plain numbers, `admitted` the places that its mask admits; None where there are none."""
    values = scores.tolist()
    highest = max((values[place] for place in admitted), default=-math.inf)
    if highest == -math.inf:
        return None
    weights = [math.exp(values[place] - highest) for place in admitted]
    cumulative = list(accumulate(weights))
    total = cumulative[-1]
    drawn = min(bisect_right(cumulative, u * total), bisect_left(cumulative, total))
    rest = (u * total - (cumulative[drawn] - weights[drawn])) / weights[drawn]
    return admitted[drawn], min(max(rest, 0.0), ALMOST)

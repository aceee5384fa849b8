"""A rule as it runs on devices, among policies of wakes.

A rule computes on NumPy's arrays, so that JAX calls back for it. Its sleep becomes the option that has its length: until
due, where it is as long as that option's, else the bin that holds it, and the place within.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from circadia.actions import FACTS
from circadia.due import Done, next_s
from circadia.observation import TABLE
from circadia.policy.due_rule import DueRule
from circadia.policy.sleeps import SLEEPS
from circadia.types import WakeOn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.env.interface import Choice, Seen

    Floats = NDArray[np.float32]

ALIKE = 0.01
"""Two lengths of sleep that differ by less, as a share, are one."""


NOTHING = 1e-7
"""Of a feature's range."""


class PlayedRule:
    """A rule that says how long to sleep."""

    def __init__(self, rule: DueRule | None = None) -> None:
        """The shipped one if none is given."""
        self._rule = rule or DueRule()

    def choice(self, values: Any, seen: Seen) -> Choice:
        """By (batch, features) values as a device has them."""
        return _called(partial(_decided, self._rule), values, seen)


class SideBySideRules:
    """Several rules in one batch."""

    def __init__(self, rules: Sequence[DueRule], chosen: NDArray[np.intp]) -> None:
        """(batch,) which of the rules plays each device."""
        self._parts = [
            (rule, places) for i, rule in enumerate(rules) if len(places := np.flatnonzero(chosen == i))
        ]

    def choice(self, values: Any, seen: Seen) -> Choice:
        """By (batch, features) values as a device has them."""
        return _called(self._decide, values, seen)

    def _decide(self, x: Any, mask: Any, sleeps: Any) -> tuple[Any, Any, Any]:
        x, mask, sleeps = (np.asarray(part) for part in (x, mask, sleeps))
        found = np.empty(len(x), np.int32), np.empty(len(x), np.int32), np.empty(len(x), np.float32)
        for rule, places in self._parts:
            for whole, part in zip(
                found, _decided(rule, x[places], mask[places], sleeps[places]), strict=True
            ):
                whole[places] = part
        return found


def _called(decide: Any, values: Any, seen: Seen) -> Choice:
    from circadia_lab.policy.env.interface import Choice

    struct: Any = jax.ShapeDtypeStruct
    whole, places = (struct(values.shape[:1], kind) for kind in (np.int32, np.float32))
    found = jax.pure_callback(decide, (whole, whole, places), values, seen.mask, seen.sleeps)
    return Choice(*found)


def _decided(rule: DueRule, x: Any, mask: Any, sleeps: Any) -> tuple[Any, Any, Any]:
    x, mask, sleeps = (np.asarray(part) for part in (x, mask, sleeps))
    work = np.where(mask, rule.scores(x), -np.inf).argmax(-1)
    kind = np.where(sleeps, rule.sleep_scores(x), -np.inf).argmax(-1) // SLEEPS.group
    rows = np.arange(len(x))
    edges = np.array(SLEEPS.edges_s)
    length = rule.due_after(x, work)[rows, kind].clip(edges[0], edges[-1])
    place = (np.searchsorted(edges, length, side="right") - 1).clip(0, SLEEPS.bins - 1)
    rest = np.log(length / edges[place]) / np.log(edges[place + 1] / edges[place])
    until_due = np.abs(_until_due(x, work, kind).clip(edges[0], edges[-1]) / length - 1) < ALIKE
    option = kind * SLEEPS.group + np.where(until_due, SLEEPS.bins, place)
    almost = np.nextafter(np.float32(1), np.float32(0))
    return work.astype(np.int32), option.astype(np.int32), rest.astype(np.float32).clip(0, almost)


def _until_due(x: Any, work: Any, kind: Any) -> Any:
    """(n,) seconds, as the option has it."""
    done = Done(FACTS.serves[work], FACTS.trains[work], FACTS.syncs[work])
    both = [next_s(x, heard=heard, done=done) for heard in (False, True)]
    return np.where(kind == list(SLEEPS.wake_on).index(WakeOn.DUE), both[0], both[1])


def decoded(encoded: Any, xp: Any = np) -> Any:
    """(…, WIDTH) → (…, features) values that encode to it."""
    low, high, scale = (np.array([getattr(f, key) for f in TABLE]) for key in ("low", "high", "scale"))
    bent = scale > 0
    bend = np.where(bent, scale, 1.0)
    ends = [np.where(bent, np.log1p(np.where(bent, end, 0) / bend), end) for end in (low, high)]
    half = encoded.shape[-1] // 2
    z = ends[0] + (encoded[..., :half] / 127.0 + 1) / 2 * (ends[1] - ends[0])
    x = xp.where(bent, xp.expm1(z) * bend, z).astype(np.float32)
    # What is 0 must not be more by rounding: rules ask whether it is.
    x = xp.where(xp.abs(x) < NOTHING * (high - low), np.float32(0), x)
    return xp.where(encoded[..., half:] > 0, x, np.float32(np.nan))

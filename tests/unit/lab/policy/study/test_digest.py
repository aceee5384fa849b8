"""Same value, same hash; another value, another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.types import Mode
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.study.digest import DIGITS, digest
from circadia_lab.policy.study.ground import FullGround, GridGround

if TYPE_CHECKING:
    from circadia_lab.policy.oracle.spec import GridSpec


@dataclass(frozen=True)
class Thing:
    name: str
    sizes: tuple[float, ...]
    table: np.ndarray[Any, Any]


def thing() -> Thing:
    return Thing("a", (1.0, 2.5), np.arange(6.0).reshape(2, 3))


def test_it_is_the_value_that_counts() -> None:
    assert digest(thing()) == digest(thing())
    assert len(digest(thing())) == DIGITS
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(frozenset(Mode)) == digest(frozenset(reversed(Mode))) != digest(frozenset({Mode.SLEEP}))
    assert digest([1, None, True, "x", Mode.SLEEP]) == digest((1, None, True, "x", Mode.SLEEP))


@pytest.mark.parametrize(
    "other",
    [
        replace(thing(), name="b"),
        replace(thing(), sizes=(1.0, np.nextafter(2.5, 3))),
        replace(thing(), table=np.arange(6.0).reshape(3, 2)),
        replace(thing(), table=np.arange(6, dtype=np.float32).reshape(2, 3)),
        replace(thing(), table=thing().table * (1 + 1e-15)),
    ],
)
def test_any_difference_shows(other: Thing) -> None:
    assert digest(other) != digest(thing())


def test_what_has_no_digest_is_named() -> None:
    with pytest.raises(TypeError, match="no digest of set"):
        digest({"a": {1}})


def test_a_problem_s_digest_follows_its_limits() -> None:
    problem = find_problem("default")
    tighter = replace(problem, costs=replace(problem.costs, stale=0.1))
    assert FullGround(problem).digest == FullGround(find_problem("default")).digest
    assert FullGround(problem).digest != FullGround(tighter).digest


def test_a_grid_s_digest_follows_its_axes(coarse_phone: GridSpec) -> None:
    finer = replace(coarse_phone, battery_levels=5)
    assert GridGround(coarse_phone).digest != GridGround(finer).digest
    assert GridGround(coarse_phone).name == "grid-coarse-phone"


def test_batches_suit_the_devices_and_the_minibatches(coarse_phone: GridSpec) -> None:
    full = FullGround(find_problem("default"))
    assert full.batch(21, 8) == 24
    assert full.batch(25, 3) == 30
    assert full.batch(24, 1) == 24
    assert GridGround(coarse_phone).batch(25, 8) == 32

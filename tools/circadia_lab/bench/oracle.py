"""How long a certified optimum takes, and how that grows with the number of states."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.policy.oracle.columns import Pool, solve
from circadia_lab.policy.oracle.grid import make_grid
from circadia_lab.policy.oracle.grids import phone, phone_40k, phone_170k

if TYPE_CHECKING:
    from circadia_lab.bench.__main__ import Figure
    from circadia_lab.policy.oracle.spec import GridSpec

PREFERENCES = ((0.0, 0.0, 1.0), (0.2, 0.4, 0.4), (1.0, 0.0, 0.0))
"""All limits bind under the first, one under each of the others."""
SIZES = ("4k", "40k", "170k")


def measure() -> dict[str, Figure]:
    """For each size: states, seconds to enumerate, seconds to solve all `PREFERENCES`, largest gap, columns.

    `oracle_growth` is the exponent of the seconds in the states, from the smallest size to the largest.
    """
    figures: dict[str, Figure] = {}
    for size, spec in zip(SIZES, _specs(), strict=True):
        figures |= {f"oracle_{size}_{key}": value for key, value in _timed(spec).items()}
    first, last = SIZES[0], SIZES[-1]
    return figures | {"oracle_growth": _exponent(figures, first, last)}


def _specs() -> tuple[GridSpec, ...]:
    return replace(phone(), name="phone-4k", unsent_lots=(0.0,)), phone_40k(), phone_170k()


def _timed(spec: GridSpec) -> dict[str, Figure]:
    start_s = time.perf_counter()
    grid = make_grid(spec)
    made_s = time.perf_counter()
    pool = Pool(chain=grid.chain)
    found = [solve(pool, np.array(preference)) for preference in PREFERENCES]
    return {
        "states": grid.chain.states,
        "enumerate_s": made_s - start_s,
        "s": time.perf_counter() - made_s,
        "gap": max(solution.gap for solution in found),
        "columns": len(pool.columns),
    }


def _exponent(figures: dict[str, Figure], first: str, last: str) -> float:
    def ratio(key: str) -> float:
        return float(figures[f"oracle_{last}_{key}"] or 0) / float(figures[f"oracle_{first}_{key}"] or 1)

    return math.log(ratio("s")) / math.log(ratio("states"))

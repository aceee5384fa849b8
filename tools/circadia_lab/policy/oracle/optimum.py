"""The certified optimum of a grid for many preferences: what any policy is held against."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia.writing import whole_file
from circadia_lab.policy.oracle.columns import TOLERANCE, Pool, solve
from circadia_lab.policy.oracle.evaluation import evaluate, uniform_policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia_lab.policy.oracle.chain import Chain
    from circadia_lab.policy.oracle.columns import Solution
    from circadia_lab.policy.oracle.grid import Grid

    Floats = NDArray[np.float64]

FORMAT = "circadia-optimum/1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum:
    """P preferences' optima; all averages are per tick."""

    preferences: Floats
    """(P, objectives)"""
    values: Floats
    """(P,) w · returns of a policy that keeps the limits …"""
    upper: Floats
    """… and what no such policy exceeds."""
    gaps: Floats
    """(P,) (upper − value) / Σ w |returns|"""
    returns: Floats
    """(P, objectives)"""
    costs: Floats
    """(P, costs)"""
    multipliers: Floats
    """(P, costs) λ ≥ 0: what a unit of each limit is worth."""
    policies: NDArray[np.float32]
    """(P, S, A) stationary, randomised."""
    planned: NDArray[np.int64]
    """(P,) columns that each took."""
    random_returns: Floats
    """(objectives,) of the policy that draws evenly among what is admissible, whatever it costs."""
    random_costs: Floats
    """(costs,)"""

    @property
    def reference(self) -> Floats:
        """(objectives,) for hypervolumes: in each objective the worst of the optima and the random policy."""
        worst: Floats = np.vstack([self.returns, self.random_returns]).min(axis=0)
        return worst

    @property
    def random_values(self) -> Floats:
        """(P,) w · returns of the random policy."""
        values: Floats = self.preferences @ self.random_returns
        return values


def optimum(
    grid: Grid,
    preferences: Floats,
    *,
    folder: Path | None = None,
    tolerance: float = TOLERANCE,
    progress: Callable[[int, Solution], None] | None = None,
) -> Optimum:
    """(P, objectives) preferences → their optima, each told to `progress` as it is found.

    With a `folder` the answer is kept there, named by what the problem is. `InfeasibleProblem` as in `solve`.
    """
    path = (
        None
        if folder is None
        else folder / f"{grid.spec.name}-{key_of(grid.chain, preferences, tolerance)}.npz"
    )
    if path is not None and path.exists():
        return load_optimum(path)
    pool = Pool(chain=grid.chain)
    solutions = []
    for i, preference in enumerate(preferences):
        solutions.append(solve(pool, preference, tolerance=tolerance))
        if progress is not None:
            progress(i, solutions[-1])
    found = _gathered(grid.chain, solutions)
    if path is not None:
        save_optimum(path, found)
    return found


def _gathered(chain: Chain, solutions: list[Solution]) -> Optimum:
    chance = evaluate(chain, uniform_policy(chain))
    columns = {key: np.array([getattr(s, key) for s in solutions]) for key in _COLUMNS}
    return Optimum(
        preferences=columns["preference"],
        values=columns["value"],
        upper=columns["upper"],
        gaps=columns["gap"],
        returns=columns["returns"],
        costs=columns["costs"],
        multipliers=columns["multipliers"],
        policies=np.stack([s.policy.astype(np.float32) for s in solutions]),
        planned=columns["planned"],
        random_returns=chance.returns,
        random_costs=chance.costs,
    )


_COLUMNS = ("preference", "value", "upper", "gap", "returns", "costs", "multipliers", "planned")


def key_of(chain: Chain, preferences: Floats, tolerance: float) -> str:
    """16 hexadecimal digits of what decides the answer."""
    digest = hashlib.sha256(f"{FORMAT} {tolerance!r}".encode())
    tables = [chain.context, chain.mask, chain.rewards, chain.costs, chain.limits, preferences]
    for block in chain.blocks:
        tables += [block.indptr, block.indices, block.data]
    for table in tables:
        digest.update(f"{table.dtype} {table.shape}".encode())
        digest.update(np.ascontiguousarray(table).data)
    return digest.hexdigest()[:16]


def save_optimum(path: Path, found: Optimum) -> None:
    """Compressed; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        np.savez_compressed(file, **{f.name: getattr(found, f.name) for f in fields(found)})


def load_optimum(path: Path) -> Optimum:
    """`ConfigError` if the file is not one of `save_optimum`'s."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as table:
            values: dict[str, Any] = {f.name: table[f.name] for f in fields(Optimum)}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: no optimum can be read from it ({error}); delete it") from error
    return Optimum(**values)


def normalised(value: Any, random: Any, best: Any) -> Any:
    """(…,) (J − J_random) / (J* − J_random): 0 as good as drawing evenly, 1 optimal.

    `ConfigError` where the optimum, which keeps the limits, is no better than the random policy, which does not.
    """
    span = np.asarray(best) - np.asarray(random)
    if np.any(span <= 0):
        raise ConfigError(
            "normalised: the optimum is no better than the random policy; compare the values themselves"
        )
    return (np.asarray(value) - np.asarray(random)) / span


def hypervolume(returns: Floats, reference: Floats) -> float:
    """(P, objectives) returns, more being better → volume between them and `reference`; worse points count nothing.

    NaN where a return is: moocore would take the process down.
    """
    import moocore

    if np.isnan(returns).any():
        return float("nan")
    return float(moocore.hypervolume(-returns, ref=-reference))

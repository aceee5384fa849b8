"""Lives of policies, as far as learning goes: who trained, pushed and pulled when, and how good their weights were.

Played by real runtimes with real training and federation (`circadia_lab.life`). A life is a file, so that a fit can be
done again without playing it.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.due import DueLimits
from circadia.errors import ConfigError
from circadia.policy.due_rule import DueRule, DueSettings
from circadia.policy.patience import PatienceLaw
from circadia.wiring import make_policy
from circadia_lab.data.day.plan import Plan
from circadia_lab.life.life import Life

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.ports import Policy
    from circadia.types import TickRecord

    Floats = NDArray[np.float64]


def _due(fresh_s: float, contact_s: float) -> Policy:
    limits = DueLimits(fresh_limit_s=fresh_s, contact_limit_s=contact_s)
    return DueRule(DueSettings(limits=limits, patience=PatienceLaw(usual_j=0.0)))


POLICIES: dict[str, Callable[[], Policy]] = {
    "due": partial(make_policy, "due"),
    "due-30-30": partial(_due, 1800.0, 1800.0),
    "default": partial(make_policy, "default"),
    "due-60-60": partial(_due, 3600.0, 3600.0),
    "charging-only": partial(make_policy, "charging-only"),
    "due-10-60": partial(_due, 600.0, 3600.0),
    "drift-plus-penalty": partial(make_policy, "drift-plus-penalty"),
    "due-15-15": partial(_due, 900.0, 900.0),
    "due-120-30": partial(_due, 7200.0, 1800.0),
}
"""Rules as they ship, the shipped file, and the rule `due` with the same limits to its examples' and contact's age, in minutes, whatever a wake costs."""


class LearningLife(NamedTuple):
    """A fleet's day."""

    policy: str
    seed: int
    acts: Floats
    """(acts, 5) of wakes that trained, pushed, or found another version: time, device, rows trained, 1 for a push, and the version
    that was in service."""
    versions: Floats
    """(versions, 2) when each was published, and its number, from the second on."""
    looks_s: Floats
    """(looks,)"""
    accuracy: Floats
    """(looks, devices) of the weights in service, on the common held-out images."""
    drift_s: float
    """When the world jumped."""


def play(policy: str, seed: int) -> LearningLife:
    """One of `POLICIES` in a fleet as `./tools/run` deals it; `ConfigError` for another."""
    if policy not in POLICIES:
        raise ConfigError(f"life of {policy!r}: there are {', '.join(POLICIES)}")
    acts: list[tuple[float, ...]] = []
    versions: list[tuple[float, float]] = []
    installed: dict[int, int] = {}

    def watch(device: int, record: TickRecord) -> None:
        version, training = life.devices[device].workload.version, record.outcome.training
        rows = 0 if training is None else int((training.batches >= 0).sum())
        pushed = record.outcome.update is not None
        if rows or pushed or version != installed.get(device, 1):
            acts.append((record.t_s, device, rows, pushed, version))
        installed[device] = version
        newest = life.aggregator.version
        if newest.number > (versions[-1][1] if versions else 1):
            versions.append((newest.published_s, newest.number))

    with (
        tempfile.TemporaryDirectory(prefix="circadia-life-") as folder,
        Life(Plan(seed=seed), POLICIES[policy], Path(folder), name=policy, watch=watch) as life,
    ):
        looks = list(life.play())
        drift_s, devices = life.world.drifts_s[0], len(life.devices)
    accuracy = np.array([look.accuracy for look in looks]).reshape(-1, devices)
    looks_s = np.array([look.t_s for look in looks[::devices]])
    return LearningLife(
        policy=policy,
        seed=seed,
        acts=np.array(acts, float),
        versions=np.array(versions, float).reshape(-1, 2),
        looks_s=looks_s,
        accuracy=accuracy,
        drift_s=drift_s,
    )


def write(life: LearningLife, folder: Path) -> None:
    """As a file of that folder."""
    fields = {name: np.asarray(getattr(life, name)) for name in LearningLife._fields}
    np.savez_compressed(path_of(folder, life.policy, life.seed), **fields)


def path_of(folder: Path, policy: str, seed: int) -> Path:
    """Where a life is kept."""
    return folder / f"{policy}-{seed}.npz"


def read(path: Path) -> LearningLife:
    """`ConfigError` for what is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            fields = {name: file[name] for name in LearningLife._fields}
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{path}: no life of a policy ({error}); delete it, and it is played again"
        ) from error
    names = {
        "policy": str(fields["policy"]),
        "seed": int(fields["seed"]),
        "drift_s": float(fields["drift_s"]),
    }
    return LearningLife(**{**fields, **names})

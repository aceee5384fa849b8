"""Whose answers are best on a device's own data: the federation's, the device's by itself, or personalised ones."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia_lab.bench._machine import machine
from circadia_lab.data.day.accuracy import Examiner
from circadia_lab.data.day.plan import DAY_S
from circadia_lab.data.day.world import World
from circadia_lab.policy.env.federated_run import Federation, Schedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.learning.task import Task
    from circadia_lab.bench.__main__ import Figure

TASK, DEVICES, SEEDS, DAYS = "digits", 8, 5, 2
DRIFTS_S = (0.4 * DAY_S, 1.4 * DAY_S)
LOOKS_S = tuple((DAY_S + np.arange(1, 9) * DAY_S / 8).tolist())
"""When own accuracy is looked at: eight times in the last day."""
HABIT = Schedule(train_s=3600.0, push_s=7200.0, pull_s=7200.0, large_share=0.5)
ARMS = {"federated": {}, "personal": {"personal": True}, "alone": {"alone": True}}
APART_DEG = 20.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arm:
    """What one arm came to in one seed."""

    own: NDArray[np.float64]
    """(devices,) accuracy on own data, mean over the looks."""
    common: float
    """Of the devices' answers on the common data at the end, mean over the devices."""
    published: float
    """Of the published model, the same."""
    training_s: float
    """By the devices' profile."""


def measure() -> dict[str, Figure]:
    """`own_over_best`: accuracy on own data, less the better of federated and alone, each by its mean over the seeds.

    `worst_device`: the same of the device where it is least, `worst_once` of one device in one seed. `common_kept`: the
    published model's accuracy on common data with personalisation on, less off. `*_own`, `*_common`: each arm's
    answers on own data and on common data. `training_over_federated`: time spent on training, by the devices' profile.

    Eight devices of the demonstration's world, non-IID by class and camera, two days, each with a drift; TFLite
    training and the federation's averaging; all arms of a seed have the same days and draws. `apart_*`: the same in a
    world where each camera is turned by 20° more than the one before, so that the devices have little in common.
    """
    where = machine()
    task = load_task(TASK)
    trainer = Trainer(task)
    demonstration = _figures(_arms(task, trainer, "demonstration", 0.0))
    apart = _figures(_arms(task, trainer, "apart", APART_DEG))
    return {
        "seeds": SEEDS,
        **demonstration,
        **{f"apart_{name}": value for name, value in apart.items()},
        **where,
    }


def _arms(task: Task, trainer: Trainer, world: str, apart_deg: float) -> dict[str, list[Arm]]:
    """By name, an `Arm` for each seed."""
    found: dict[str, list[Arm]] = {name: [] for name in ARMS}
    for seed in range(SEEDS):
        for name in ARMS:
            print(f"{world}, seed {seed + 1} of {SEEDS}: {name}", file=sys.stderr, flush=True)
            found[name].append(play(task, trainer, seed, name, apart_deg=apart_deg))
    return found


def play(
    task: Task,
    trainer: Trainer,
    seed: int,
    arm: str,
    *,
    devices: int = DEVICES,
    habit: Schedule = HABIT,
    apart_deg: float = 0.0,
) -> Arm:
    """One arm of one seed."""
    world = World(seed, devices, drifts_s=DRIFTS_S, days=DAYS, apart_deg=apart_deg)
    random = np.random.default_rng([seed, 1])
    federation = Federation(task, world, [habit] * devices, random, **ARMS[arm])
    examiner, own = Examiner(world, trainer), []
    for look_s in LOOKS_S:
        federation.go_on(look_s)
        own.append(
            [
                examiner.accuracy(workload.answering, look_s, device)
                for device, workload in enumerate(federation.workloads)
            ]
        )
    end_s = LOOKS_S[-1]
    common = [examiner.accuracy(workload.answering, end_s) for workload in federation.workloads]
    return Arm(
        own=np.mean(own, axis=0),
        common=float(np.mean(common)),
        published=examiner.accuracy(federation.published, end_s),
        training_s=federation.training_s,
    )


def _figures(arms: dict[str, list[Arm]]) -> dict[str, Figure]:
    own = {name: np.array([arm.own for arm in seeds]) for name, seeds in arms.items()}
    personal, others = own["personal"], (own["federated"], own["alone"])
    published = {name: np.mean([arm.published for arm in seeds]) for name, seeds in arms.items()}
    training_s = {name: sum(arm.training_s for arm in seeds) for name, seeds in arms.items()}
    figures = {
        "own_over_best": personal.mean() - max(other.mean() for other in others),
        "worst_device": (personal.mean(0) - np.max([other.mean(0) for other in others], axis=0)).min(),
        "worst_once": (personal - np.max(others, axis=0)).min(),
        "common_kept": published["personal"] - published["federated"],
        "published_common": published["federated"],
        **{f"{name}_own": own[name].mean() for name in arms},
        **{f"{name}_common": np.mean([arm.common for arm in seeds]) for name, seeds in arms.items()},
        "training_over_federated": training_s["personal"] / training_s["federated"],
    }
    return {name: float(value) for name, value in figures.items()}

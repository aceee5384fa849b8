"""What a task's work takes, foretold from the operations in its file, against what it takes: a small net and a large one."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import nnls

from circadia.energy.profile import Quantity, Reference
from circadia.energy.profile_file import shipped_profile
from circadia.energy.work import with_work, work_of
from circadia.learning.task_file import load_task
from circadia.learning.vectors import probe_batch
from circadia.tflite.interpreter import open_interpreter
from circadia.tflite.operations import operations
from circadia_lab.bench._machine import machine
from circadia_lab.bench.large_task import write_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia.energy.profile import DeviceProfile
    from circadia.learning.task import Task
    from circadia.tflite.operations import Operations
    from circadia_lab.bench.__main__ import Figure

ROUNDS, ROUND_S = 40, 0.03


class Timed(NamedTuple):
    """One invocation of a signature."""

    counted: Operations
    seconds: float


def measure() -> dict[str, Figure]:
    """`step_…` of training steps and `answer_…` of invocations that answer, the large net's over the small one's.

    The small net is the shipped digits (5,130 parameters), the large one has a million. `*_found` is the ratio of their
    times on this machine, one thread, each the least of 40 means over 30 ms; `*_foretold` that of `circadia.energy.work`
    out of a profile whose durations are the large net's, as a device's are those of some large net, and whose overheads of
    operators and bytes were fitted to it and to digits-head: the small net is in no fit. `*_by_macs` counts
    multiply-accumulates alone. `operator_us` and `memory_gb_per_s` are what was fitted (none: bytes explain nothing), `*_us`
    the times.
    """
    told = machine()
    small, other = load_task("digits"), load_task("digits-head")
    with tempfile.TemporaryDirectory(prefix="circadia-work-") as name:
        large = load_task(write_task(Path(name)))
    less, fitted, more = _timed((small, other, large))
    profile, body = _calibrated(more, [*fitted.values(), *more.values()])
    foretold = with_work(profile, work_of(small.name, small.model, small.infer_batch)).duration
    figures: dict[str, Figure] = {
        **told,
        "operator_us": _times(1e6, body.operator_s),
        "memory_gb_per_s": _times(1e-9, body.memory_bytes_per_s),
    }
    for what, key, seconds in (
        ("step", "train", foretold.train_step_high_s),
        ("answer", "infer", foretold.serve_request_high_s),
    ):
        figures |= {
            f"{what}_small_us": 1e6 * less[key].seconds,
            f"{what}_large_us": 1e6 * more[key].seconds,
            f"{what}_found": more[key].seconds / less[key].seconds,
            f"{what}_foretold": more[key].seconds / seconds.value,
            f"{what}_by_macs": more[key].counted.macs / less[key].counted.macs,
        }
    return figures


def _times(factor: float, quantity: Quantity | None) -> float | None:
    return factor * quantity.value if quantity else None


def _timed(tasks: Sequence[Task]) -> list[dict[str, Timed]]:
    """Of each task both signatures; rounds of all of them take turns, for the machine is not always as busy."""
    runs = {
        (index, key): _runner(task, key) for index, task in enumerate(tasks) for key in ("train", "infer")
    }
    rounds = [{which: _mean_s(run) for which, run in runs.items()} for _ in range(ROUNDS)]
    least = {which: min(one[which] for one in rounds) for which in runs}
    return [
        {key: Timed(operations(task.model, key, task.name), least[index, key]) for key in ("train", "infer")}
        for index, task in enumerate(tasks)
    ]


def _runner(task: Task, signature: str) -> Callable[[], object]:
    runner = open_interpreter(task.model, name=task.name).get_signature_runner(signature)
    rows = task.batch if signature == "train" else task.infer_batch
    probe = probe_batch(rows, task.input_shape, len(task.labels))
    given: dict[str, Any] = {"x": probe["x"], "w": task.initial_weights}
    if signature == "train":
        given |= {"y": probe["y"], "mask": probe["mask"], "lr": np.float32(task.learning_rate)}
    return lambda: runner(**given)


def _mean_s(work: Callable[[], object]) -> float:
    began, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < ROUND_S or not count:
        work()
        count += 1
    return passed / count


def _calibrated(reference: dict[str, Timed], rows: list[Timed]) -> tuple[DeviceProfile, Reference]:
    """A profile of this machine, and its [work]: seconds ≈ a · operators + b · multiply-accumulates + c · bytes, none negative, by relative errors."""
    seconds = np.array([row.seconds for row in rows])
    counts = np.array([(row.counted.operators, row.counted.macs, row.counted.bytes) for row in rows], float)
    (operator_s, _, s_per_byte), _ = nnls(counts / seconds[:, None], np.ones(len(rows)))
    step, answer = reference["train"], reference["infer"]
    profile = shipped_profile("pixel-3")
    # Both clocks are this machine's one.
    duration = {f"train_step_{clock}_s": _measured(step.seconds) for clock in ("low", "high")} | {
        f"serve_request_{clock}_s": _measured(answer.seconds) for clock in ("low", "high")
    }
    work = Reference(
        **{f"train_step_{part}": _measured(getattr(step.counted, part)) for part in step.counted.__slots__},
        **{
            f"serve_request_{part}": _measured(getattr(answer.counted, part))
            for part in answer.counted.__slots__
        },
        operator_s=_measured(operator_s),
        memory_bytes_per_s=_measured(1 / s_per_byte) if s_per_byte else None,
    )
    return replace(profile, duration=replace(profile.duration, **duration), work=work), work


def _measured(value: float) -> Quantity:
    return Quantity(value=float(value), uncertainty=0.0, source="measured here")

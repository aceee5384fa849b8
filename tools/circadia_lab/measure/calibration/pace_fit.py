"""How long a task's work takes, out of a device's own ticks: no meter is needed for it, the ticks have the seconds.

    a training step   seconds under TRAIN / steps                the median over the ticks that trained
    an invocation     seconds under SERVE / ⌈answers / batch⌉    the same of those that answered

A median does not mind a tick that was held up. Its standard error is 1.25 σ / √n, σ = 1.48 times the median deviation. An
invocation's seconds hold all that a tick spends on answering, so the overhead of a batch is 0 beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.energy.profile import Quantity
from circadia.types import Load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.energy.profile import DeviceProfile
    from circadia.energy.work import TaskWork
    from circadia.tflite.operations import Operations
    from circadia_lab.measure.calibration.worked import Worked

LEAST_TICKS = 10
"""With that work, to say how long it takes."""
WIDEST = 0.5
"""Median deviation over the median: what is spread wider is not the time of one and the same thing."""
KINDS = ("train_step", "serve_request")
CLOCKS = ("low", "high")
OVERHEAD = "duration.serve_batch_overhead_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceFit:
    """By their keys in the profile."""

    found: dict[str, Quantity]
    kept: dict[str, str]
    """Key → why it stays as it was."""


def fit_paces(
    worked: Sequence[Worked], work: TaskWork | None, profile: DeviceProfile, source: str
) -> PaceFit:
    """Of devices of one kind that learned the task of that `work`; None: nobody has said which it was."""
    fit = PaceFit(found={}, kept={})
    for kind in KINDS:
        keys = {clock: f"duration.{kind}_{clock}_s" for clock in CLOCKS}
        if work is None:
            fit.kept.update(dict.fromkeys(keys.values(), "nobody said which task it was (--task)"))
            continue
        found, why = _clocks(worked, work, kind, source)
        if not found:
            fit.kept.update(dict.fromkeys(keys.values(), why))
            continue
        ratio = _ratio(profile, kind)
        for clock, key in keys.items():
            fit.found[key] = found.get(clock) or _scaled(found, clock, ratio)
        fit.found.update(_of_network(kind, work.step if kind == "train_step" else work.invocation, work.task))
    if work and any(key.startswith("duration.serve_") for key in fit.found):
        fit.found["work.answers"] = _counted(work.answers, work.task)
        fit.found[OVERHEAD] = Quantity(
            value=0.0, uncertainty=0.0, source=f"{source}; in an invocation's seconds"
        )
    return fit


def _clocks(
    worked: Sequence[Worked], work: TaskWork, kind: str, source: str
) -> tuple[dict[str, Quantity], str]:
    """Seconds at each clock that was told, or why at none."""
    if kind == "train_step" and any(one.personal for one in worked):
        return (
            {},
            "the device learned an answer of its own with its steps: their seconds are not those of steps alone",
        )
    name = "TRAIN" if kind == "train_step" else "SERVE"
    found, reasons = {}, []
    for clock in CLOCKS:
        load = Load[f"{name}_{clock.upper()}"]
        seconds = np.concatenate([_seconds(one, load, work.answers) for one in worked])
        told = _median(seconds, source)
        if isinstance(told, Quantity):
            found[clock] = told
        else:
            reasons.append(f"{clock} clock: {told}")
    if len(found) == len(CLOCKS) and found["low"].value < found["high"].value:
        del found["low"]  # noise: a profile's low clock does not beat its high one
    return found, "; ".join(reasons)


def _seconds(worked: Worked, load: Load, answers: int) -> NDArray[np.float64]:
    """Of each tick that did such work, for one unit of it."""
    units = worked.steps if load.name.startswith("TRAIN") else -(-worked.served // answers)
    did = (units > 0) & (worked.load_s[:, load] > 0)
    seconds: NDArray[np.float64] = worked.load_s[did, load] / units[did]
    return seconds


def _median(seconds: NDArray[np.float64], source: str) -> Quantity | str:
    if len(seconds) < LEAST_TICKS:
        return f"{len(seconds)} ticks with such work; it takes {LEAST_TICKS}"
    middle = float(np.median(seconds))
    deviation = float(np.median(np.abs(seconds - middle)))
    if deviation > WIDEST * middle:
        return f"the seconds of {len(seconds)} ticks differ by half of themselves: they are not of one and the same work"
    error = max(1.25 * 1.48 * deviation / np.sqrt(len(seconds)), 1e-3 * middle)
    return Quantity(value=middle, uncertainty=float(error), source=source)


def _ratio(profile: DeviceProfile, kind: str) -> float:
    low, high = (getattr(profile.duration, f"{kind}_{clock}_s").value for clock in CLOCKS)
    return float(low / high) if high else 1.0


def _scaled(found: dict[str, Quantity], clock: str, ratio: float) -> Quantity:
    """What only the other clock told."""
    (other,) = found.values()
    factor = ratio if clock == "low" else 1 / ratio
    told = f"as at the other clock, times {factor:.3g} as before: {other.source}"
    return Quantity(value=other.value * factor, uncertainty=other.uncertainty * factor, source=told)


def _of_network(kind: str, net: Operations, task: str) -> dict[str, Quantity]:
    return {
        f"work.{kind}_{part}": _counted(getattr(net, part), task) for part in ("macs", "bytes", "operators")
    }


def _counted(number: int, task: str) -> Quantity:
    return Quantity(value=float(number), uncertainty=0.0, source=f"counted: the file of task {task}")

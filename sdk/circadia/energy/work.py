"""What a task's work takes on a device whose profile was measured with another network.

    seconds = overhead(net) + multiply-accumulates(net) / pace
    pace    = multiply-accumulates(reference) / (seconds(reference) − overhead(reference))
    overhead(net) = operators(net) · operator_s + bytes(net) / bandwidth

All at the high clock; at the low one, seconds are in the same ratio as the reference's. What the profile does not say of
an overhead is left out. Errors add up as independent ones do, to the first order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from circadia.energy.profile import Quantity
from circadia.errors import ConfigError
from circadia.tflite.operations import operations

if TYPE_CHECKING:
    from circadia.energy.profile import DeviceProfile, Reference
    from circadia.tflite.operations import Operations

LONGEST_S = 3600.0
"""Of one training step or one invocation, as in a profile."""
NOTHING = Quantity(value=0.0, uncertainty=0.0, source="not told")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWork:
    """A task's work."""

    task: str
    step: Operations
    """One training step."""
    invocation: Operations
    """One that answers."""
    answers: int
    """That it gives at most."""


def work_of(task: str, model: bytes, infer_batch: int) -> TaskWork:
    """Of a task's `.tflite` file; `ArtifactError` names the operator that cannot be counted."""
    return TaskWork(
        task=task,
        step=operations(model, "train", f"task {task}"),
        invocation=operations(model, "infer", f"task {task}"),
        answers=infer_batch,
    )


def with_work(profile: DeviceProfile, work: TaskWork) -> DeviceProfile:
    """The same device with the durations of that task's work, foretold; all else stays, its once-a-batch overhead too.

    `ConfigError` for a profile that does not say which network its durations are of, or that contradicts itself, and for a
    task of which one step or one invocation would take more than an hour.
    """
    reference = profile.work
    if reference is None:
        raise ConfigError(
            f"device profile {profile.name}: what task {work.task} takes on it is not known: it does not say how much its own "
            "durations' network computes; add [work] train_step_macs and serve_request_macs, or keep to the profile's own figures"
        )
    train, serve = (_Row(profile, reference, name) for name in ("train_step", "serve_request"))
    return replace(
        profile,
        duration=replace(
            profile.duration, **train.of(work.task, work.step), **serve.of(work.task, work.invocation)
        ),
        work=replace(
            reference,
            **train.told(work.task, work.step),
            **serve.told(work.task, work.invocation),
            answers=_counted(work.answers, work.task),
        ),
    )


def at_least(profile: DeviceProfile, work: TaskWork) -> DeviceProfile:
    """Each duration the longer of the profile's own and the task's: for bounds, before anything was measured."""
    foretold = with_work(profile, work).duration
    own = profile.duration
    names = [f"{row}_{clock}_s" for row in ("train_step", "serve_request") for clock in ("low", "high")]
    longer = {
        name: max(getattr(own, name), getattr(foretold, name), key=lambda one: one.value) for name in names
    }
    return replace(profile, duration=replace(own, **longer))


def _counted(number: int, task: str) -> Quantity:
    return Quantity(value=float(number), uncertainty=0.0, source=f"counted: the file of task {task}")


@dataclass(frozen=True, slots=True)
class _Row:
    """One kind of work of a profile: `train_step` or `serve_request`."""

    profile: DeviceProfile
    reference: Reference
    name: str

    def of(self, task: str, net: Operations) -> dict[str, Quantity]:
        """The durations of the task's `net`, by their keys."""
        if not net.macs:
            raise ConfigError(f"task {task}: it multiplies nothing; what it takes has to be measured")
        high, low = self._own("high"), self._own("low")
        seconds, uncertainty = self._foretold(high, net)
        if seconds > LONGEST_S:
            raise ConfigError(
                f"device profile {self.profile.name}: one {self.name.replace('_', ' ')} of task {task} would take {seconds:,.0f} s; "
                f"no more than {LONGEST_S:,.0f} are possible: the task is too large for this device"
            )
        slower = low.value / high.value
        return {
            self._key("high"): Quantity(
                value=seconds,
                uncertainty=uncertainty,
                source=f"foretold: {net.macs:,} multiply-accumulates, {net.bytes:,} bytes and {net.operators} operators of task "
                f"{task}, at the pace of: {high.source}",
            ),
            self._key("low"): Quantity(
                value=seconds * slower,
                uncertainty=uncertainty * slower,
                source=f"foretold: as at the high clock, times {slower:.3g}",
            ),
        }

    def told(self, task: str, net: Operations) -> dict[str, Quantity]:
        """What [work] says of `net`, by its keys."""
        return {
            f"{self.name}_{part}": _counted(getattr(net, part), task)
            for part in ("macs", "bytes", "operators")
        }

    def _foretold(self, high: Quantity, net: Operations) -> tuple[float, float]:
        """Seconds, and one standard deviation of them."""
        macs, moved, operators = (self._of_reference(part) for part in ("macs", "bytes", "operators"))
        begin, memory = self.reference.operator_s or NOTHING, self.reference.memory_bytes_per_s
        s_per_byte = 1 / memory.value if memory else 0.0
        computing_s = high.value - operators.value * begin.value - moved.value * s_per_byte
        if computing_s <= 0:
            raise ConfigError(
                f"device profile {self.profile.name}: duration.{self._key('high')} leaves nothing for computing beside its "
                "network's operators at work.operator_s and its bytes at work.memory_bytes_per_s"
            )
        share = net.macs / macs.value
        more_bytes, more_operators = net.bytes - share * moved.value, net.operators - share * operators.value
        errors = (
            share * high.uncertainty,
            more_operators * begin.uncertainty,
            more_bytes * s_per_byte * memory.uncertainty / memory.value if memory else 0.0,
            share * computing_s * macs.uncertainty / macs.value,
            share * moved.uncertainty * s_per_byte,
            share * operators.uncertainty * begin.value,
        )
        seconds = net.operators * begin.value + net.bytes * s_per_byte + share * computing_s
        return seconds, math.hypot(*errors)

    def _of_reference(self, part: str) -> Quantity:
        told: Quantity | None = getattr(self.reference, f"{self.name}_{part}")
        return told or NOTHING

    def _own(self, clock: str) -> Quantity:
        own: Quantity = getattr(self.profile.duration, self._key(clock))
        return own

    def _key(self, clock: str) -> str:
        return f"{self.name}_{clock}_s"

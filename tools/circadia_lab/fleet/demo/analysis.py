"""From what an arm left behind (the devices' stores, the aggregator's ledger, the world) to what it found."""

from __future__ import annotations

import logging
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from circadia.errors import StoreError
from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia_lab.data.day.accuracy import Examiner
from circadia_lab.data.day.result import ArmResult, DeviceResult, Series
from circadia_lab.data.day.world import RequestEvent, world_of
from circadia_lab.fleet.demo import device_figures as figures
from circadia_lab.fleet.demo import replay
from circadia_lab.fleet.demo.body import played
from circadia_lab.fleet.demo.device_log import read_log
from circadia_lab.fleet.demo.ledger_log import read_ledger
from circadia_lab.fleet.demo.truth import true_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.federation.aggregate.records import Version
    from circadia.learning.task import Task
    from circadia.platforms.simulated import SimulatedPlatform
    from circadia_lab.data.day.plan import Plan
    from circadia_lab.data.day.result import Drift
    from circadia_lab.fleet.demo.device_log import DeviceLog
    from circadia_lab.fleet.demo.ledger_log import Verdicts
    from circadia_lab.fleet.demo.replay import WeightPath

    Weights = NDArray[np.float32]
    Progress = Callable[[float, str], None]

log = logging.getLogger(__name__)

TASK = "digits"
GRID_S = 1800.0
DEVICE_RESTARTED = "device restarted"
"""The incident's words, of the first device."""
SAME_WEIGHTS = 5e-2
"""Two versions that arrive for one tick leave rounding behind, which training amplifies to about 1e-2."""


class DeviceFiles(Protocol):
    """A device of an arm, as far as analysing it goes."""

    @property
    def name(self) -> str:
        """In the federation."""
        ...

    @property
    def profile(self) -> str:
        """Which device it simulated."""
        ...

    @property
    def store(self) -> Path:
        """Its database."""
        ...

    @property
    def restarts(self) -> int:
        """How often its process was started again."""
        ...

    def body(self) -> SimulatedPlatform:
        """Its body as it was when the day began."""
        ...


class ArmFiles(Protocol):
    """An arm that has ended."""

    @property
    def name(self) -> str:
        """As the user called it."""
        ...

    @property
    def policy(self) -> str:
        """What its devices ran."""
        ...

    @property
    def plan(self) -> Plan:
        """Devices and seed."""
        ...

    @property
    def devices(self) -> Sequence[DeviceFiles]:
        """In the order of the world's devices."""
        ...

    @property
    def ledger(self) -> Path:
        """The aggregator's database."""
        ...

    @property
    def incidents(self) -> Sequence[Drift]:
        """What was killed and restarted."""
        ...


def analyse(
    arm: ArmFiles, *, day_s: float, wall_s: float, complete: bool, progress: Progress | None = None
) -> ArmResult:
    """What an arm found in `day_s` of simulated time; a partly finished one, too. Energy is the simulated meter's.

    Recovery needs the other arms: see `circadia_lab.data.day.run.judged`.
    `progress(share, what)` is told how far it is. `StoreError` names a store or ledger that is missing, damaged,
    or of another world.
    """
    tell = progress or _silent
    analyst = Analyst(arm, day_s)
    records = []
    for index, files in enumerate(arm.devices):
        tell(0.6 * index / len(arm.devices), files.name)
        records.append(analyst.read(index, files))
    tell(0.6, "each device by itself")
    own = [analyst.alone(record) for record in records]
    tell(0.7, "all data in one place")
    central = analyst.centralised(records)
    tell(0.9, "comparison")
    result = analyst.result(records, own, central, wall_s=wall_s, complete=complete)
    tell(1.0, "done")
    return result


def grid(day_s: float) -> list[float]:
    """The times at which accuracy is looked at: every half hour, and the end."""
    return [GRID_S * i for i in range(math.ceil(day_s / GRID_S))] + [day_s]


def _silent(share: float, what: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceRecord:
    """A device's log, and the weights that it served with."""

    index: int
    files: DeviceFiles
    log: DeviceLog
    path: WeightPath


class Analyst:
    """The questions about one arm, and what they have in common."""

    def __init__(self, arm: ArmFiles, day_s: float) -> None:
        self._arm = arm
        self._day_s = day_s
        self._grid_s = grid(day_s)
        self._task: Task = load_task(TASK)
        self._trainer = Trainer(self._task)
        self._world = world_of(arm.plan)
        self._examiner = Examiner(self._world, self._trainer)
        self._versions, self._verdicts = self._read_ledger()

    def _read_ledger(self) -> tuple[Mapping[int, Version], Verdicts]:
        return read_ledger(self._arm.ledger, self._task)

    # Weights

    def read(self, index: int, files: DeviceFiles) -> DeviceRecord:
        """A device's store, with its training done again."""
        day = read_log(files.store)
        unknown = {tick.version for tick in day.ticks} - {0, *self._versions}
        if unknown:
            raise StoreError(
                f"{self._arm.ledger}: lacks version {min(unknown)}, which {files.name} installed; "
                "it is another run's, or dropped its old versions"
            )
        path = replay.installed(day, self._versions, self._task, self._trainer)
        path.end(self._day_s, self._last(day, path))
        return DeviceRecord(index=index, files=files, log=day, path=path)

    def _last(self, day: DeviceLog, path: WeightPath) -> Weights:
        """The stored weights. The replay came to the same, unless a version arrived after the last tick."""
        if day.model is None or not day.ticks:
            return path.at(math.inf)
        off = float(np.abs(day.model.weights - path.at(math.inf)).max())
        if day.model.version == day.ticks[-1].version and off > SAME_WEIGHTS:
            log.warning(
                "%s: its log replays to weights that differ by %.2g from the stored ones", day.path, off
            )
        return day.model.weights

    def alone(self, record: DeviceRecord) -> Weights:
        """The device's weights without a federation."""
        return replay.alone(record.log, self._task, self._trainer)

    def centralised(self, records: Sequence[DeviceRecord]) -> Weights:
        """The weights of one model on all devices' data."""
        random = np.random.default_rng(self._arm.plan.seed)
        return replay.centralised([record.log for record in records], self._task, self._trainer, random)

    def _accuracy(self, weights: Sequence[Weights], *, own: bool = False) -> float:
        """Mean over devices, at the end: on the common set, or each on its own."""
        found = [
            self._examiner.accuracy(w, self._day_s, index if own else None) for index, w in enumerate(weights)
        ]
        return float(np.mean(found))

    # Results

    def result(
        self,
        records: Sequence[DeviceRecord],
        own: Sequence[Weights],
        central: Weights,
        *,
        wall_s: float,
        complete: bool,
    ) -> ArmResult:
        """All about the arm."""
        devices = [self._device(record) for record in records]
        last = [record.path.at(self._day_s) for record in records]
        accuracy = self._mean([device.accuracy_common for device in devices])
        drifts = [drift for drift in self._world.drifts if drift.t_s <= self._day_s]
        return ArmResult(
            arm=self._arm.name,
            policy=self._arm.policy,
            day_s=self._day_s,
            wall_s=wall_s,
            devices=devices,
            drifts=drifts,
            incidents=list(self._arm.incidents),
            versions=self._published(),
            federated_accuracy=self._accuracy(last),
            federated_accuracy_own=self._accuracy(last, own=True),
            own_accuracy=self._accuracy(own),
            own_accuracy_own=self._accuracy(own, own=True),
            centralised_accuracy=self._accuracy([central]),
            centralised_accuracy_own=self._accuracy([central] * len(records), own=True),
            accuracy=accuracy,
            joules=self._summed([device.cumulative_j for device in devices]),
            battery_agent_j=self._summed([device.battery_agent_j for device in devices]),
            recovery_s=None,
            served=sum(device.served for device in devices),
            expired=sum(device.expired for device in devices),
            unanswered=sum(device.unanswered for device in devices),
            energy_j=_total([device.energy_j for device in devices]),
            updates_made=sum(device.updates["made"] for device in devices),
            updates_lost=sum(device.updates["waiting"] for device in devices),
            overruns=sum(device.overruns for device in devices),
            complete=complete,
        )

    def _device(self, record: DeviceRecord) -> DeviceResult:
        day, index = record.log, record.index
        truths = true_labels(day, self._world.stream(index), self._restarts_s(record.files))
        body = record.files.body()
        joules, drawn = played(day, body, self._day_s)
        return DeviceResult(
            name=record.files.name,
            profile=record.files.profile,
            drift=self._world.drift_of(index),
            battery_soc=figures.battery(day),
            charging=figures.charging(day),
            stays=figures.stays(day, self._day_s),
            version=figures.version(day),
            staleness_s=figures.staleness(day, self._versions),
            latency_s=figures.latencies(day),
            served=len(truths),
            expired=len(day.requests) - len(truths),
            unanswered=max(self._asked(index) - len(day.requests), 0),
            joules=joules,
            battery_agent_j=drawn,
            capacity_j=float(body.params.capacity_j),
            served_correct=figures.right_answers(day, truths),
            served_accuracy=figures.served_accuracy(day, truths, self._day_s),
            accuracy_common=self._examiner.over_day(record.path.at, self._grid_s),
            accuracy_own=self._examiner.over_day(record.path.at, self._grid_s, index),
            energy_j=figures.energy_by_mode(day),
            energy_by_load_j=figures.energy_by_load(day),
            cumulative_j=figures.cumulative(day, self._day_s),
            training_steps=day.steps,
            updates=figures.updates(day, record.files.name, self._verdicts),
            overruns=sum(tick.overrun_s > 0 for tick in day.ticks),
            restarts=record.files.restarts,
        )

    def _asked(self, index: int) -> int:
        """Requests of a device's users in the time that was covered."""
        events = self._world.stream(index)
        return sum(isinstance(event, RequestEvent) and event.t_s < self._day_s for event in events)

    def _restarts_s(self, files: DeviceFiles) -> list[float]:
        return [i.t_s for i in self._arm.incidents if files.restarts and i.what == DEVICE_RESTARTED]

    def _published(self) -> Series:
        versions = sorted(self._versions.values(), key=lambda version: version.number)
        return Series(t_s=[v.published_s for v in versions], value=[float(v.number) for v in versions])

    def _mean(self, series: Sequence[Series]) -> Series:
        return Series(t_s=self._grid_s, value=np.mean([s.value for s in series], axis=0).tolist())

    def _summed(self, series: Sequence[Series]) -> Series:
        spent = [np.interp(self._grid_s, one.t_s, one.value) for one in series]
        return Series(t_s=self._grid_s, value=np.sum(spent, axis=0).tolist())


def _total(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for table in tables:
        total.update(table)
    return dict(total)

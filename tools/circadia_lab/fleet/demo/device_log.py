"""What a device's store tells after its day: ticks, requests, trainings, updates. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import NothingStored, StoreError
from circadia.store.reading import StoreReader
from circadia_lab.page.action_name import mode_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.store.rows import StoredExample, StoredRequest, StoredTick, StoredUpdate
    from circadia.types import Model, Phase

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRow:
    """One tick. NaN where the sensor was silent or no energy was settled."""

    tick_id: int
    t_s: float
    action: str
    busy_s: float
    version: int
    overrun_s: float
    battery_soc: float
    charging: float
    energy_j: float
    by_load_j: dict[str, float]
    phases: tuple[Phase, ...] = ()

    @property
    def mode(self) -> str:
        """`sleep`, `serve` or `train`, in a word."""
        return mode_of(self.action)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request that was served, or expired in the queue."""

    request_id: int
    tick: int
    """Index into the ticks."""
    label: int | None
    """The answer; None: expired."""
    latency_s: float
    truth: int | None
    """As the user told; None where nobody did."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingRow:
    """A training action."""

    tick: int
    """Index into the ticks."""
    batches: NDArray[np.int64]
    """(steps, batch) example ids, −1 where a batch was padded."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Labelled examples, in order of arrival."""

    ids: NDArray[np.int64]
    """(n,) rising."""
    x: Floats
    """(n, …)"""
    labels: NDArray[np.int32]
    t_s: NDArray[np.float64]

    def rows(self, ids: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int32]]:
        """(m,) ids → x (m, …), labels (m,); `StoreError` names one that is gone."""
        places = np.searchsorted(self.ids, ids)
        there = places < len(self.ids)
        there[there] = self.ids[places[there]] == ids[there]
        if not there.all():
            raise StoreError(
                f"example {ids[~there][0]} was trained on and is gone; the training cannot be replayed"
            )
        return self.x[places], self.labels[places]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceLog:
    """A device's day, oldest first."""

    path: Path
    ticks: list[TickRow]
    requests: list[RequestRow]
    trainings: list[TrainingRow]
    updates: list[StoredUpdate]
    examples: Examples
    model: Model | None
    """The weights at the end."""

    @property
    def steps(self) -> int:
        """Training steps in all."""
        return sum(len(row.batches) for row in self.trainings)

    def batches(self, row: TrainingRow, shape: tuple[int, ...]) -> list[tuple[Floats, NDArray[np.int32]]]:
        """The x (n, *shape) and y (n,) of every step of a training."""
        try:
            steps = [self.examples.rows(ids[ids >= 0]) for ids in row.batches]
        except StoreError as error:
            raise StoreError(f"{self.path}: {error}") from error
        return [(x.reshape(-1, *shape), y) for x, y in steps]


def read_log(path: Path) -> DeviceLog:
    """The log in a device's store; `StoreError` names a file that is missing, damaged or not ours."""
    try:
        with StoreReader(path) as store:
            ticks = [_tick(tick) for tick in store.ticks()]
            index = {tick.tick_id: i for i, tick in enumerate(ticks)}
            return DeviceLog(
                path=path,
                ticks=ticks,
                requests=[_request(one, index) for one in store.requests() if one.tick_id in index],
                trainings=[
                    TrainingRow(tick=index[one.tick_id], batches=one.batches)
                    for one in store.trainings()
                    if one.tick_id in index
                ],
                updates=store.updates(),
                examples=_examples(store.examples()),
                model=store.model(),
            )
    except NothingStored as error:
        raise StoreError(
            f"{path}: there is no such store; the device never got as far as opening it, see its log"
        ) from error


def _tick(tick: StoredTick) -> TickRow:
    seen = tick.observation
    return TickRow(
        tick_id=tick.tick_id,
        t_s=tick.t_s,
        action=tick.action,
        busy_s=sum(phase.duration_s for phase in tick.phases),
        version=tick.version,
        overrun_s=tick.overrun_s,
        battery_soc=seen.battery_soc,
        charging=seen.charging,
        energy_j=tick.energy_j,
        by_load_j=tick.by_load_j,
        phases=tick.phases,
    )


def _request(one: StoredRequest, index: dict[int, int]) -> RequestRow:
    return RequestRow(
        request_id=one.request_id,
        tick=index[one.tick_id],
        label=one.label,
        latency_s=one.latency_s,
        truth=one.truth,
    )


def _examples(examples: list[StoredExample]) -> Examples:
    return Examples(
        ids=np.array([one.example_id for one in examples], np.int64),
        x=np.stack([one.x for one in examples]) if examples else np.empty((0, 0), np.float32),
        labels=np.array([one.label for one in examples], np.int32),
        t_s=np.array([one.t_s for one in examples], np.float64),
    )

"""What the agent needs from the outside: every implementation of a port passes the same contract tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from circadia.federation.device.events import DeviceEvent
    from circadia.types import (
        Action,
        EnergyReading,
        LastTick,
        Model,
        ModelUpdate,
        Observation,
        Phase,
        TickRecord,
    )


class Clock(Protocol):
    """Time. Tests and the simulated day bring their own."""

    def now_s(self) -> float:
        """Seconds; never runs backwards, counts suspend; its origin is the Unix epoch or the simulated day's start."""
        ...

    def wall_s(self, duration_s: float) -> float:
        """How long the machine has to wait until this clock has advanced by `duration_s`."""
        ...


class Platform(Protocol):
    """The device's body: battery, heat, link, user."""

    def observe(self, now_s: float) -> Observation:
        """The body's part of the observation; the agent adds queue, examples and model. NaN where unknown."""
        ...

    def supports(self, action: Action) -> bool:
        """False for an action that this device can never do, for example setting a clock."""
        ...

    def phases(self, action: Action, units: int, sync_bytes: int) -> tuple[Phase, ...]:
        """The time under each load that `units` of work (steps or requests) and `sync_bytes` on the air take."""
        ...

    def spend(self, phases: Sequence[Phase]) -> None:
        """Told after the work was done, so that a simulated body can drain its battery by it."""
        ...

    def local_time_s(self, now_s: float) -> float:
        """Seconds since local midnight."""
        ...


class EnergyMeter(Protocol):
    """Reads joules for stretches of time, later than they happened."""

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """The energy from `start_s` to `end_s`; None while that is not known yet."""
        ...

    def about(self) -> dict[str, str | float]:
        """What it is and how it is calibrated: measurements of meters that differ in this do not compare."""
        ...

    def close(self) -> None:
        """End what reads it; a second call does nothing."""
        ...


class Policy(Protocol):
    """Scores actions. Higher is likelier: the device samples from the softmax of the scores under the mask."""

    @property
    def name(self) -> str:
        """Shown in tables and stored with every run."""
        ...

    @property
    def offered(self) -> NDArray[np.bool_]:
        """(actions,) which of the catalogue's actions this policy knows."""
        ...

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(features,) values as in `circadia.observation.values` → (actions,) scores; −inf where not offered."""
        ...


class Federation(Protocol):
    """The link to the federation, as the agent sees it; it never blocks."""

    def set_online(self, online: bool) -> None:
        """Whether the device has a network link."""
        ...

    def request(self, push: Sequence[ModelUpdate], pull: bool) -> None:
        """Send these updates, and fetch the newest model if `pull`."""
        ...

    def poll(self) -> list[DeviceEvent]:
        """What arrived since the last call."""
        ...


class Store(Protocol):
    """What survives a SIGKILL. `StoreError` of any method leaves nothing half done behind."""

    def last_tick(self) -> LastTick | None:
        """Where an earlier run ended; None in a new store."""
        ...

    def commit(self, record: TickRecord) -> int:
        """The whole tick in one transaction; returns its id."""
        ...

    def settle(self, tick_id: int, reading: EnergyReading) -> None:
        """Attach the energy of a tick; once."""
        ...

    def unsettled(self) -> list[tuple[int, float, float]]:
        """(tick id, start, end) of the ticks that have ended and have no energy yet, oldest first."""
        ...

    def add_examples(
        self, rows: Iterable[tuple[Any, int, float]], truths: Mapping[int, int] | None = None
    ) -> list[int]:
        """(x, label, time of arrival) rows → their ids, and request → true label; a SIGKILL takes neither."""
        ...

    def mark_evicted(self, evicted: Iterable[int]) -> None:
        """The example buffer let these ids go."""
        ...

    def save_model(self, model: Model) -> None:
        """The weights outside a tick: a version that arrived from the federation."""
        ...

    def acknowledge(self, update_id: str, accepted: bool, reason: str) -> None:
        """Delete the update's payload; its row stays as the record that it was made and what became of it."""
        ...

    def close(self) -> None:
        """Write what is left to write; a second call does nothing."""
        ...

"""What a calibration is made from: stores with joules and recordings of a meter, and those that it is judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError
from circadia_field.ticks import Ticks, read_ticks
from circadia_lab.measure.calibration.discharge import SUFFIX, Discharge, Flow, placed, read_flow
from circadia_lab.measure.calibration.states import States, quiet, read_states
from circadia_lab.measure.calibration.worked import read_worked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from circadia_lab.measure.calibration.discharge import RecordingName
    from circadia_lab.measure.calibration.worked import Worked

HELD_OUT = 0.3
"""Share of each store's ticks, the last ones: what comes later is what a profile has to foretell."""
COLUMNS = ("t_s", "duration_s", "action", "load_s", "energy_j", "gap_s", "bound_j", "served")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """One device's store."""

    name: str
    ticks: Ticks
    """All that are settled."""
    states: States
    worked: Worked | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recorded:
    """One recording, and what somebody told about it."""

    flow: Flow
    told: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Each kind has figures of one source only."""

    stores: tuple[Stored, ...] = ()
    held_out_stores: tuple[Stored, ...] = ()
    recordings: tuple[Recorded, ...] = ()
    held_out_recordings: tuple[Recorded, ...] = ()

    def __post_init__(self) -> None:
        if not (self.stores or self.recordings):
            raise ConfigError("nothing to calibrate with: name a STORE.db, or a --recording")
        both = (*self.stores, *self.held_out_stores)
        _one_source({one.name: one.ticks.source for one in both})
        flows = (*self.recordings, *self.held_out_recordings)
        _one_source({one.flow.name: one.flow.source for one in flows})

    @property
    def left_out(self) -> int:
        """Settled ticks in which somebody used the device."""
        both = (*self.stores, *self.held_out_stores)
        return sum(int((~quiet(one.ticks, one.states)).sum()) for one in both)

    def ticks(self) -> tuple[Ticks, Ticks] | None:
        """To fit, and to judge by; None without a store. Without those in which somebody used the device."""
        if not self.stores:
            return None
        all_quiet = [_quiet(one) for one in self.stores]
        if self.held_out_stores:
            return joined(all_quiet), joined([_quiet(one) for one in self.held_out_stores])
        cuts = [round((1 - HELD_OUT) * one.count) for one in all_quiet]
        first, last = (
            joined([part(one, rows(cut)) for one, cut in zip(all_quiet, cuts, strict=True)])
            for rows in (lambda cut: slice(0, cut), lambda cut: slice(cut, None))
        )
        return first, last

    @property
    def worked(self) -> list[Worked]:
        """What the devices did, those that are held out left out."""
        return [one.worked for one in self.stores if one.worked is not None]

    def discharges(self) -> tuple[list[Discharge], list[str], list[Discharge]]:
        """To fit, why others cannot be used, and to judge by."""
        states = [one.states for one in (*self.stores, *self.held_out_stores)]
        fits = [placed(one.flow, one.told, states) for one in self.recordings]
        judges = [placed(one.flow, one.told, states) for one in self.held_out_recordings]
        reasons = [one for one in (*fits, *judges) if isinstance(one, str)]
        return _placed(fits), reasons, _placed(judges)


def read_store(path: Path) -> Stored:
    """`StoreError` as `read_ticks`; `ConfigError` for a recording."""
    if path.suffix == SUFFIX:
        raise ConfigError(f"{path}: is a meter's recording, not a device's store; name it by --recording")
    ticks = read_ticks(path)
    return Stored(name=path.name, ticks=ticks, states=read_states(path), worked=read_worked(path))


def read_recording(name: RecordingName) -> Recorded:
    """`MeterError` as `read_flow`."""
    return Recorded(flow=read_flow(name.path), told=name.soc)


def part(ticks: Ticks, rows: slice | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Ticks:
    """Some of them."""
    return replace(ticks, **{name: getattr(ticks, name)[rows] for name in COLUMNS})


def joined(several: Sequence[Ticks]) -> Ticks:
    """One after the other; they have the same source."""
    columns = {name: np.concatenate([getattr(one, name) for one in several]) for name in COLUMNS}
    return replace(several[0], **columns, unsettled=sum(one.unsettled for one in several))


def _quiet(stored: Stored) -> Ticks:
    return part(stored.ticks, quiet(stored.ticks, stored.states))


def _placed(several: list[Discharge | str]) -> list[Discharge]:
    return [one for one in several if isinstance(one, Discharge)]


def _one_source(sources: dict[str, str]) -> None:
    if len(set(sources.values())) > 1:
        told = ", ".join(f"{name}: {source}" for name, source in sources.items())
        raise ConfigError(
            f"figures of different sources do not mix ({told}); calibrate with one kind at a time"
        )

"""What one period of a field test came to, from its store and from what was asked."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import StoreError
from circadia.observation import COLUMN
from circadia.store.reading import StoreReader
from circadia_field.conduct import ASKED, STORE
from circadia_field.ticks import Ticks, read_ticks
from circadia_lab.measure.joules.joules import load_watts

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia_field.plan import Period

REST = "DEEP_SLEEP"
NOBODY = 0
"""The number of no request: they count from 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PeriodFigures:
    """Of one attempt that was not void. NaN where there is nothing to make a figure of."""

    place: int
    period: Period
    ticks: Ticks
    """Those that began while it counted."""
    count_s: float
    """When its washout was over, by the agent's clock."""
    seconds: float
    """That have joules."""
    lost_share: float
    device_w: float
    """Σ E / Σ T: all that went through the shunt."""
    battery_w: float
    """The same of the ticks in which no charger was known to be there: what empties the battery; NaN if there are none."""
    rest_w: float
    """What the device draws while the agent rests: of these ticks by least squares over the loads."""
    clocks_w: float
    """One deviation of `device_w` by clocks, gaps and sampling."""
    asked_s: float
    """How long requests were asked that count: a deadline shorter than the period."""
    asked: int
    """Requests whose deadline passed while it counted."""
    served: int
    right: int
    latency_p95_s: float
    data_age_s: float
    """Mean age of the oldest example that was not learned from yet, 0 where there is none."""
    model_age_s: float
    """Mean, of the installed version; NaN for a device that learns alone."""
    soc: tuple[float, float]
    """State of charge at both ends."""
    temperature_c: float
    true_w: float
    """What truly flowed, in simulations; NaN elsewhere."""
    meter: dict[str, Any]
    errors: int
    """Parts of the agent that failed, which its log tells about; since the last reboot."""

    @property
    def agent_w(self) -> float:
        """Σ E / Σ T − rest: what the agent adds to a device that rests."""
        return self.device_w - self.rest_w

    @property
    def served_share(self) -> float:
        """Of all asked."""
        return self.served / self.asked if self.asked else math.nan

    @property
    def accuracy(self) -> float:
        """Right answers of all given."""
        return self.right / self.served if self.served else math.nan

    @property
    def agent_j_per_request(self) -> float:
        """The agent's joules for each served request, whatever else they were for."""
        return self.agent_w * self.asked_s / self.served if self.served else math.nan

    @property
    def device_j_per_request(self) -> float:
        """The device's."""
        return self.device_w * self.asked_s / self.served if self.served else math.nan


def figures_of(
    folder: Path,
    place: int,
    period: Period,
    started: dict[str, Any],
    ended: dict[str, Any],
    deadline_s: float,
) -> PeriodFigures:
    """From the attempt's folder and its lines of the log. `StoreError` names what cannot be read."""
    count_s, until_s = float(started["count_s"]), float(started["until_s"])
    ticks = read_ticks(folder / STORE).begun(count_s, until_s)
    seconds = float(ticks.duration_s.sum())
    if not seconds:
        raise StoreError(f"{folder / STORE}: no tick has joules in the time that counts")
    rest_w = load_watts(ticks).get(REST, math.nan)
    asked = _asked(folder / ASKED, count_s, until_s - deadline_s)
    answers, times, seen = _recorded(folder / STORE, count_s, until_s)
    served = [(answers[request], truth) for request, truth in asked if request in answers]
    latencies = [latency_s for (_, latency_s), _ in served]
    return PeriodFigures(
        place=place,
        period=period,
        ticks=ticks,
        count_s=count_s,
        seconds=seconds,
        lost_share=float(ended["lost"]),
        device_w=float(ticks.energy_j.sum()) / seconds,
        battery_w=_watts(ticks.rows(~_charging(ticks, times, seen))),
        rest_w=rest_w,
        clocks_w=float(np.sqrt((ticks.bound_j**2).sum() / 3)) / seconds,
        asked_s=until_s - deadline_s - count_s,
        asked=len(asked),
        served=len(served),
        right=sum(label == truth for (label, _), truth in served),
        latency_p95_s=float(np.percentile(latencies, 95)) if latencies else math.nan,
        data_age_s=_mean(seen, "fresh_age_s"),
        model_age_s=_mean(seen, "model_age_s"),
        soc=(float(seen[0, COLUMN["battery_soc"]]), float(seen[-1, COLUMN["battery_soc"]])),
        temperature_c=_mean(seen, "temperature_c"),
        true_w=math.nan if ended["true_w"] is None else float(ended["true_w"]),
        meter=started["meter"],
        errors=int(ended["errors"]),
    )


def _asked(path: Path, start_s: float, end_s: float) -> list[tuple[int, int]]:
    """(request, true label) of all that were asked then; a line that a power cut left half written is not there.

    A request that nobody answered before a reboot had a number that was given once more after it: it gets 0.
    """
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error})") from error
    entries = [entry for line in lines if (entry := _entry(line)) is not None]
    last = {request: place for place, (request, _, _) in enumerate(entries)}
    return [
        (request if last[request] == place else NOBODY, label)
        for place, (request, t_s, label) in enumerate(entries)
        if start_s <= t_s < end_s
    ]


def _entry(line: str) -> tuple[int, float, int] | None:
    try:
        entry = json.loads(line)
        return int(entry["request_id"]), float(entry["t_s"]), int(entry["label"])
    except (ValueError, KeyError, TypeError):
        return None


def _recorded(
    path: Path, start_s: float, end_s: float
) -> tuple[dict[int, tuple[int, float]], NDArray[np.float64], NDArray[np.float32]]:
    """Request → its answer and latency; (N,) times and (N, features) of all ticks, with joules or without."""
    with StoreReader(path) as store:
        requests = store.requests()
        ticks = [tick for tick in store.ticks() if start_s <= tick.t_s < end_s]
    answers = {one.request_id: (one.label, one.latency_s) for one in requests if one.label is not None}
    seen = np.array([tick.x for tick in ticks]).reshape(-1, len(COLUMN))
    return answers, np.array([tick.t_s for tick in ticks]), seen


def _charging(ticks: Ticks, times: NDArray[np.float64], seen: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(ticks,)"""
    charging = seen[:, COLUMN["charging"]] > 0
    return charging[np.searchsorted(times, ticks.t_s)]


def _watts(ticks: Ticks) -> float:
    return float(ticks.energy_j.sum() / ticks.duration_s.sum()) if ticks.count else math.nan


def _mean(seen: NDArray[np.float32], name: str) -> float:
    values = seen[:, COLUMN[name]]
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else math.nan

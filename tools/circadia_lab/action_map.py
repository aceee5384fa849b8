"""What a policy does by battery and backlog, all else as on a working day's noon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from circadia.actions import CATALOGUE
from circadia.observation import HOUR_S, values
from circadia.policy.sampling import probabilities
from circadia.types import ClockLevel, Link, Mode, Observation, Sync
from circadia_lab.report.style import MODE_COLOURS, RC

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.ports import Policy
    from circadia.types import Action

    Floats = NDArray[np.float64]

LEVELS = tuple(round(0.1 * i, 1) for i in range(10, 0, -1))
"""States of charge, the map's rows."""
QUEUES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
STALENESS_H = (0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0)
FINE = 40
"""Cells a side of the pictures."""
SHOWN = {"accuracy": (0.8, 0.1, 0.1), "balanced": (1 / 3, 1 / 3, 1 / 3), "energy": (0.1, 0.1, 0.8)}
"""Preferences of the pictures."""
SIZE_IN, DPI = (9.0, 6.2), 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The likeliest action at a place of the map."""

    action: str
    probability: float
    mode: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionMap:
    """Rows by battery, columns by the other axis."""

    title: str
    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = [[cell.action for cell in row] for row in self.cells]
        chances = [[round(cell.probability, 4) for cell in row] for row in self.cells]
        axes = {"title": self.title, "rows": self.row_names, "columns": self.column_names}
        return {**axes, "actions": names, "probabilities": chances}


def action_map(policy: Policy, *, over: str, preference: Any, charging: bool = False) -> ActionMap:
    """`over` is `queue` or `staleness`."""
    columns = QUEUES if over == "queue" else STALENESS_H
    p = np.array([[chances(policy, over, s, x, preference, charging) for x in columns] for s in LEVELS])
    best = p.argmax(-1)
    what = "requests waiting" if over == "queue" else "hours since the installed model was published"
    wanted = ", ".join(f"{w:.2f}" for w in preference)
    return ActionMap(
        title=f"battery × {what}; {'' if charging else 'not '}charging, preference {wanted}",
        row_names=tuple(f"{s:.0%}" for s in LEVELS),
        column_names=tuple(f"{x:g}" for x in columns),
        cells=tuple(
            tuple(_cell(CATALOGUE[i], float(chance[i])) for i, chance in zip(row, chances_, strict=True))
            for row, chances_ in zip(best, p, strict=True)
        ),
    )


def _cell(action: Action, probability: float) -> Cell:
    letter = {Mode.SLEEP: "·", Mode.SERVE: "s", Mode.TRAIN: "t"}[action.mode]
    mark = letter.upper() if action.clock is ClockLevel.HIGH else letter
    mark += "+" if action.sync is not Sync.NONE else ""
    return Cell(action=action.name, probability=probability, mode=action.mode.name.lower(), mark=mark)


def chances(
    policy: Policy, over: str, soc: float, x: float, preference: Any, charging: bool
) -> NDArray[np.float32]:
    """(actions,) of a policy at one place of the map."""
    scores = policy.scores(values(observation(over, soc, x, preference, charging)))
    p: NDArray[np.float32] = probabilities(scores, policy.offered)
    return p


def observation(over: str, soc: float, x: float, preference: Any, charging: bool) -> Observation:
    """Noon, a free link, two dozen fresh examples an hour old, a version to fetch once the model is half an hour old."""
    queue, age_s = (x, HOUR_S) if over == "queue" else (0.0, x * HOUR_S)
    accuracy, latency, energy = map(float, preference)
    return Observation(
        dt_s=300, battery_soc=soc, charging=float(charging), temperature_c=27, thermal_headroom=0.9,
        power_save=0, user_active=0, cpu_load=0.1, link=Link.FREE, link_bytes_per_s=2e6,
        queue_length=queue, queue_age_s=30 * (queue > 0), queue_slack_s=120 if queue else HOUR_S,
        fresh_examples=24, fresh_age_s=HOUR_S, unsent_examples=0, practice=512, spooled_updates=0,
        versions_behind=float(age_s > HOUR_S / 2), model_age_s=age_s, day_sine=0, day_cosine=-1,
        charge_forecast=0.3, preference_accuracy=accuracy, preference_latency=latency, preference_energy=energy,
    )  # fmt: skip


def draw_maps(policy: Policy, path_png: Path) -> None:
    """Both maps for three preferences: colours mixed by the chances of sleeping, serving and training."""
    with mpl.rc_context({**RC, "axes.grid": False}):
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        axes = figure.subplots(2, len(SHOWN), sharey=True)
        for i, (name, preference) in enumerate(SHOWN.items()):
            _draw(axes[0, i], policy, "queue", preference)
            _draw(axes[1, i], policy, "staleness", preference)
            axes[0, i].set_title(f"{name}: {', '.join(f'{w:.2g}' for w in preference)}")
            axes[0, i].set_xlabel("requests waiting")
            axes[1, i].set_xlabel("age of the model, h")
        for row in axes:
            row[0].set_ylabel("battery")
        handles = [
            Patch(color=MODE_COLOURS[name], label=name) for name in ("sleep", "serve", "train", "train high")
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        new = path_png.with_name(path_png.name + ".new")
        figure.savefig(new, format="png", dpi=DPI, metadata={"Software": None})
        new.replace(path_png)


def _draw(ax: Any, policy: Policy, over: str, preference: Any) -> None:
    levels = np.linspace(0.02, 1, FINE)
    columns = np.arange(0, 33.0) if over == "queue" else np.linspace(0.1, 12, FINE)
    p = np.array([[chances(policy, over, s, x, preference, charging=False) for x in columns] for s in levels])
    ax.imshow(p @ _colours(), origin="lower", aspect="auto", extent=(columns[0], columns[-1], 0, 1))


def _colours() -> Floats:
    """(actions, 3)"""
    names = [
        "train high" if a.mode is Mode.TRAIN and a.clock is ClockLevel.HIGH else a.mode.name.lower()
        for a in CATALOGUE
    ]
    return np.array([to_rgb(MODE_COLOURS[name]) for name in names])

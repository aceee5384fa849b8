"""Estimates the accuracy model's parameters from federated runs.

The scales come from single looks at devices, by least squares. Losses do not: who trains more has more unsent examples
and better weights, so a plain fit would praise what is not sent. But the fleets' habits (how often they train, push and
pull, and how much at a time) were drawn at random, so the losses are those that explain how the runs' mean accuracy
follows the habits, and nothing else of it:

    min over b, loss ≥ 0 of  ‖ Qᵀ (ā − b + Σ_i loss_i · h̄_i) ‖²

h_i = 1 − exp(−x_i / scale_i), of practice (1 + x / scale)^−½: it costs where it is missing. ā and h̄ are runs' means, Q
an orthonormal basis of quadratic functions of the habits (instrumental variables, two-stage least squares). Here the
model's age counts from the newest version's publication, not from the installed one's: when versions come is given in
the physics, so what a fleet loses because it keeps its training to itself belongs to unsent_examples, where a device
that pushes finds its reward. At last `best` and a common factor of the losses are set so that the runs' means are right
with the whole model age.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia_lab.policy.env.accuracy import AccuracyModel, Effect, share
from circadia_lab.policy.env.federated_run import FIELDS, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.env.federated_run import Run

    Floats = NDArray[np.float64]

HOLD_OUT = 3
"""Every third run."""
BOOTSTRAPS = 40
DECILES = 10
HABITS = Schedule._fields
ALL = ("model_age_s", "fresh_age_s", "practice", "unsent_examples")
STEADY = ("model_age_s", "fresh_age_s", "unsent_examples")
"""Where nobody counts practice: after the first day, how old the fresh examples are tells of it, too."""
MISSED = ("practice",)
"""What costs where it is missing."""
FIXED_SCALE = {"unsent_examples": 512.0}
"""Rows of one large training; the data do not say more of it."""
SCALES = {"model_age_s": (3600.0, 172_800.0), "fresh_age_s": (3600.0, 172_800.0), "practice": (16.0, 4096.0)}
"""Bounds."""
LARGEST_LOSS = {"model_age_s": 0.33, "fresh_age_s": 0.33, "practice": 0.65, "unsent_examples": 0.33}
FACTOR = (0.1, 1.0)


class Table(NamedTuple):
    """Runs as arrays."""

    habits: Floats
    """(runs, 4) logarithms of the fleets' mean intervals of training, pushing and pulling; the share of large trainings."""
    x: Floats
    """(runs, looks, fields)"""
    accuracy: Floats
    """(runs, looks)"""

    def of(self, rows: NDArray[np.intp]) -> Table:
        """Some of the runs."""
        return Table(*(column[rows] for column in self))

    def field(self, name: str) -> Floats:
        """(runs, looks) of one field."""
        column: Floats = self.x[..., FIELDS.index(name)]
        return column

    def fields(self, names: Sequence[str]) -> Floats:
        """(runs, looks, names)"""
        return np.stack([self.field(name) for name in names], -1)

    def after(self, looks: int) -> Table:
        """Without the first looks of each run."""
        return self._replace(x=self.x[:, looks:], accuracy=self.accuracy[:, looks:])


class Parameters(NamedTuple):
    """Of a model with these effects."""

    names: tuple[str, ...]
    best: float
    losses: Floats
    scales: Floats

    def predict(self, table: Table) -> Floats:
        """(runs, looks) accuracy."""
        predicted: Floats = (
            self.best - _shares(self.names, table.fields(self.names), self.scales) @ self.losses
        )
        return predicted

    def model(self) -> AccuracyModel:
        """`ConfigError` when the runs did not show that freshness matters."""
        rows = zip(self.names, self.losses.tolist(), self.scales.tolist(), strict=True)
        effects = tuple(
            Effect(field=field, loss=loss, scale=scale, missed=field in MISSED) for field, loss, scale in rows
        )
        return AccuracyModel(best=self.best, effects=effects)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How well parameters of the other runs predict these."""

    runs: int
    single_rmse: float
    single_r2: float
    run_rmse: float
    """Of runs' means."""
    run_r2: float
    bias: float
    """Predicted − true."""
    slope: float
    """Of true on predicted means of runs; 1 is calibrated."""
    deciles: list[tuple[float, float]]
    """(predicted, true) mean of the looks, by tenths of what was predicted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What the runs say."""

    parameters: Parameters
    again: tuple[Parameters, ...]
    """Fitted to runs drawn with replacement (bootstrap)."""
    held_out: HeldOut
    habits: tuple[Floats, Floats]
    """(4,) how the runs' mean accuracy changes per unit of `Table.habits`, and the standard errors."""

    @property
    def errors(self) -> Parameters:
        """Standard errors: the spread of `again`."""
        _, *columns = zip(*self.again, strict=True)
        best, losses, scales = (np.std(column, axis=0) for column in columns)
        return Parameters(self.parameters.names, float(best), losses, scales)


def table_of(runs: Sequence[Run]) -> Table:
    """All runs must be equally long."""
    return Table(
        habits=np.array([_habits(run.schedule) for run in runs]),
        x=np.stack([run.features for run in runs]),
        accuracy=np.stack([run.accuracy for run in runs]),
    )


def _habits(schedule: Schedule) -> list[float]:
    return [*np.log(list(schedule.intervals().values())).tolist(), schedule.large_share]


def fit(table: Table, random: np.random.Generator, names: tuple[str, ...] = ALL) -> Fit:
    """Parameters from all runs; their quality from a fit that did not see every third run."""
    number = np.arange(len(table.accuracy))
    seen = estimate(table.of(number[number % HOLD_OUT != 0]), names)
    again = [estimate(table.of(random.choice(number, len(number))), names) for _ in range(BOOTSTRAPS)]
    return Fit(
        parameters=estimate(table, names),
        again=tuple(again),
        held_out=judge(seen, table.of(number[number % HOLD_OUT == 0])),
        habits=habit_effects(table),
    )


def estimate(table: Table, names: tuple[str, ...] = ALL) -> Parameters:
    """Scales from single looks, losses from how runs' means follow the habits, the level from the means."""
    scales = _scales(table, names)
    x = table.fields(names)
    lagging = x.copy()
    lag_s = np.maximum(table.field("model_age_s") - table.field("newest_age_s"), 0)
    lagging[..., names.index("model_age_s")] = lag_s
    losses = _losses(table, names, _shares(names, lagging, scales).mean(1))
    lost = _shares(names, x, scales).mean(1) @ losses
    best, factor = _level(lost, table.accuracy.mean(1), 1 / max(float(losses.sum()), 1.0))
    return Parameters(names, max(best, factor * float(losses.sum())), factor * losses, scales)


def _level(lost: Floats, accuracy: Floats, most: float) -> tuple[float, float]:
    """`best` and the factor, within `FACTOR` and up to `most`, of accuracy = best − factor · lost, by least squares."""
    spread = max(float(lost.var(ddof=1)), 1e-12)
    factor = float(np.clip(-np.cov(lost, accuracy)[0, 1] / spread, FACTOR[0], min(FACTOR[1], most)))
    return min(float(accuracy.mean() + factor * lost.mean()), 1.0), factor


def _shares(names: Sequence[str], x: Floats, scales: Floats) -> Floats:
    """(…, effects) → `share` of each."""
    columns = [share(x[..., i], scales[i], missed=name in MISSED) for i, name in enumerate(names)]
    return np.stack(columns, -1)


def _steeper(names: Sequence[str], x: Floats, scales: Floats) -> Floats:
    """(…, effects) how `_shares` fall with the scales' logarithms."""
    z = x / scales
    slopes: Floats = z * np.where(np.isin(names, MISSED), -0.5 * (1 + z) ** -1.5, np.exp(-z))
    return slopes


def _scales(table: Table, names: tuple[str, ...]) -> Floats:
    """Those that are not given: nonlinear least squares over all looks."""
    from scipy.optimize import least_squares

    x, y, n = table.fields(names).reshape(-1, len(names)), table.accuracy.ravel(), len(names)
    free = np.array([name not in FIXED_SCALE for name in names])
    low, high = np.log([SCALES[name] for name in names if name not in FIXED_SCALE]).T

    def scales(p: Floats) -> Floats:
        every = np.array([FIXED_SCALE.get(name, 0.0) for name in names])
        every[free] = np.exp(p[1 + n :])
        return every

    def residuals(p: Floats) -> Floats:
        off: Floats = p[0] - _shares(names, x, scales(p)) @ p[1 : 1 + n] - y
        return off

    def jacobian(p: Floats) -> Floats:
        steeper = _steeper(names, x, scales(p)) * p[1 : 1 + n]
        return np.column_stack([np.ones(len(x)), -_shares(names, x, scales(p)), steeper[:, free]])

    start = [0.9, *[0.05] * n, *(low + high) / 2]
    bounds = ([0, *[0] * n, *low], [1, *(LARGEST_LOSS[name] for name in names), *high])
    x_scale = [*[0.1] * (1 + n), *[1.0] * int(free.sum())]
    return scales(least_squares(residuals, start, jac=jacobian, bounds=bounds, x_scale=x_scale).x)


def _losses(table: Table, names: tuple[str, ...], h: Floats) -> Floats:
    """(effects,) from h (runs, effects): two-stage least squares within the bounds."""
    from scipy.optimize import least_squares

    q, _ = np.linalg.qr(_basis(table.habits))
    design, wanted = q.T @ np.column_stack([np.ones(len(h)), -h]), q.T @ table.accuracy.mean(1)
    largest = [LARGEST_LOSS[name] for name in names]
    bounds = ([0, *[0] * len(names)], [2, *largest])
    found = least_squares(lambda p: design @ p - wanted, [0.9, *np.array(largest) / 2], bounds=bounds)
    losses: Floats = found.x[1:]
    return losses


def _basis(habits: Floats) -> Floats:
    """(runs, 15) 1, the standardised habits, their squares and products."""
    z = (habits - habits.mean(0)) / habits.std(0)
    pairs = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i, z.shape[1])]
    return np.column_stack([np.ones(len(z)), z, *pairs])


def judge(parameters: Parameters, table: Table) -> HeldOut:
    """`table`: runs that the parameters were not fitted to."""
    predicted, true = parameters.predict(table), table.accuracy
    p, t = predicted.mean(1), true.mean(1)
    tenths = np.array_split(np.argsort(predicted, axis=None), DECILES)
    return HeldOut(
        runs=len(true),
        single_rmse=_rms(predicted - true),
        single_r2=1 - float(np.mean((predicted - true) ** 2) / true.var()),
        run_rmse=_rms(p - t),
        run_r2=1 - float(np.mean((p - t) ** 2) / t.var()),
        bias=float((p - t).mean()),
        slope=float(np.cov(p, t)[0, 1] / p.var(ddof=1)),
        deciles=[(float(predicted.flat[rows].mean()), float(true.flat[rows].mean())) for rows in tenths],
    )


def _rms(x: Floats) -> float:
    return float(np.sqrt(np.mean(x**2)))


def habit_effects(table: Table) -> tuple[Floats, Floats]:
    """A straight regression of runs' means on the habits: what the experiment itself says, without the model."""
    design, y = np.column_stack([np.ones(len(table.habits)), table.habits]), table.accuracy.mean(1)
    slopes = np.linalg.lstsq(design, y, rcond=None)[0]
    variance = np.sum((y - design @ slopes) ** 2) / max(len(y) - design.shape[1], 1)
    errors = np.sqrt(variance * np.diag(np.linalg.pinv(design.T @ design)))
    return slopes[1:], errors[1:]

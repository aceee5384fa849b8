"""Fits the accuracy model to real federated runs (`federated_run`) and writes it with its errors.

    python -m circadia_lab.env.accuracy_fit [FILE] [--seed S] [--runs N] [--picture PNG]

The scales of model_age_s and fresh_age_s come from single looks at devices, by least squares. Losses do not: who trains
more has more unsent examples and better weights, so a plain fit would praise what is not sent. But the fleets' habits
(how often they train, push and pull) were drawn at random, so the losses are those that explain how the runs' mean
accuracy follows the habits, and nothing else of it:

    min over b, loss ≥ 0 of  ‖ Qᵀ (ā − b + Σ_i loss_i · h̄_i) ‖²,   h_i = 1 − exp(−x_i / scale_i)

ā and h̄ are runs' means, Q an orthonormal basis of quadratic functions of the habits' logarithms (instrumental
variables, two-stage least squares). Here the model's age counts from the newest version's publication, not from the
installed one's: when versions come is given in the physics, so what a fleet loses because it keeps its training to
itself belongs to unsent_examples, where a device that pushes finds its reward. At last `best` and a common factor of
the losses are set so that the runs' means are right with the whole model age.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.errors import ConfigError
from circadia_lab.env.accuracy import FORMAT, SHIPPED, AccuracyModel, Effect
from circadia_lab.env.federated_run import DAYS, DEVICES, FIELDS, play

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from circadia_lab.env.federated_run import Run

    Floats = NDArray[np.float64]

RUNS, FEWEST_RUNS = 180, 6
HOLD_OUT = 3
"""Every third run."""
BOOTSTRAPS = 40
DECILES = 10
OWN = ("model_age_s", "fresh_age_s")
"""What single looks at devices give the scales of."""
FITTED = (*OWN, "unsent_examples")
UNSENT_SCALE = 512.0
"""Rows of one large training; the data do not say more of it."""
SCALE_S = (3600.0, 86_400.0)
LARGEST_LOSS = 0.33
"""Three of them stay below 1."""
FACTOR = (0.1, 1.0)


class Table(NamedTuple):
    """Runs as arrays."""

    habits: Floats
    """(runs, 3) logarithms of the fleets' mean intervals of training, pushing and pulling."""
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


class Parameters(NamedTuple):
    """Numbers in the order of `FITTED`."""

    best: float
    losses: Floats
    scales: Floats

    def predict(self, table: Table) -> Floats:
        """(runs, looks) accuracy."""
        x = np.stack([table.field(name) for name in FITTED], -1)
        predicted: Floats = self.best + np.expm1(-x / self.scales) @ self.losses
        return predicted

    def model(self) -> AccuracyModel:
        """`ConfigError` when the runs did not show that freshness matters."""
        rows = zip(FITTED, self.losses.tolist(), self.scales.tolist(), strict=True)
        effects = tuple(Effect(field=field, loss=loss, scale=scale) for field, loss, scale in rows)
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
    """(3,) how the runs' mean accuracy changes per e-fold of each interval, and the standard errors."""

    @property
    def errors(self) -> Parameters:
        """Standard errors: the spread of `again`."""
        best, losses, scales = (np.std(column, axis=0) for column in zip(*self.again, strict=True))
        return Parameters(float(best), losses, scales)


def table_of(runs: Sequence[Run]) -> Table:
    """All runs must be equally long."""
    return Table(
        habits=np.log([run.schedule for run in runs]),
        x=np.stack([run.features for run in runs]),
        accuracy=np.stack([run.accuracy for run in runs]),
    )


def fit(table: Table, random: np.random.Generator) -> Fit:
    """Parameters from all runs; their quality from a fit that did not see every third run."""
    number = np.arange(len(table.accuracy))
    seen = estimate(table.of(number[number % HOLD_OUT != 0]))
    again = [estimate(table.of(random.choice(number, len(number)))) for _ in range(BOOTSTRAPS)]
    return Fit(
        parameters=estimate(table),
        again=tuple(again),
        held_out=judge(seen, table.of(number[number % HOLD_OUT == 0])),
        habits=habit_effects(table),
    )


def estimate(table: Table) -> Parameters:
    """Scales from single looks, losses from how runs' means follow the habits, the level from the means."""
    scales = np.append(_own_scales(table), UNSENT_SCALE)
    lag_s = np.maximum(table.field("model_age_s") - table.field("newest_age_s"), 0)
    losses = _losses(table, -_decays([lag_s, *(table.field(name) for name in FITTED[1:])], scales))
    lost = -_decays([table.field(name) for name in FITTED], scales) @ losses
    best, factor = _level(lost, table.accuracy.mean(1))
    return Parameters(max(best, factor * float(losses.sum())), factor * losses, scales)


def _level(lost: Floats, accuracy: Floats) -> tuple[float, float]:
    """`best` and the factor, within `FACTOR`, of accuracy = best − factor · lost: a straight line by least squares."""
    spread = max(float(lost.var(ddof=1)), 1e-12)
    factor = float(np.clip(-np.cov(lost, accuracy)[0, 1] / spread, *FACTOR))
    return min(float(accuracy.mean() + factor * lost.mean()), 1.0), factor


def _decays(x: Sequence[Floats], scales: Floats) -> Floats:
    """(runs, effects) runs' means of exp(−x / scale) − 1."""
    return np.stack([np.expm1(-field / scale).mean(1) for field, scale in zip(x, scales, strict=True)], -1)


def _own_scales(table: Table) -> Floats:
    """Of `OWN`: nonlinear least squares over all looks."""
    from scipy.optimize import least_squares

    x = np.stack([table.field(name) for name in OWN], -1).reshape(-1, len(OWN))
    y, n = table.accuracy.ravel(), len(OWN)

    def residuals(p: Floats) -> Floats:
        off: Floats = p[0] + np.expm1(-x / np.exp(p[1 + n :])) @ p[1 : 1 + n] - y
        return off

    def jacobian(p: Floats) -> Floats:
        share = x / np.exp(p[1 + n :])
        decayed = np.exp(-share)
        return np.column_stack([np.ones(len(x)), decayed - 1, p[1 : 1 + n] * share * decayed])

    low, high = np.log(SCALE_S)
    start = [0.9, *[0.1] * n, *[(low + high) / 2] * n]
    bounds = ([0, *[0] * n, *[low] * n], [1, *[LARGEST_LOSS] * n, *[high] * n])
    x_scale = [*[0.1] * (1 + n), *[1.0] * n]
    found = least_squares(residuals, start, jac=jacobian, bounds=bounds, x_scale=x_scale).x
    scales: Floats = np.exp(found[1 + n :])
    return scales


def _losses(table: Table, h: Floats) -> Floats:
    """(effects,) from h (runs, effects): two-stage least squares within the bounds."""
    from scipy.optimize import least_squares

    q, _ = np.linalg.qr(_basis(table.habits))
    design, wanted = q.T @ np.column_stack([np.ones(len(h)), -h]), q.T @ table.accuracy.mean(1)
    bounds = ([0, *[0] * h.shape[1]], [2, *[LARGEST_LOSS] * h.shape[1]])
    found = least_squares(lambda p: design @ p - wanted, [0.9, *[0.1] * h.shape[1]], bounds=bounds)
    losses: Floats = found.x[1:]
    return losses


def _basis(habits: Floats) -> Floats:
    """(runs, 10) 1, the standardised habits, their squares and products."""
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


def document(found: Fit, made: dict[str, Any]) -> dict[str, Any]:
    """What `accuracy.load_accuracy` reads."""
    values, errors, held_out = found.parameters, found.errors, found.held_out
    habits = zip(("train_s", "push_s", "pull_s"), *found.habits, strict=True)
    return {
        "format": FORMAT,
        "fitted": True,
        "best": _parameter(values.best, errors.best),
        "effects": [
            {
                "field": name,
                "loss": _parameter(values.losses[i], errors.losses[i]),
                "scale": _parameter(values.scales[i], errors.scales[i] if name in OWN else None),
            }
            for i, name in enumerate(FITTED)
        ],
        "held_out": {name: _rounded(getattr(held_out, name)) for name in HeldOut.__slots__},
        "habits": {name: _parameter(slope, error) for name, slope, error in habits},
        "made": made,
    }


def _parameter(value: float, error: float | None) -> dict[str, float | None]:
    return {"value": _rounded(value), "error": None if error is None else _rounded(error)}


def _rounded(value: Any) -> Any:
    """To five significant digits; within lists, too."""
    if isinstance(value, list | tuple):
        return [_rounded(x) for x in value]
    return value if isinstance(value, int) else float(f"{value:.5g}")


def collect(seed: int, runs: int, days: int, progress: Callable[[], None]) -> list[Run]:
    """`runs` runs of `days` days with seeds that follow from `seed`."""
    from circadia.learning.task_file import load_task

    if seed < 0 or runs < FEWEST_RUNS:
        raise ConfigError(
            f"accuracy fit of {runs} runs, seed {seed}: needs {FEWEST_RUNS} runs, a seed of 0 or more"
        )
    task, played = load_task("digits"), []
    for number in range(runs):
        played.append(play(task, seed * 100_000 + number, days=days))
        progress()
    return played


def write(data: dict[str, Any], path: Path) -> None:
    """Whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    new.replace(path)


def make(
    path: Path, seed: int = 0, runs: int = RUNS, *, days: int = DAYS, picture: Path | None = None
) -> Fit:
    """Play, fit, write, with a progress bar; `ConfigError` when the runs are too few or show nothing."""
    from rich.progress import Progress

    start_s = time.process_time()
    with Progress() as progress:
        bar = progress.add_task("federated runs", total=runs)
        table = table_of(collect(seed, runs, days, lambda: progress.advance(bar)))
    found = fit(table, np.random.default_rng(seed))
    found.parameters.model()
    minutes = (time.process_time() - start_s) / 60
    write(document(found, _made(seed, runs, days, minutes)), path)
    if picture is not None:
        from circadia_lab.env.accuracy_picture import draw

        draw(found, table, picture)
    return found


def _made(seed: int, runs: int, days: int, minutes: float) -> dict[str, Any]:
    return {
        "generator": "circadia_lab.env.accuracy_fit",
        "task": "digits",
        "seed": seed,
        "runs": runs,
        "days": days,
        "devices": DEVICES,
        "looks": "after the first day",
        "errors": "standard, by drawing runs again; the scale of unsent_examples is given",
        "processor_minutes": round(minutes, 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, write, say how good it is."""
    parser = argparse.ArgumentParser(
        prog="accuracy_fit", description="Fit the accuracy model to real federated runs."
    )
    parser.add_argument("file", nargs="?", type=Path, default=SHIPPED)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"default {RUNS}, about eight minutes")
    parser.add_argument("--picture", type=Path, metavar="PNG")
    args = parser.parse_args(arguments)
    found = make(args.file, args.seed, args.runs, picture=args.picture)
    values, errors, held_out = found.parameters, found.errors, found.held_out
    print(f"best {values.best:.3f} ± {errors.best:.3f}")
    for i, name in enumerate(FITTED):
        print(
            f"{name}: loss {values.losses[i]:.3f} ± {errors.losses[i]:.3f}, "
            f"scale {values.scales[i]:.0f} ± {errors.scales[i]:.0f}"
        )
    print(
        f"held-out runs ({held_out.runs}): means within {held_out.run_rmse:.3f} rms, R² {held_out.run_r2:.2f}; "
        f"single looks {held_out.single_rmse:.3f}, R² {held_out.single_r2:.2f}; bias {held_out.bias:+.3f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Fits the accuracy model to real federated runs (`federated_run`) and writes it with its errors.

    python -m circadia_lab.policy.env.accuracy_fit [FOLDER] [--seed S] [--runs N] [--picture PNG]

Two files: `accuracy.json`, and `accuracy_steady.json` for problems whose states do not count practice. How the
parameters are found stands in `accuracy_estimate`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia.writing import whole_text
from circadia_lab.data.day.plan import DAY_S
from circadia_lab.policy.env.accuracy import FORMAT, SHIPPED, STEADY_SHIPPED
from circadia_lab.policy.env.accuracy_estimate import (
    FIXED_SCALE,
    HABITS,
    MISSED,
    SCALES,
    STEADY,
    HeldOut,
    fit,
    table_of,
)
from circadia_lab.policy.env.federated_run import DAYS, DEVICES, RECORD_S, play

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_lab.policy.env.accuracy_estimate import Fit
    from circadia_lab.policy.env.federated_run import Run

RUNS, FEWEST_RUNS = 180, 6


def document(found: Fit, made: dict[str, Any]) -> dict[str, Any]:
    """What `accuracy.load_accuracy` reads."""
    values, errors, held_out = found.parameters, found.errors, found.held_out
    habits = zip(HABITS, *found.habits, strict=True)
    return {
        "format": FORMAT,
        "fitted": True,
        "best": _parameter(values.best, errors.best),
        "effects": [
            {
                "field": name,
                "missed": name in MISSED,
                "loss": _parameter(values.losses[i], errors.losses[i]),
                "scale": _parameter(
                    values.scales[i], errors.scales[i] if _free(name, values.scales[i]) else None
                ),
            }
            for i, name in enumerate(values.names)
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
    with whole_text(path) as file:
        file.write(json.dumps(data, indent=2) + "\n")


def make(
    folder: Path, seed: int = 0, runs: int = RUNS, *, days: int = DAYS, picture: Path | None = None
) -> tuple[Fit, Fit]:
    """Play, fit, write, with a progress bar; `ConfigError` when the runs are too few or show nothing.

    Both models: with practice, of all looks; and the steady one, of the looks after the first day.
    """
    from rich.progress import Progress

    if days < 2:
        raise ConfigError(f"accuracy fit of runs of {days} days: needs two or more")
    if not folder.is_dir():
        raise ConfigError(f"{folder}: not a folder; name one for the two files")
    start_s = time.process_time()
    with Progress() as progress:
        bar = progress.add_task("federated runs", total=runs)
        table = table_of(collect(seed, runs, days, lambda: progress.advance(bar)))
    random = np.random.default_rng(seed)
    whole, steady = fit(table, random), fit(table.after(round(DEVICES * DAY_S / RECORD_S)), random, STEADY)
    for found in (whole, steady):
        found.parameters.model()
    made = _made(seed, runs, days, (time.process_time() - start_s) / 60)
    write(document(whole, made | {"looks": "all"}), folder / SHIPPED.name)
    write(document(steady, made | {"looks": "after the first day"}), folder / STEADY_SHIPPED.name)
    if picture is not None:
        from circadia_lab.policy.env.accuracy_picture import draw

        draw(whole, table, picture)
    return whole, steady


def _made(seed: int, runs: int, days: int, minutes: float) -> dict[str, Any]:
    return {
        "generator": "circadia_lab.env.accuracy_fit",
        "task": "digits",
        "seed": seed,
        "runs": runs,
        "days": days,
        "devices": DEVICES,
        "errors": "standard, by drawing runs again; none where a scale is given or at its bound",
        "processor_minutes": round(minutes, 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, write, say how good it is."""
    parser = argparse.ArgumentParser(
        prog="accuracy_fit", description="Fit the accuracy model to real federated runs."
    )
    parser.add_argument("folder", nargs="?", type=Path, default=SHIPPED.parent)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"default {RUNS}, about 25 minutes")
    parser.add_argument("--picture", type=Path, metavar="PNG")
    args = parser.parse_args(arguments)
    try:
        fits = make(args.folder, args.seed, args.runs, picture=args.picture)
    except ConfigError as error:
        print(f"accuracy_fit: error: {error}", file=sys.stderr)
        return 2
    for title, found in zip(("with practice", "steady"), fits, strict=True):
        print(f"{title}:")
        _print(found)
    return 0


def _print(found: Fit) -> None:
    values, errors, held_out = found.parameters, found.errors, found.held_out
    print(f"  best {values.best:.3f} ± {errors.best:.3f}")
    for i, name in enumerate(values.names):
        print(
            f"  {name}: loss {values.losses[i]:.3f} ± {errors.losses[i]:.3f}, "
            f"scale {values.scales[i]:.0f}{_error(name, values.scales[i], errors.scales[i])}"
        )
    print(
        f"  held-out runs ({held_out.runs}): means within {held_out.run_rmse:.3f} rms, "
        f"R² {held_out.run_r2:.2f}; single looks {held_out.single_rmse:.3f}, R² {held_out.single_r2:.2f}; "
        f"bias {held_out.bias:+.3f}"
    )


def _error(name: str, scale: float, error: float) -> str:
    return f" ± {error:.0f}" if _free(name, scale) else ", given or at a bound"


def _free(name: str, scale: float) -> bool:
    """Whether the looks chose it: neither given nor at one of its bounds."""
    return name not in FIXED_SCALE and not np.isclose(scale, SCALES[name], rtol=1e-6).any()


if __name__ == "__main__":
    sys.exit(main())

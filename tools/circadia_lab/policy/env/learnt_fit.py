"""Fits what weights know, and what that is worth, to lives of policies, and writes it with its errors.

    python -m circadia_lab.policy.env.learnt_fit LIVES [--out FILE.json] [--seeds FIRST:END] [--policies NAME,…]

LIVES is a folder of lives; those that it lacks are played first. A law (`circadia.physics.learnt`) makes of a life's
trainings, pushes and pulls what each device's weights know at each look; of that, accuracy is

    best − loss · (1 + known / scale)^−½ − loss′ · (1 + present / scale′)^−½

The law is the one of a grid whose accuracy, by least squares, comes closest to the looks, the fleet's mean over its
devices at each look, and that over the day. Lives of every third seed are held out and judged by a fit of the others.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.errors import ConfigError
from circadia.physics.learnt import worth
from circadia.writing import whole_text
from circadia_lab.policy.env.accuracy import FORMAT, LIVES_SHIPPED, share
from circadia_lab.policy.env.learnt_lives import POLICIES, LearningLife, path_of, play, read
from circadia_lab.policy.env.learnt_lives import write as keep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SEEDS = (100, 103)
"""First, and the one after the last: none that a run is judged by."""
HOLD_OUT = 3
BUFFER = 4
GRID = {"own_rows": (150.0, 300.0), "version_gain": (1.0, 1.5, 2.0), "kept": (0.02, 0.1)}
"""Not below 150 rows: lives of policies, that push what they train, hardly tell how much longer trainings are worth;
federations by random habits say about 300."""
LOOK, DAY = 1 / 8, 10.0
"""How much a single device's look counts, and the day's mean, beside the fleet's mean at a look."""
BOUNDS = ((0.5, 0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 12.0, 12.0))
START = (0.95, 0.56, 0.27, 5.4, 6.7)
"""Best, two losses, the logarithms of two scales."""


class Law(NamedTuple):
    """Of `circadia.physics.learnt`."""

    own_rows: float
    version_gain: float
    kept: float


class Shape(NamedTuple):
    """What known rows are worth."""

    best: float
    losses: Floats
    scales: Floats

    def accuracy(self, known: Floats) -> Floats:
        """(2, …) rows known, and those of the present → (…,)"""
        lost = [
            loss * share(x, scale, missed=True)
            for loss, scale, x in zip(self.losses, self.scales, known, strict=True)
        ]
        found: Floats = self.best - lost[0] - lost[1]
        return found


class Fit(NamedTuple):
    """What lives say."""

    law: Law
    shape: Shape
    cost: float


def known_in(life: LearningLife, law: Law) -> Floats:
    """(2, looks, devices) rows known, and those of the present, at each look of a life, before the wakes of that time."""
    devices = life.accuracy.shape[1]
    known, unsent = np.zeros((2, devices)), np.zeros(devices)
    newest, installed = np.zeros(2), np.ones(devices, int)
    published, waiting = {1: newest}, [np.zeros(2)][:0]
    still = np.array([1.0, law.kept])
    versions, moved = list(life.versions), False
    found = np.zeros((2, *life.accuracy.shape))
    looks = ((t_s, 0, i) for i, t_s in enumerate(life.looks_s))
    acts = ((row[0], 1, i) for i, row in enumerate(life.acts))
    for t_s, kind, i in sorted((*looks, *acts)):
        if not moved and t_s >= life.drift_s:
            moved, known, newest = True, known * still[:, None], newest * still
            published = {number: rows * still for number, rows in published.items()}
            waiting = [rows * still for rows in waiting]
        # who pushes what makes a version has not seen it yet
        while versions and waiting and (versions[0][0] < t_s or len(waiting) >= BUFFER):
            newest = newest + law.version_gain * sum(waiting) / len(waiting)
            published[int(versions.pop(0)[1])] = newest
            waiting = []
        if kind == 0:
            found[:, i] = known
            continue
        _, device, rows, pushed, version = life.acts[i]
        device, version = int(device), int(version)
        if version != installed[device]:
            installed[device] = version
            known[:, device] = published.get(version, newest) + worth(unsent[device], np, law.own_rows)
        known[:, device] += worth(unsent[device] + rows, np, law.own_rows) - worth(
            unsent[device], np, law.own_rows
        )
        unsent[device] += rows
        if pushed:
            waiting.append(np.full(2, worth(unsent[device], np, law.own_rows)))
            unsent[device] = 0
    return found


def shaped(lives: Sequence[LearningLife], known: Sequence[Floats]) -> tuple[Shape, float]:
    """The best shape for what is known, and its cost."""
    from scipy.optimize import least_squares

    def shape(p: Floats) -> Shape:
        return Shape(float(p[0]), p[1:3], np.exp(p[3:]))

    def residuals(p: Floats) -> Floats:
        parts = []
        for life, rows in zip(lives, known, strict=True):
            off = shape(p).accuracy(rows) - life.accuracy
            parts += [off.mean(1), LOOK * off.ravel(), [DAY * over_day(off)]]
        every: Floats = np.concatenate(parts) / np.sqrt(len(lives))
        return every

    found = least_squares(residuals, START, bounds=BOUNDS, x_scale=[0.1, 0.1, 0.1, 1.0, 1.0])
    return shape(found.x), float(found.cost)


def over_day(accuracy: Floats) -> float:
    """(looks, devices) → their mean over time, by trapezoids of equal width."""
    return float(((accuracy[1:] + accuracy[:-1]) / 2).mean())


def fit(lives: Sequence[LearningLife]) -> Fit:
    """The best law of the grid."""
    fits = []
    for numbers in itertools.product(*GRID.values()):
        law = Law(*numbers)
        shape, cost = shaped(lives, [known_in(life, law) for life in lives])
        fits.append(Fit(law, shape, cost))
    return min(fits, key=lambda one: one.cost)


def foretold(found: Fit, life: LearningLife) -> float:
    """Mean accuracy over that life's day."""
    return over_day(found.shape.accuracy(known_in(life, found.law)))


def judge(found: Fit, lives: Sequence[LearningLife]) -> dict[str, Any]:
    """Lives that the fit did not see: how far off their days' means are, in all and by policy."""
    rows = [(life.policy, foretold(found, life), over_day(life.accuracy)) for life in lives]
    off = {name: [told - true for policy, told, true in rows if policy == name] for name, *_ in rows}
    every = np.array([told - true for _, told, true in rows])
    true = np.array([row[2] for row in rows])
    return {
        "lives": len(rows),
        "day_rmse": float(np.sqrt((every**2).mean())),
        "day_r2": float(1 - (every**2).mean() / true.var()) if len(rows) > 1 else None,
        "bias": float(every.mean()),
        "off_by_policy": {name: float(np.mean(values)) for name, values in off.items()},
    }


def document(
    found: Fit, spread: Sequence[Fit], held_out: dict[str, Any], made: dict[str, Any]
) -> dict[str, Any]:
    """What `accuracy.load_accuracy` reads, with the law; `spread`: fits without one policy each, for the errors."""

    def parameter(value: float, others: Sequence[float]) -> dict[str, float | None]:
        # jackknife over policies
        n = len(others)
        error = float(np.sqrt((n - 1) * np.var(others))) if n > 1 else None
        return {"value": _rounded(value), "error": error if error is None else _rounded(error)}

    effects = [
        {
            "field": field,
            "missed": True,
            "loss": parameter(found.shape.losses[i], [one.shape.losses[i] for one in spread]),
            "scale": parameter(found.shape.scales[i], [one.shape.scales[i] for one in spread]),
        }
        for i, field in enumerate(("known", "present"))
    ]
    return {
        "format": FORMAT,
        "fitted": True,
        "best": parameter(found.shape.best, [one.shape.best for one in spread]),
        "effects": effects,
        "law": found.law._asdict(),
        "held_out": _rounded(held_out),
        "made": made,
    }


def _rounded(value: Any) -> Any:
    """To five significant digits."""
    if isinstance(value, dict):
        return {name: _rounded(x) for name, x in value.items()}
    return value if value is None or isinstance(value, int) else float(f"{value:.5g}")


def collected(folder: Path, policies: Sequence[str], seeds: Sequence[int]) -> list[LearningLife]:
    """Every policy's life with every seed; what the folder lacks is played, and kept there."""
    folder.mkdir(parents=True, exist_ok=True)
    lives = []
    for seed, policy in itertools.product(seeds, policies):
        path = path_of(folder, policy, seed)
        if not path.exists():
            print(f"playing {policy}, seed {seed}", file=sys.stderr)
            keep(play(policy, seed), folder)
        lives.append(read(path))
    return lives


def make(lives: Sequence[LearningLife], out: Path) -> tuple[Fit, dict[str, Any]]:
    """Fit, judge, write; `ConfigError` for lives too few."""
    begun = time.process_time()
    seeds = sorted({life.seed for life in lives})
    policies = sorted({life.policy for life in lives})
    if len(seeds) < 2 or len(policies) < 2:
        raise ConfigError(
            f"{len(lives)} lives of {len(policies)} policies, {len(seeds)} seeds: needs two of both"
        )
    apart = set(seeds[HOLD_OUT - 1 :: HOLD_OUT] or seeds[-1:])
    held_out = judge(
        fit([life for life in lives if life.seed not in apart]),
        [life for life in lives if life.seed in apart],
    )
    found = fit(lives)
    spread = [
        Fit(found.law, *shaped(others, [known_in(life, found.law) for life in others]))
        for policy in policies
        if (others := [life for life in lives if life.policy != policy])
    ]
    made = {
        "generator": "circadia_lab.policy.env.learnt_fit",
        "task": "digits",
        "lives": {name: sorted(life.seed for life in lives if life.policy == name) for name in policies},
        "held_out_seeds": sorted(apart),
        "errors": "standard, by leaving each policy out (jackknife), the law as it is",
        "processor_minutes": round((time.process_time() - begun) / 60, 1),
        "date": datetime.now(UTC).date().isoformat(),
    }
    with whole_text(out) as file:
        file.write(json.dumps(document(found, spread, held_out, made), indent=2) + "\n")
    return found, held_out


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what is missing, fit, write, say how good it is."""
    parser = argparse.ArgumentParser(
        prog="learnt_fit", description="Fit what weights know to lives of policies."
    )
    parser.add_argument("lives", type=Path, metavar="LIVES")
    parser.add_argument("--out", type=Path, default=LIVES_SHIPPED, metavar="FILE.json")
    parser.add_argument("--seeds", type=_range, default=range(*SEEDS), metavar="FIRST:END")
    parser.add_argument("--policies", default=",".join(POLICIES), metavar="NAME,…")
    args = parser.parse_args(arguments)
    try:
        lives = collected(args.lives, args.policies.split(","), args.seeds)
        found, held_out = make(lives, args.out)
    except ConfigError as error:
        print(f"learnt_fit: error: {error}", file=sys.stderr)
        return 2
    print(f"law: {found.law}\nshape: {found.shape}\nheld out: {held_out}")
    print(
        "own_rows, version_gain and kept stand in circadia.physics.learnt: change them there if they have changed"
    )
    return 0


def _range(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end))


if __name__ == "__main__":
    sys.exit(main())

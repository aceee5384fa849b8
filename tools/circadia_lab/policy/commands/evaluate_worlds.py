"""`circadia policy evaluate --wake`: where choosing one's wakes can be held against the exact optimum, train and compare."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from functools import partial
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_lab.policy.commands.arguments import check_file, refuse, write_whole

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Trained = Callable[..., dict[str, Any]]

STEPS = 3_000_000
"""Wakes of all devices of a training."""
QUICK = 40_000


def evaluate_worlds(args: argparse.Namespace) -> int:
    """One training in each, played exactly; `--json FILE` has it all."""
    from rich.console import Console

    from circadia_lab.policy.commands.bar import Activity

    if args.json:
        check_file("--json", args.json, ".json")
    refuse(
        args,
        (
            "policy",
            "problem",
            "others",
            "copies",
            "days",
            "demonstration",
            "ablate",
            "arms",
            "per_preference",
            "coupling",
        ),
        "--wake trains one policy in each world and plays it exactly",
    )
    steps = args.steps or (QUICK if args.quick else STEPS)
    runs = _chosen(args.wake)
    rows: dict[str, list[dict[str, Any]]] = {"regimes": [], "harvest": [], "day_night": []}
    with Activity(Console(stderr=True)) as tell:
        for kind, run in runs:
            for seed in range(args.seeds or 1):
                rows[kind].append({"seed": seed, **run(steps=steps, seed=seed, tell=tell)})
    figures = {**_figures(rows), "quick": bool(args.quick)}
    if args.json:
        write_whole(args.json, json.dumps(figures, indent=2, allow_nan=False) + "\n")
    print(_table(figures))
    return 0


def _chosen(names: list[str]) -> list[tuple[str, Trained]]:
    """Those of `names`, or all; `ConfigError` for one that there is not."""
    from circadia_lab.policy.regimes.shipped import REGIMES
    from circadia_lab.policy.regimes.worlds.daynight import DAY_NIGHTS
    from circadia_lab.policy.regimes.worlds.harvest import HARVESTS
    from circadia_lab.policy.study.exact import in_day_night, in_harvest, in_regime

    every: dict[str, tuple[str, Trained]] = {
        **{regime.name: ("regimes", partial(in_regime, regime)) for regime in REGIMES},
        **{given.name: ("harvest", partial(in_harvest, given)) for given in HARVESTS},
        **{
            f"day-night-{given.name.replace(' ', '-')}": ("day_night", partial(in_day_night, given))
            for given in DAY_NIGHTS
        },
    }
    if unknown := sorted(set(names) - set(every)):
        raise ConfigError(f"--wake: no {', '.join(unknown)}; there are {', '.join(every)}")
    return [every[name] for name in names or every]


def _figures(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Heads: the worst regime, and the first world of each kind, mean over its seeds."""
    heads: dict[str, Any] = {}
    if rows["regimes"]:
        heads["over_optimum"] = max(row["over_optimum"] for row in rows["regimes"])
        heads["worst_cost_over_limit"] = max(row["worst_cost_over_limit"] for row in rows["regimes"])
    for key, kind in (("over_due_harvest", "harvest"), ("over_due_diurnal", "day_night")):
        same = [row for row in rows[kind] if row["name"] == rows[kind][0]["name"]]
        if same:
            heads[key] = sum(row["over_due"] for row in same) / len(same)
            heads[f"{key}_seeds"] = [row["over_due"] for row in same]
            heads[f"{key}_optimum"] = same[0]["optimum_over_due"]
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    date = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return {**heads, **rows, "machine": machine, "date": date}


def _table(figures: dict[str, Any]) -> str:
    """A line a training; modelled."""
    lines = []
    if figures["regimes"]:
        lines.append(
            f"{'regime, agent joules a day (modelled)':38}{'optimum':>10}{'policy':>10}{'over':>9}{'× limit':>9}"
            f"{'taught':>9}{'× limit':>9}"
        )
    lines += [
        f"{row['name']:38}{row['optimum_j']:10.2f}{row['policy_j']:10.2f}{row['over_optimum']:9.1%}"
        f"{row['worst_cost_over_limit']:9.2f}{row['taught_over_optimum']:9.1%}{row['taught_worst_cost_over_limit']:9.2f}"
        for row in figures["regimes"]
    ]
    worlds = [*figures["harvest"], *figures["day_night"]]
    if worlds:
        lines.append(
            f"{'world, cost a day (modelled)':38}{'optimum':>10}{'due':>10}{'policy':>10}{'ahead':>9}{'of lead':>9}{'taught':>10}"
        )
    lines += [
        f"{row['name']:38}{row['optimum']:10.2f}{row['due']:10.2f}{row['policy']:10.2f}{row['over_due']:9.1%}"
        f"{row['share_of_lead']:9.0%}{row['taught']:10.2f}"
        for row in worlds
    ]
    flat = {key: value for key, value in figures.items() if isinstance(value, float)}
    lines += ["", *(f"{key:24}  {value:.4f}" for key, value in flat.items())]
    return "\n".join(lines)

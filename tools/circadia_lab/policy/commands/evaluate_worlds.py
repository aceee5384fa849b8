"""`circadia policy evaluate --wake`: where choosing one's wakes can be held against the exact optimum, train and compare."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import platform
from functools import partial
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_lab.policy.commands.arguments import check_file, refuse, write_whole

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Trained = Callable[..., list[dict[str, Any]]]

WORLD_SEEDS = 5
"""Trainings in a world with a day in it, where an interval is asked for; in a regime one."""


def evaluate_worlds(args: argparse.Namespace) -> int:
    """Train in each, play exactly; `--json FILE` has all that is done so far."""
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
            "steps",
        ),
        "--wake trains one policy in each world and plays it exactly",
    )
    rows: dict[str, list[dict[str, Any]]] = {"regimes": [], "harvest": [], "day_night": []}
    with Activity(Console(stderr=True)) as tell:
        for kind, run in _chosen(args.wake):
            seeds = range(args.seeds or (1 if kind == "regimes" or args.quick else WORLD_SEEDS))
            rows[kind] += run(seeds=seeds, quick=bool(args.quick), tell=tell)
            figures = {**_figures(rows), "quick": bool(args.quick)}
            if args.json:  # after each world: all of them take long
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
    """Heads: the worst regime, and of each kind of world the first, with its 95 % interval over the seeds."""
    heads: dict[str, Any] = {}
    if rows["regimes"]:
        heads["over_optimum"] = max(row["over_optimum"] for row in rows["regimes"])
        heads["worst_cost_over_limit"] = max(row["worst_cost_over_limit"] for row in rows["regimes"])
        heads["due_over_optimum"] = max(row["due_over_optimum"] for row in rows["regimes"])
    for key, kind in (("over_due_harvest", "harvest"), ("over_due_diurnal", "day_night")):
        if rows[kind]:
            heads |= _ahead(key, [row for row in rows[kind] if row["name"] == rows[kind][0]["name"]])
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    date = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return {**heads, **rows, "kind": "modelled", "machine": machine, "date": date}


def _ahead(key: str, same: list[dict[str, Any]]) -> dict[str, Any]:
    """Of one world's trainings."""
    from circadia_lab.policy.evaluation.confidence import interval

    found = interval([row["over_due"] for row in same])
    ends = [None if math.isnan(end) else end for end in (found.low, found.high)]
    optimum = same[0]["optimum_over_due"]
    return {
        key: found.mean,
        f"{key}_interval": ends,
        f"{key}_seeds": [row["over_due"] for row in same],
        f"{key}_optimum": optimum,
        f"{key}_share_of_lead": found.mean / max(optimum, 1e-9),
    }


def _table(figures: dict[str, Any]) -> str:
    """A line a training; modelled."""
    lines = []
    if figures["regimes"]:
        lines.append(
            f"{'regime, agent joules a day (modelled)':38}{'optimum':>10}{'policy':>10}{'over':>8}{'× limit':>8}"
            f"{'due':>10}{'over':>8}{'taught':>8}{'distilled':>10}{'× limit':>8}"
        )
    lines += [
        f"{row['name']:38}{row['optimum_j']:10.2f}{row['policy_j']:10.2f}{row['over_optimum']:8.1%}"
        f"{row['worst_cost_over_limit']:8.3f}{row['due_j']:10.2f}{row['due_over_optimum']:8.1%}"
        f"{row['taught_over_optimum']:8.1%}{row['distilled_over_optimum']:10.1%}"
        f"{row['distilled_worst_cost_over_limit']:8.2f}"
        for row in figures["regimes"]
    ]
    worlds = [*figures["harvest"], *figures["day_night"]]
    if worlds:
        lines.append(
            f"{'world, cost a day (modelled)':38}{'optimum':>10}{'distilled':>10}{'due':>10}{'policy':>10}{'ahead':>8}"
            f"{'of lead':>9}{'taught':>10}"
        )
    lines += [
        f"{row['name']:38}{row['optimum']:10.2f}{row['distilled']:10.2f}{row['due']:10.2f}{row['policy']:10.2f}"
        f"{row['over_due']:8.2%}{row['share_of_lead']:9.0%}{row['taught']:10.2f}"
        for row in worlds
    ]
    flat = {key: value for key, value in figures.items() if isinstance(value, float)}
    lines += ["", *(f"{key:32}  {value:.4f}" for key, value in flat.items())]
    for key in ("over_due_harvest", "over_due_diurnal"):
        low, high = figures.get(f"{key}_interval", (None, None))
        if low is not None:
            lines.append(f"{key + ', 95 % over seeds':32}  {low:.4f} to {high:.4f}")
    return "\n".join(lines)

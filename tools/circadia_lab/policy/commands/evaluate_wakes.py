"""`circadia policy evaluate` where wakes choose their sleep: a policy file against the rule that does what is due.

The rule stands there as it ships, and with the best setting for each preference that a search found on another chance.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.errors import ArtifactError
from circadia_lab.policy.commands.arguments import check_file, refuse, write_whole

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from circadia.policy.artifact import Artifact
    from circadia.policy.prior import PriorSettings
    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.waking import Chooser, Lived, Waking
    from circadia_lab.policy.study.due_search import Found

SHIPPED, SEARCHED = "due, as shipped", "due, searched"
"""The rule's arms; the second is each preference's best setting, of another chance: see `due_search`."""
NOTE = "Each preference is a fleet of its own: as many copies of each device as --copies, and no version but theirs."
QUICK_DAYS, QUICK_COPIES = 0.5, 1
SEEDS = 1


def problem_of_wakes(name: str) -> Problem | None:
    """The problem of that name, if its wakes choose their sleep."""
    from circadia_lab.policy.env.mixture import Mixture, find_worlds

    found = find_worlds(name)
    return None if isinstance(found, Mixture) or found.wake is None else found


def evaluate_wakes(problem: Problem, args: argparse.Namespace) -> int:
    """Play, compare, print; `--json FILE` has it all."""
    from rich.console import Console

    from circadia_lab.policy.commands.bar import Activity
    from circadia_lab.policy.evaluation.waking import lived

    if args.json:
        check_file("--json", args.json, ".json")
    _refuse(problem, args)
    seeds = range(args.seeds or SEEDS)
    found: dict[str, list[Lived]] = {}
    with Activity(Console(stderr=True)) as tell:
        tell(f"{problem.name}: searching the rule's settings", 0.0)
        rule = _searched(problem, args)
        arms = _arms(problem, args, rule)
        for i, (name, arm) in enumerate(arms.items()):
            tell(f"{problem.name}: {name}", i / len(arms))
            found[name] = [lived(problem, arm.choose, _extent(args, seed), prior=arm.prior) for seed in seeds]
    figures = {
        **figures_of(problem, found, args.policy),
        "tried": len(rule.tried),
        "searched_settings": rule.settings,
        "quick": bool(args.quick),
        "note": NOTE,
    }
    if args.json:
        write_whole(args.json, json.dumps(figures, indent=2, allow_nan=False) + "\n")
    print(table(figures))
    return 0


def _extent(args: argparse.Namespace, seed: int) -> Waking:
    from circadia_lab.policy.evaluation.waking import Waking

    usual = Waking()
    return Waking(
        copies=args.copies or (QUICK_COPIES if args.quick else usual.copies),
        days=args.days or (QUICK_DAYS if args.quick else usual.days),
        warm_up_days=0.1 if args.quick else usual.warm_up_days,
        seed=seed,
    )


def _refuse(problem: Problem, args: argparse.Namespace) -> None:
    """`ConfigError` for what is asked for and would not be done."""
    refuse(
        args,
        ("oracle", "all", "others", "steps", "demonstration", "ablate", "arms", "per_preference", "coupling"),
        f"problem {problem.name} is one of chosen wakes, where a policy file and rules are played and nothing is trained",
    )


def _searched(problem: Problem, args: argparse.Namespace) -> Found:
    from circadia_lab.policy.study.due_search import QUICK, SEARCH, grid, searched

    return searched(problem, QUICK if args.quick else SEARCH, grid(quick=args.quick))


class WakeArm(NamedTuple):
    """What plays."""

    choose: Chooser
    prior: PriorSettings | None = None


def _arms(problem: Problem, args: argparse.Namespace, rule: Found) -> dict[str, WakeArm]:
    from circadia_lab.policy.evaluation.waking import by_rule
    from circadia_lab.policy.study.played_rule import PlayedRule

    rules = {
        SHIPPED: WakeArm(by_rule(PlayedRule().choice)),
        SEARCHED: WakeArm(rule.for_each(problem, _extent(args, 0).copies)),
    }
    return rules if args.policy is None else {"policy": arm_of_file(args.policy), **rules}


def arm_of_file(path: Path) -> WakeArm:
    """Both heads of a file as a device computes them; `ArtifactError` for one that this cannot play."""
    import jax.numpy as jnp

    from circadia.actions import NAMES
    from circadia.observation import TABLE
    from circadia.policy.artifact import load_policy
    from circadia.policy.sleeps import SLEEPS
    from circadia_lab.policy.evaluation.waking import by_draws
    from circadia_lab.policy.files.int8_network import int8_scores
    from circadia_lab.policy.files.policy_file import read_heads
    from circadia_lab.policy.study.export import drawing

    artifact = load_policy(path)
    manifest = artifact.manifest
    if manifest.sleeps is None:
        raise ArtifactError(
            f"{path}: a file of format 1 chooses no sleeps; play it in a problem of fixed ticks"
        )
    if manifest.actions != NAMES or manifest.table != TABLE or manifest.sleeps.options != SLEEPS:
        raise ArtifactError(
            f"{path}: is of other actions, features or sleeps than this version's; train it again"
        )
    draw_from = drawing(*read_heads(artifact.model, artifact.name), int8_scores, jnp)
    return WakeArm(by_draws(draw_from), manifest.prior)


def figures_of(problem: Problem, found: dict[str, list[Lived]], path: Path | None) -> dict[str, Any]:
    """Flat heads, then by kind of device and arm. Costs are of the kind, preference and seed that has most of them."""
    from circadia_lab.policy.env.preferences import ANCHORS
    from circadia_lab.policy.evaluation.waking import kind_names

    heads: dict[str, Any] = {"problem": problem.name}
    for name, arm in (("", "policy"), ("shipped_due_", SHIPPED), ("searched_due_", SEARCHED)):
        if arm in found:
            heads |= {f"{name}{key}": value for key, value in _heads(found[arm], ANCHORS).items()}
    if path is not None:
        heads |= _of_8_bits(path)
        for arm, rule in (("shipped_due", SHIPPED), ("searched_due", SEARCHED)):
            heads |= _against(found["policy"], found[rule], ANCHORS, arm)
    devices = {
        kind: {name: _mean([lives.as_dict(i) for lives in each]) for name, each in found.items()}
        for i, kind in enumerate(kind_names(problem))
    }
    return {
        **heads,
        "devices": devices,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def _heads(lives: list[Lived], preferences: Any) -> dict[str, float]:
    return {
        "utility": float(np.mean([life.utility(preferences).mean() for life in lives])),
        "violating_fraction": max(float((life.worst > 1).mean(-1).max()) for life in lives),
        "worst_cost_over_limit": max(float(life.worst.max()) for life in lives),
    }


def _of_8_bits(path: Path) -> dict[str, float]:
    """As its maker found it on the same chance, of both heads."""
    from circadia.policy.artifact import load_policy

    artifact: Artifact = load_policy(path)
    made = artifact.manifest.made
    if not {"utility_float", "utility_int8", "violations_float", "violations_int8"} <= made.keys():
        return {}
    before = float(made["utility_float"])
    return {
        "int8_loss": (before - float(made["utility_int8"])) / max(abs(before), 1e-9),
        "int8_added_violations": max(float(made["violations_int8"]) - float(made["violations_float"]), 0.0),
    }


def _against(ours: list[Lived], rule: list[Lived], preferences: Any, name: str) -> dict[str, float]:
    """Of the policy against a rule: pooled over kinds of device, seeds and preferences alike."""
    ahead = [
        a.utility(preferences).mean() - b.utility(preferences).mean() for a, b in zip(ours, rule, strict=True)
    ]
    joules = [
        a.joules.mean((0, 1)) / np.maximum(b.joules.mean((0, 1)), 1e-9)
        for a, b in zip(ours, rule, strict=True)
    ]
    agent, device, _, battery = np.mean(joules, 0).tolist()
    return {
        f"utility_ahead_of_{name}": float(np.mean(ahead)),
        f"agent_j_over_{name}": agent,
        f"device_j_over_{name}": device,
        f"battery_j_over_{name}": battery,
    }


def _mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the seeds; the worst stays the worst."""
    found: dict[str, Any] = {}
    for key, first in rows[0].items():
        values = [row[key] for row in rows]
        if isinstance(first, dict):
            pick = max if key.startswith("worst") else lambda each: float(np.mean(each))
            found[key] = {name: pick([value[name] for value in values]) for name in first}
        else:
            found[key] = max(values) if key == "violating_fraction" else float(np.mean(values))
    return found


def table(figures: dict[str, Any]) -> str:
    """A line for each kind of device and arm; simulated."""
    lines = [
        f"simulated; {NOTE}",
        (
            f"{'kind of device, arm':44}{'accuracy':>9}{'latency':>9}{'energy':>8}{'agent':>9}{'device':>9}{'battery':>9}"
            f"{'wakes':>7}{'expired':>9}{'model':>7}{'data':>7}{'broken':>8}"
        ),
        f"{'':44}{'':26}{'J a day':>27}{'a day':>7}{'worst of the preferences, × limit':>23}",
    ]
    for device, arms in figures["devices"].items():
        lines.append(device)
        for name, row in arms.items():
            joules = "".join(
                f"{row[f'{key}_a_day']:9.1f}" for key in ("agent_j", "device_j", "device_battery_j")
            )
            worst = row["worst_costs_over_limit"]
            lines.append(
                f"  {name:42}{row['accuracy']:9.4f}{row['latency']:9.4f}{row['energy']:8.4f}{joules}"
                f"{row['wakes_a_day']:7.1f}{worst['expired']:9.2f}{worst['model_age']:7.2f}{worst['data_age']:7.2f}"
                f"{row['violating_fraction']:8.0%}"
            )
    flat = {
        key: value for key, value in figures.items() if key != "note" and not isinstance(value, dict | list)
    }
    width = max(map(len, flat))
    lines += [
        "",
        *(
            f"{key:{width}}  {value:.4f}" if isinstance(value, float) else f"{key:{width}}  {value}"
            for key, value in flat.items()
        ),
    ]
    return "\n".join(lines)

"""`circadia policy evaluate` where wakes choose their sleep: a policy file against the rule that does what is due."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError, ConfigError
from circadia_lab.policy.commands.arguments import check_file, write_whole

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from circadia.policy.artifact import Artifact
    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.waking import Chooser, Lived, Waking

WITHIN_S = (0.0, 900.0, 3600.0, 7200.0)
"""How far ahead the rule may do things: the settings that are tried."""
QUICK_DAYS, QUICK_COPIES = 0.5, 1
SEEDS = 1


def problem_of_wakes(name: str) -> Problem | None:
    """The problem of that name, if its wakes choose their sleep."""
    from circadia_lab.policy.env.mixture import find_worlds, worlds_of

    found = find_worlds(name)
    chosen = [world for world in worlds_of(found) if world.wake is not None]
    if chosen and len(worlds_of(found)) > 1:
        raise ConfigError(
            f"{name}: a mixture of problems cannot be evaluated whose wakes are chosen; name them one by one"
        )
    return chosen[0] if chosen else None


def evaluate_wakes(problem: Problem, args: argparse.Namespace) -> int:
    """Play, compare, print; `--json FILE` has it all."""
    from rich.console import Console

    from circadia_lab.policy.commands.bar import Activity

    if args.json:
        check_file("--json", args.json, ".json")
    arms = _arms(args.policy)
    seeds = range(args.seeds or SEEDS)
    found: dict[str, list[Lived]] = {}
    with Activity(Console(stderr=True)) as tell:
        for i, (name, choose) in enumerate(arms.items()):
            tell(f"{problem.name}: {name}", i / len(arms))
            found[name] = [_played(problem, choose, args, seed) for seed in seeds]
    figures = figures_of(problem, found, args.policy)
    if args.json:
        write_whole(args.json, json.dumps(figures, indent=2, allow_nan=False) + "\n")
    print(table(figures))
    return 0


def _played(problem: Problem, choose: Chooser, args: argparse.Namespace, seed: int) -> Lived:
    from circadia_lab.policy.evaluation.waking import lived

    return lived(problem, choose, _extent(args, seed))


def _extent(args: argparse.Namespace, seed: int) -> Waking:
    from circadia_lab.policy.evaluation.waking import Waking

    usual = Waking()
    return Waking(
        copies=args.copies or (QUICK_COPIES if args.quick else usual.copies),
        days=args.days or (QUICK_DAYS if args.quick else usual.days),
        warm_up_days=0.1 if args.quick else usual.warm_up_days,
        seed=seed,
    )


def _arms(path: Path | None) -> dict[str, Chooser]:
    from circadia.policy.due_rule import DueRule, DueSettings
    from circadia_lab.policy.evaluation.waking import by_draws, by_rule
    from circadia_lab.policy.study.teacher import RuleTeacher

    rules = {"due, as shipped": by_rule(RuleTeacher().choice)}
    for within in WITHIN_S:
        rule = DueRule(DueSettings(within_s=within, charging_within_s=within))
        rules[f"due, {within / 60:g} min ahead"] = by_rule(RuleTeacher(rule).choice)
    return rules if path is None else {"policy": by_draws(_of_file(path)), **rules}


def _of_file(path: Path) -> Any:
    """Both heads of a file as a device computes them; `ArtifactError` for one that this cannot play."""
    import jax.numpy as jnp

    from circadia.actions import NAMES
    from circadia.observation import TABLE
    from circadia.policy.artifact import load_policy
    from circadia.policy.sleeps import SLEEPS
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
    return drawing(*read_heads(artifact.model, artifact.name), int8_scores, jnp)


def figures_of(problem: Problem, found: dict[str, list[Lived]], path: Path | None) -> dict[str, Any]:
    """Flat heads, then by kind of device and arm. Costs are of the kind, preference and seed that has most of them."""
    from circadia_lab.policy.env.preferences import ANCHORS

    rules = {name: lives for name, lives in found.items() if name != "policy"}
    best = min(rules, key=lambda name: _order(rules[name], ANCHORS))
    heads: dict[str, Any] = {"problem": problem.name, "best_rule": best}
    for name, lives in (("", found.get("policy")), ("rule_", found[best])):
        if lives is not None:
            heads |= {f"{name}{key}": value for key, value in _heads(lives, ANCHORS).items()}
    if path is not None:
        heads |= _of_8_bits(path)
        heads |= _against(found["policy"], found[best], ANCHORS)
    devices = {
        device.name: {name: _mean([lives.as_dict(i) for lives in each]) for name, each in found.items()}
        for i, device in enumerate(problem.devices)
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


def _order(lives: list[Lived], preferences: Any) -> tuple[float, float]:
    """Fewer preferences beyond limits first, then utility."""
    heads = _heads(lives, preferences)
    return (heads["violating_fraction"], -heads["utility"])


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


def _against(ours: list[Lived], rule: list[Lived], preferences: Any) -> dict[str, float]:
    """Of the policy against the best rule: pooled over kinds of device, seeds and preferences alike."""
    ahead = [
        a.utility(preferences).mean() - b.utility(preferences).mean() for a, b in zip(ours, rule, strict=True)
    ]
    joules = [
        a.joules.mean((0, 1)) / np.maximum(b.joules.mean((0, 1)), 1e-9)
        for a, b in zip(ours, rule, strict=True)
    ]
    agent, device, _, battery = np.mean(joules, 0).tolist()
    return {
        "utility_ahead_of_rule": float(np.mean(ahead)),
        "agent_j_over_rule": agent,
        "device_j_over_rule": device,
        "battery_j_over_rule": battery,
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
        (
            f"{'kind of device, arm':44}{'accuracy':>9}{'latency':>9}{'energy':>8}{'agent':>9}{'device':>9}{'battery':>9}"
            f"{'wakes':>7}{'expired':>9}{'model':>7}{'data':>7}{'broken':>8}"
        ),
        f"{'simulated':44}{'':26}{'J a day':>27}{'a day':>7}{'worst of the preferences, × limit':>23}",
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
    flat = {key: value for key, value in figures.items() if not isinstance(value, dict)}
    width = max(map(len, flat))
    lines += [
        "",
        *(
            f"{key:{width}}  {value:.4f}" if isinstance(value, float) else f"{key:{width}}  {value}"
            for key, value in flat.items()
        ),
    ]
    return "\n".join(lines)

"""`circadia policy evaluate`: what the policy is worth, against rules, its own variants and a certified optimum."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import platform
import shlex
import sys
import time
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_lab.policy.commands.arguments import (
    DEFAULT_GRID,
    DEFAULT_PROBLEM,
    check_file,
    check_folder,
    write_whole,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from rich.console import Console

    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.arm import Conditions
    from circadia_lab.policy.evaluation.evaluation import Evaluation, Scenario
    from circadia_lab.policy.evaluation.oracle_figures import OracleFigures
    from circadia_lab.policy.evaluation.scorers import Scorer
    from circadia_lab.policy.study.contestants import Contestant
    from circadia_lab.policy.study.extent import Extent
    from circadia_lab.policy.study.ground import Ground
    from circadia_lab.policy.study.study import Study
    from circadia_lab.policy.study.training_file import Training

OTHERS = ("unseen", "october")
"""Problems that nothing is trained in: other phones, and another month's record."""
PACKAGES = ("circadia", "jax", "numpy", "scipy")
BALANCED = (1 / 3, 1 / 3, 1 / 3)
QUICK_NOTE = "This was a quick run: too little of everything for its figures to mean anything."


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "evaluate", help="hold policies against rules and a certified optimum", description=__doc__
    )
    parser.add_argument(
        "policy", nargs="?", type=Path, metavar="POLICY.tflite", help="this one, instead of training some"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--oracle",
        nargs="?",
        const=DEFAULT_GRID,
        metavar="GRID",
        help="on a grid problem against its certified optimum (without GRID: phone)",
    )
    what.add_argument(
        "--wake",
        nargs="*",
        metavar="WORLD",
        help="where wakes are chosen and the optimum is exact: train in each of these and compare (default: all)",
    )
    what.add_argument("--all", action="store_true", help="both, on one page")
    parser.add_argument(
        "--problem",
        default=DEFAULT_PROBLEM,
        metavar="NAME|FILE",
        help="what is trained in, or a file evaluated in: a problem or a mixture of them (default: mixture)",
    )
    parser.add_argument(
        "--others",
        nargs="*",
        metavar="NAME|FILE",
        help=f"problems that training does not see (default: {' '.join(OTHERS)})",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="trainings of each arm (default 5; where wakes are chosen 1, but in a world with a day in it 5)",
    )
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="of each training (default: the trainer's)",
    )
    parser.add_argument(
        "--arms",
        nargs="+",
        metavar="ARM",
        help="what is trained in full problems beside the coupled policy (default: separate unconstrained); --arms coupled: nothing",
    )
    parser.add_argument(
        "--copies", type=int, metavar="N", help="of each device (default 32; where wakes are chosen 8)"
    )
    parser.add_argument("--days", type=float, metavar="D", help="that count (default 4)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="so little of everything that the figures mean nothing; to see it work",
    )
    parser.add_argument(
        "--run",
        dest="demonstration",
        type=Path,
        metavar="SUMMARY.json",
        help="also hold the simulator against this run (circadia demo --json)",
    )
    parser.add_argument(
        "--per-preference",
        action="store_true",
        help="with --oracle: also PPO-Lagrangian with a network for each preference, all of them at the ticks of the one",
    )
    parser.add_argument(
        "--ablate", action="store_true", help="also train without each of the trainer's parts in turn: hours"
    )
    parser.add_argument("--coupling", action="store_true", help="also what coupling is worth by the optimum")
    parser.add_argument(
        "--keep",
        type=Path,
        default=Path("trainings"),
        metavar="FOLDER",
        help="trainings and optima; what is there is not made again (default: trainings)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("evaluation"),
        metavar="FOLDER",
        help="evaluation.html, evaluation.json and the pictures (default: evaluation)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="the flat figures there as well")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train what is missing, play, compare, write. Ctrl-C loses nothing that is in `--keep`."""
    from circadia_lab.policy.commands.evaluate_wakes import evaluate_wakes, problem_of_wakes
    from circadia_lab.policy.commands.evaluate_worlds import evaluate_worlds

    extent = extent_of(args)
    if args.wake is not None:
        return evaluate_worlds(args)
    if (problem := problem_of_wakes(args.problem)) is not None:
        return evaluate_wakes(problem, args)
    from rich.console import Console

    from circadia_lab.policy.evaluation.page import write_page
    from circadia_lab.policy.evaluation.pictures.album import write_pngs
    from circadia_lab.policy.evaluation.result import summary, write_summary

    _check(args)
    console = Console(stderr=True)
    evaluation = _evaluation(console, args, extent)
    write_summary(evaluation, args.out / "evaluation.json")
    write_pngs(evaluation, args.out)
    write_page(evaluation, args.out / "evaluation.html")
    figures = summary(evaluation)
    if args.json:
        write_whole(args.json, json.dumps(figures, indent=2, allow_nan=False) + "\n")
    width = max(map(len, figures))
    print("\n".join(f"{name:{width}}  {_text(value)}" for name, value in figures.items()))
    print(f"\n{args.out / 'evaluation.html'}: tables, pictures and method")
    return 0


def extent_of(args: argparse.Namespace) -> Extent:
    """What was asked for; `ConfigError` for what cannot be."""
    from circadia_lab.policy.study.extent import QUICK, WHOLE

    names = ("seeds", "steps", "copies", "days")
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    for name, value in given.items():
        if not 0 < value < math.inf:
            raise ConfigError(f"--{name} {value:g}: must be above 0")
    extent = QUICK if args.quick else WHOLE
    if "steps" in given:
        given["trainer"] = {**extent.trainer, "steps": given.pop("steps")}
    return replace(extent, **given)


def _check(args: argparse.Namespace) -> None:
    if args.ablate and (args.policy or args.oracle):
        raise ConfigError("--ablate: trains anew, in full problems; leave out the policy file and --oracle")
    if args.policy and (args.oracle or args.all):
        raise ConfigError(
            f"{args.policy}: a file is played in full problems only; leave out --oracle and --all, which train anew"
        )
    if args.demonstration and args.oracle:
        raise ConfigError("--run: a run is of full devices; leave out --oracle")
    if args.per_preference and not (args.oracle or args.all):
        raise ConfigError("--per-preference: a rival on a grid; give --oracle as well")
    _check_inputs(args)
    if args.json:
        check_file("--json", args.json, ".json")
    check_folder("--keep", args.keep)
    check_folder("--out", args.out)


def _check_inputs(args: argparse.Namespace) -> None:
    """What is read, before anything is made."""
    from circadia_lab.policy.env.mixture import find_worlds
    from circadia_lab.policy.env.problem import check_fixed, find_problem
    from circadia_lab.policy.evaluation.foretold import read_run
    from circadia_lab.policy.evaluation.scorers import of_file
    from circadia_lab.policy.oracle.grids import grid_named

    find_worlds(args.problem)
    _check_arms(args)
    for name in args.others or ():
        check_fixed(find_problem(name))
    if args.oracle:
        grid_named(args.oracle)
    if args.policy:
        of_file(args.policy)
    if args.demonstration:
        read_run(args.demonstration)


def _check_arms(args: argparse.Namespace) -> None:
    from circadia_lab.policy.study.study import ABLATIONS, ARMS

    if args.arms is None:
        return
    if args.policy or args.oracle:
        raise ConfigError("--arms: trains anew, in full problems; leave out the policy file and --oracle")
    if unknown := [arm for arm in args.arms if arm not in (*ARMS, *ABLATIONS)]:
        raise ConfigError(f"--arms {unknown[0]}: there are {', '.join((*ARMS, *ABLATIONS))}")


def _evaluation(console: Console, args: argparse.Namespace, extent: Extent) -> Evaluation:
    from circadia_lab.policy.evaluation.evaluation import Evaluation

    start_s = time.monotonic()
    oracle = _oracle(console, args, extent) if args.oracle or args.all else None
    parts: dict[str, Any] = {} if args.oracle else _full(console, args, extent)
    return Evaluation(
        scenarios=parts.pop("scenarios", ()),
        oracle=oracle,
        conditions=_conditions(extent),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        date=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        commands=(shlex.join(["circadia", *sys.argv[1:]]),),
        seconds=time.monotonic() - start_s,
        notes=(*((QUICK_NOTE,) if args.quick else ()), *((_of_file(args.policy),) if args.policy else ())),
        trained_here=not args.policy,
        versions={"Python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        **parts,
    )


def _of_file(path: Path) -> str:
    """Where a file says that it was trained, which need not be where it is evaluated."""
    from circadia.policy.artifact import load_policy

    made = load_policy(path).manifest.made.get("problem", "a problem that it does not name")
    return (
        f"{path.name} was trained in {made}, by its manifest; here it is evaluated, and “not seen in training” is said of what "
        "--others names."
    )


def _conditions(extent: Extent) -> Conditions:
    from circadia_lab.policy.evaluation.arm import Conditions

    return Conditions(per_device=extent.copies, days=extent.days, warm_up_days=extent.warm_up_days)


def _search(extent: Extent) -> Conditions:
    from circadia_lab.policy.evaluation.search import SEARCH

    return replace(SEARCH, per_device=extent.search_copies, days=extent.search_days)


def _oracle(console: Console, args: argparse.Namespace, extent: Extent) -> OracleFigures:
    from circadia_lab.policy.commands.bar import Activity
    from circadia_lab.policy.oracle.grids import grid_named
    from circadia_lab.policy.study.certified import certified
    from circadia_lab.policy.study.ground import GridGround
    from circadia_lab.policy.study.per_preference import exact_alone

    ground = GridGround(grid_named(args.oracle or DEFAULT_GRID))
    study = _study(args.keep, extent, ground)
    trainings = _trainings(console, study, extent.seeds, ("coupled",))["coupled"]
    with Activity(console) as tell:
        alone = [
            exact_alone(study, seed, partial(tell, f"one network a preference, seed {seed}"))
            for seed in range(extent.seeds if args.per_preference else 0)
        ]
        return certified(
            trainings,
            ground,
            alone=alone,
            folder=args.keep,
            worth=args.coupling,
            lessons=extent.lessons,
            tell=tell,
        )


def _full(console: Console, args: argparse.Namespace, extent: Extent) -> dict[str, Any]:
    """The parts of an `Evaluation` that come from full problems."""
    from circadia_lab.policy.commands.bar import Activity
    from circadia_lab.policy.env.mixture import find_worlds, worlds_of
    from circadia_lab.policy.env.problem import find_problem
    from circadia_lab.policy.evaluation.curve import curve_of
    from circadia_lab.policy.evaluation.foretold import foretell, not_foretold, read_run
    from circadia_lab.policy.study.contestants import contestants, of_policy_file
    from circadia_lab.policy.study.ground import FullGround

    run = read_run(args.demonstration) if args.demonstration else None
    trained_in = find_worlds(args.problem)
    worlds = worlds_of(trained_in)
    others = [find_problem(name) for name in (OTHERS if args.others is None else args.others)]
    trainings: dict[str, list[Training]] = {}
    if args.policy:
        found: tuple[Contestant, ...] = (of_policy_file(args.policy),)
    else:
        ground = FullGround(trained_in)
        trainings = _trainings(console, _study(args.keep, extent, ground), extent.seeds, _arms(args))
        with console.status("putting the policies into 8 bits …"):
            found = contestants(trainings, ground)
    with Activity(console) as tell:
        scenarios = tuple(
            _scenario(each, found, (_conditions(extent), _search(extent)), tell, unseen=each not in worlds)
            for each in (*worlds, *(other for other in others if other.name not in {w.name for w in worlds}))
        )
        told = foretell(run, copies=_conditions(extent).per_device, tell=tell) if run else ()
    return {
        "scenarios": scenarios,
        "foretold": told,
        "not_foretold": not_foretold(run) if run else {},
        "curves": tuple(
            curve_of(arm, training.seed, training.history)
            for arm, rows in trainings.items()
            for training in rows
        ),
        **_looks(worlds[0], found[0].scorers[0]),
    }


def _arms(args: argparse.Namespace) -> tuple[str, ...]:
    """The coupled policy first."""
    from circadia_lab.policy.evaluation.evaluation import OURS
    from circadia_lab.policy.study.study import ABLATIONS, ARMS

    asked = [*(ARMS if args.arms is None else args.arms), *(ABLATIONS if args.ablate else ())]
    return tuple(dict.fromkeys([OURS, *asked]))


def _study(folder: Path, extent: Extent, ground: Ground) -> Study:
    from circadia_lab.policy.study.study import Study

    return Study(folder, ground, replace(ground.config, **extent.trainer), batch=extent.batch)


def _trainings(
    console: Console, study: Study, seeds: int, arms: tuple[str, ...]
) -> dict[str, list[Training]]:
    from circadia_lab.policy.cmoppo.progress import ProgressView

    found: dict[str, list[Training]] = {arm: [] for arm in arms}
    for seed in range(seeds):
        for arm in arms:
            if study.missing(arm, seed):
                with ProgressView(console, f"{study.ground.name}: {arm}, seed {seed}") as view:
                    found[arm].append(study.trained(arm, seed, on_progress=view))
            else:
                found[arm].append(study.trained(arm, seed))
    return found


def _scenario(
    problem: Problem,
    found: tuple[Contestant, ...],
    conditions: tuple[Conditions, Conditions],
    tell: Callable[[str, float], None],
    *,
    unseen: bool,
) -> Scenario:
    from circadia_lab.policy.evaluation.baselines import baselines
    from circadia_lab.policy.evaluation.evaluation import Scenario

    def told(name: str) -> Callable[[float], None]:
        return lambda share: tell(f"{problem.name}: {name}", share)

    playing, search = conditions
    played = [each.play(problem, playing, told(each.name)) for each in found]
    rules = baselines(
        problem, playing, search=search, progress=lambda share, what: tell(f"{problem.name}: {what}", share)
    )
    devices = tuple(device.name for device in problem.devices)
    return Scenario(
        name=problem.name, devices=devices, arms=(*played, *rules.arms), unseen=unseen, binding=rules.binding
    )


def _looks(problem: Problem, scorer: Scorer) -> dict[str, Any]:
    """A day and the maps of the first policy, and the same day under the gate of today's phones."""
    from circadia.policy.rules import ChargingOnlyRule
    from circadia_lab.policy.evaluation.action_map import battery_and_staleness, queue_and_fresh
    from circadia_lab.policy.evaluation.day import record_day
    from circadia_lab.policy.evaluation.evaluation import OURS
    from circadia_lab.policy.evaluation.scorers import of_rule

    rivals = ((OURS, scorer), ("charging-only", of_rule(ChargingOnlyRule())))
    return {
        "action_maps": (*battery_and_staleness(scorer, OURS), *queue_and_fresh(scorer, OURS)),
        "days": tuple(record_day(problem, played, BALANCED, name=name) for name, played in rivals),
    }


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) and abs(value) < 1e4 else str(value)

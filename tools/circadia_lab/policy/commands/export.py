"""`circadia policy export`: a training's network as a policy file in 8 bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia_lab.policy.commands.arguments import DEFAULT_GRID, add_seed, check_file, check_seed

if TYPE_CHECKING:
    import argparse

    from circadia_lab.policy.study.ground import Ground
    from circadia_lab.policy.study.training_file import Training

COPIES = 32
"""Devices for each anchor of the comparison."""
GRID = "grid-"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("export", help="write a training as a policy file", description=__doc__)
    parser.add_argument("training", type=Path, metavar="RUN.npz", help="written by train or evaluate")
    parser.add_argument("out", type=Path, metavar="OUT.tflite")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--problem", metavar="NAME|FILE", help="its days set the ranges (default: the training's)"
    )
    which.add_argument("--grid", nargs="?", const=DEFAULT_GRID, metavar="NAME", help="the same of a grid")
    add_seed(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read, meet the environment, quantise, compare, write."""
    from rich.console import Console

    from circadia_lab.policy.env.preferences import ANCHORS
    from circadia_lab.policy.study.export import export
    from circadia_lab.policy.study.training_file import read_training

    check_seed(args.seed)
    check_file("OUT", args.out, ".tflite")
    training = read_training(args.training)
    layers = training.layers_of_one_network
    ground = ground_for(args, training)
    with Console(stderr=True).status(f"meeting the days of {ground.name} …"):
        environment = ground.environment(ground.batch(len(ANCHORS) * COPIES, len(ANCHORS)))
        exported = export(
            layers,
            environment,
            args.out,
            made=training.made(),
            seed=args.seed,
            sleeps=training.sleep_layers,
        )
    fidelity = exported.fidelity.as_dict()
    if args.json:
        print(json.dumps({"policy": str(args.out), **fidelity}, indent=2))
        return 0
    print(f"{args.out} and {args.out.with_suffix('.json').name}: loaded back, every vector checked")
    width = max(map(len, fidelity))
    for name, value in fidelity.items():
        text = ", ".join(f"{k} {v:g}" for k, v in value.items()) if isinstance(value, dict) else f"{value:g}"
        print(f"{name:{width}}  {text}")
    return 0


def ground_for(args: argparse.Namespace, training: Training) -> Ground:
    """Of the arguments, else the training's own; `ConfigError` if that one is not what it was."""
    from circadia_lab.policy.env.mixture import find_worlds, shipped_mixtures
    from circadia_lab.policy.env.problem import shipped_problems, shipped_wakes
    from circadia_lab.policy.oracle.grids import GRIDS, grid_named
    from circadia_lab.policy.study.ground import FullGround, GridGround

    if args.grid:
        return GridGround(grid_named(args.grid))
    if args.problem:
        return FullGround(find_worlds(args.problem))
    name = training.problem
    ground: Ground | None = None
    if name.startswith(GRID) and name.removeprefix(GRID) in GRIDS:
        ground = GridGround(grid_named(name.removeprefix(GRID)))
    elif name in (*shipped_mixtures(), *shipped_problems(), *shipped_wakes()):
        ground = FullGround(find_worlds(name))
    if ground is None or ground.digest != training.problem_digest:
        raise ConfigError(
            f"{args.training}: was trained on {name!r}, which is not what is shipped under that name today; "
            "name the problem with --problem or --grid"
        )
    return ground

"""`circadia task make`: a task out of your own model, on a workstation. `circadia task check`: whether one fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import PlatformUnavailable

if TYPE_CHECKING:
    import argparse

MAKERS = "circadia.task.makers"
"""The entry-point group of what makes tasks: functions of the parsed arguments to an exit code."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "task", help="your own model: make a task of it, check one", description=__doc__
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add_make(actions)
    _add_check(actions)


def _add_make(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "make",
        help="a task out of a Keras model or a tf.Module (needs TensorFlow)",
        description="Writes NAME.tflite with the signatures train, infer and evaluate, NAME.npz with the weights as they "
        "are, and the manifest NAME.toml with test vectors. See docs/reference/task.md.",
    )
    parser.add_argument(
        "source",
        metavar="KERAS_OR_PYTHON",
        help="a .keras or .h5 file, or FILE.py:FUNCTION that returns a Keras model or a tf.Module",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the three files")
    parser.add_argument(
        "--labels",
        required=True,
        metavar="A,B,…|FILE",
        help="in the order of the outputs; a file: one a line",
    )
    parser.add_argument("--name", default="", help="default: the source's")
    parser.add_argument(
        "--head", action="store_true", help="train the last layer alone; all before it stays as it is"
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=0.05,
        metavar="R",
        help="of a device's steps (default: %(default)s)",
    )
    parser.add_argument(
        "--train-batch", type=int, default=16, metavar="N", help="rows of a step (default: %(default)s)"
    )
    parser.add_argument("--infer-batch", type=int, default=32, metavar="N", help="default: %(default)s")
    parser.add_argument("--evaluate-batch", type=int, default=64, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--input-shape", default="", metavar="N,N,…", help="of one x, where the model leaves it open"
    )
    parser.add_argument(
        "--scaling",
        default="",
        metavar="TEXT",
        help="in words: how raw data become x; a part of the identity",
    )
    parser.add_argument("--python", default="", metavar="PATH", help="an interpreter that has TensorFlow")
    parser.set_defaults(run=_make)


def _add_check(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "check",
        help="what of a task, and of examples, does not fit, and by how much",
        description="Batches, parameters, labels, types, test vectors; with --data also whether it learns. Exit code 1 when "
        "something does not fit.",
    )
    parser.add_argument("task", metavar="TASK.toml", help="a manifest, or the name of a shipped task")
    parser.add_argument("--data", type=Path, metavar="FILE.npz", help="examples: arrays x and y")
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.set_defaults(run=_check)


def _make(args: argparse.Namespace) -> int:
    from circadia.plugs import load, points_of

    points = list(points_of(MAKERS))
    if not points:
        raise PlatformUnavailable(
            "circadia task make comes with the workbench, on a workstation: pip install './tools[tensorflow]' in a checkout"
        )
    made: int = load(points[0])(args)
    return made


def _check(args: argparse.Namespace) -> int:
    import dataclasses
    import json

    from circadia.learning.task_check import check_task

    found = check_task(args.task, args.data)
    for one in found:
        if args.json:
            print(json.dumps(dataclasses.asdict(one), ensure_ascii=False))
        else:
            print(f"{'ok  ' if one.fits else 'NOT '} {one.what:12} {one.detail}")
    wrong = sum(not one.fits for one in found)
    if not args.json:
        print(f"{args.task}: {f'{wrong} do not fit' if wrong else 'all fits'}")
    return 1 if wrong else 0

"""`circadia model export`: what a device has learned, as a plain .tflite file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import ConfigError, NothingStored

if TYPE_CHECKING:
    import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("model", help="what a device has learned", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    export = commands.add_parser(
        "export",
        help="the learned model as a plain .tflite",
        description="Write the weights in a device's store, which may run meanwhile, as a plain .tflite: one input, "
        "one output, no signatures.",
    )
    export.add_argument("store", type=Path, metavar="STORE", help="the device's store")
    export.add_argument(
        "--task",
        default="digits",
        metavar="TASK",
        help="a task's manifest, or the name of a shipped one (%(default)s)",
    )
    export.add_argument("--out", type=Path, required=True, metavar="FILE.tflite")
    export.set_defaults(run=run_export)


def run_export(args: argparse.Namespace) -> int:
    """Write the file, tried before."""
    from circadia.learning.plain import plain_model
    from circadia.learning.task_file import load_task
    from circadia.store.reading import StoreReader
    from circadia.writing import whole_file

    task = load_task(args.task)
    with StoreReader(args.store) as store:
        model, kept = store.model(), store.task()
    if kept is not None and (what := kept.differences(task.identity)):
        raise ConfigError(f"{args.store}: belongs to another task: {what}; name its own by --task")
    if model is None:
        raise NothingStored(f"{args.store}: holds no weights yet: the device has learned nothing so far")
    plain = plain_model(task, model.answering)
    with whole_file(args.out) as file:
        file.write(plain)
    shape = ", ".join(map(str, (task.infer_batch, *task.input_shape)))
    print(
        f"{args.out}: {len(plain):,} bytes, version {model.version}; float32 ({shape}) → probabilities "
        f"({task.infer_batch}, {len(task.labels)}) of {', '.join(task.labels)}"
    )
    return 0

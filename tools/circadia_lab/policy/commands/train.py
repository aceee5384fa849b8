"""`circadia policy train`: C-MOPPO on a problem, then the policy file."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_lab.policy.commands.arguments import add_ground, add_seed, check_file, check_seed, ground_of

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.trained import Trained
    from circadia_lab.policy.study.export import Exported
    from circadia_lab.policy.study.ground import Ground

PRIORS = ("due", "none")
WAKES, WAKE_COPIES = 400, 8
"""Of the comparison after training where a wake is as long as many ticks."""
EXPORT_COPIES = 32
"""Devices for each anchor of the comparison after training."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("train", help="train a policy for every preference", description=__doc__)
    add_ground(parser)
    add_seed(parser)
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="ticks of all devices together (default: the trainer's, some millions)",
    )
    parser.add_argument(
        "--prior",
        choices=PRIORS,
        help="what a policy that chooses its sleeps corrects (default: due, the rule that does what is due)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("policy.tflite"),
        metavar="FILE.tflite",
        help="with .json, .npz and a curve",
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE.npz", help="kept every few seconds (default: beside --out)"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output at the end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, export, write the learning curve. Ctrl-C leaves the last checkpoint."""
    from rich.console import Console

    checkpoint = checkpoint_of(args)
    _check(args, checkpoint)
    ground = ground_of(args)
    config = config_of(ground, args.steps)
    console = Console(stderr=True)
    if args.grid:
        _check_feasible(ground)
    try:
        found = _train(console, ground, config, args, checkpoint)
    except KeyboardInterrupt:
        console.print(interrupted(args, checkpoint), soft_wrap=True)
        raise
    exported = _write(console, ground, found, args)
    if args.checkpoint is None:
        checkpoint.unlink(missing_ok=True)
    _report(console, found, exported, args)
    return 0


def config_of(ground: Ground, steps: int | None) -> Config:
    """The trainer's numbers for that ground, with a checkpoint at every report."""
    config = replace(ground.config, checkpoint_every=1)
    return config if steps is None else replace(config, steps=steps)


def checkpoint_of(args: argparse.Namespace) -> Path:
    """Where the training is kept while it goes on."""
    path: Path | None = args.checkpoint
    return path or args.out.with_suffix(".checkpoint.npz")


def _check(args: argparse.Namespace, checkpoint: Path) -> None:
    check_seed(args.seed)
    check_file("--out", args.out, ".tflite")
    check_file("--checkpoint", checkpoint, ".npz")
    if checkpoint.exists() and not args.resume:
        raise ConfigError(
            f"{checkpoint}: a training was interrupted here; add --resume to go on, or remove it"
        )


def _check_feasible(ground: Ground) -> None:
    """`InfeasibleProblem` before anything is trained for limits that nobody can keep."""
    from circadia_lab.policy.oracle.columns import Pool, make_feasible
    from circadia_lab.policy.study.ground import GridGround

    if isinstance(ground, GridGround):
        make_feasible(Pool(chain=ground.grid.chain))


def _train(
    console: Console, ground: Ground, config: Config, args: argparse.Namespace, checkpoint: Path
) -> Trained:
    from circadia_lab.policy.cmoppo.progress import ProgressView
    from circadia_lab.policy.cmoppo.train import train
    from circadia_lab.policy.study.ground import BATCH

    environment = ground.environment(ground.batch(BATCH, config.minibatches))
    with ProgressView(console, f"training on {ground.name}") as view:
        return train(
            environment,
            config,
            args.seed,
            on_progress=view,
            checkpoint=checkpoint,
            resume=args.resume,
        )


def interrupted(args: argparse.Namespace, checkpoint: Path) -> str:
    """What to do after Ctrl-C."""
    if not checkpoint.exists():
        return "stopped before the first checkpoint; nothing was written"
    return f"stopped; the last checkpoint is {checkpoint}. Go on with:  {shlex.join(command_of(args))}"


def command_of(args: argparse.Namespace) -> list[str]:
    """The words that go on with it."""
    words = ["circadia", "policy", "train"]
    words += ["--grid", args.grid] if args.grid else ["--problem", args.problem]
    for option in ("seed", "steps", "prior", "out", "checkpoint"):
        if (value := getattr(args, option)) is not None:
            words += [f"--{option}", str(value)]
    return [*words, "--resume"]


def _write(console: Console, ground: Ground, found: Trained, args: argparse.Namespace) -> Exported:
    from circadia_lab.policy.commands.curve import draw_curve
    from circadia_lab.policy.env.preferences import ANCHORS
    from circadia_lab.policy.study.export import TICKS, export
    from circadia_lab.policy.study.ground import BATCH
    from circadia_lab.policy.study.study import training_of
    from circadia_lab.policy.study.training_file import write_training

    training = training_of(found, ground, "coupled", ground.batch(BATCH, found.config.minibatches))
    write_training(args.out.with_suffix(".npz"), training)
    with console.status("exporting …"):
        copies = WAKE_COPIES if found.config.sleeps else EXPORT_COPIES
        environment = ground.environment(ground.batch(len(ANCHORS) * copies, len(ANCHORS)))
        exported = export(
            training.layers_of_one_network,
            environment,
            args.out,
            made=training.made(),
            seed=args.seed,
            ticks=WAKES if found.config.sleeps else TICKS,
            sleeps=training.sleep_layers,
        )
        draw_curve(training.history, args.out.with_suffix(".curve.png"))
    return exported


def _report(console: Console, found: Trained, exported: Exported, args: argparse.Namespace) -> None:
    from circadia_lab.policy.env.interface import COSTS, WAKE_COSTS

    if not found.feasible:
        worst = found.judged.worst
        names = WAKE_COSTS if found.config.sleeps else COSTS
        console.print(
            f"[bold]the limits are not kept everywhere[/bold]: the largest of {', '.join(names)} is {worst:.2f} times "
            "its limit; train longer, raise the limits, or ask `circadia policy oracle` whether they can be kept",
            soft_wrap=True,
        )
    summary = summary_of(found, exported, args.out)
    if args.json:
        print(json.dumps(summary, indent=2))
        return
    print(f"{args.out}: {found.steps / 1e6:.1f} M ticks in {found.seconds:.0f} s, utility {summary['utility']:.4f}, "
          f"{summary['feasible_share']:.0%} of the preferences within limits")  # fmt: skip
    fidelity = exported.fidelity
    print(f"in 8 bits: total variation {fidelity.total_variation:.4f}, utility {fidelity.utility_int8:.4f} against "
          f"{fidelity.utility_float:.4f} in floats")  # fmt: skip


def summary_of(found: Trained, exported: Exported, out: Path) -> dict[str, Any]:
    """For `--json`."""
    return {
        "policy": str(out),
        "training": str(out.with_suffix(".npz")),
        "curve": str(out.with_suffix(".curve.png")),
        "steps": found.steps,
        "seconds": found.seconds,
        "steps_per_s": found.steps_per_s,
        "utility": float(found.judged.utility.mean()),
        "worst_violation": found.judged.worst - 1,
        "feasible_share": found.judged.feasible_share,
        "hypervolume": found.judged.hypervolume,
        "int8_loss": exported.fidelity.int8_loss,
        "int8_added_violations": exported.fidelity.int8_added_violations,
        **exported.fidelity.as_dict(),
    }

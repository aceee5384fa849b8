"""`circadia lab calibrate`: a device profile whose figures are those that a meter found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from circadia.energy.work import TaskWork
    from circadia_lab.measure.calibration.material import Material


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("lab", help="calibrate the simulator to measurements", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    calibrate = actions.add_parser(
        "calibrate",
        help="a device profile from a device's measured ticks and a battery's discharge",
        description="Fit a device profile: powers to ticks, the battery to a recording at its leads. "
        "What the material does not tell stays as it was, and is named.",
    )
    calibrate.add_argument(
        "stores",
        type=Path,
        nargs="*",
        metavar="STORE.db",
        help="of devices that had a meter, all of the same kind",
    )
    calibrate.add_argument(
        "--profile",
        required=True,
        help="to begin with: a shipped one, or a file; what was not measured is kept",
    )
    calibrate.add_argument(
        "--out", type=Path, required=True, metavar="PROFILE.toml", help="its name is the profile's"
    )
    calibrate.add_argument(
        "--recording",
        action="append",
        default=[],
        metavar="FILE.cimr[=FROM:TO]",
        help="of a meter at the battery's leads; its state of charge at begin and end, where no store's ticks say it; may be "
        "repeated",
    )
    calibrate.add_argument(
        "--held-out",
        action="append",
        default=[],
        metavar="FILE",
        help="a store, or a recording as above, to judge by (default: the last 30 %% of each store's ticks); may be repeated",
    )
    calibrate.add_argument(
        "--task",
        default="",
        metavar="TASK",
        help="that the stores' devices learned, a shipped one or a manifest: then the profile also says how long its work takes",
    )
    calibrate.add_argument("--html", type=Path, metavar="FILE.html", help="a page with plots")
    calibrate.add_argument("--json", action="store_true", help="one object instead of lines")
    calibrate.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    calibrate.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the profile, print what was found."""
    from circadia.energy.profile_file import dump_profile
    from circadia.wiring import named_profile
    from circadia.writing import whole_text
    from circadia_lab.measure.calibration.calibration import calibrate
    from circadia_lab.measure.calibration.text import as_json, lines, next_command

    _check(args.out, args.html)
    begun = named_profile(args.profile)
    material = _material(args)
    work = _work(args.task, material) if args.task else None
    found = calibrate(material, begun, name=args.out.stem, seed=args.seed, work=work)
    with whole_text(args.out) as file:
        file.write(dump_profile(found.profile))
    if args.html:
        from circadia_lab.measure.calibration.page import write_page

        write_page(found, args.html)
    following = next_command(found, args.out)
    if args.json:
        print(json.dumps(as_json(found) | {"out": str(args.out), "next": following}, allow_nan=False))
        return 0
    for line in lines(found):
        print(line)
    print(f"{args.out}: written" + (f"; {args.html}: the page" if args.html else ""))
    print(f"on a device, name it as platform.profile; to train on it:\n  {following}")
    return 0


def _check(out: Path, html: Path | None) -> None:
    from circadia.errors import ConfigError

    if out.exists():
        raise ConfigError(f"{out}: exists already; a profile is never overwritten, choose another name")
    if out.suffix != ".toml":
        raise ConfigError(f"--out {out}: a profile's name ends in .toml")
    for path in (out, html) if html else (out,):
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"{path}: its folder does not exist; make it first")


def _work(name: str, material: Material) -> TaskWork:
    """`ConfigError` for another task than the stores'."""
    from circadia.energy.work import work_of
    from circadia.errors import ConfigError
    from circadia.learning.task_file import load_task

    task = load_task(name)
    for store in material.stores:
        if store.worked and store.worked.model not in {"", task.digest}:
            raise ConfigError(
                f"--task {name}: {store.name} belongs to another task; name the one that its device learned"
            )
    return work_of(task.name, task.model, task.infer_batch)


def _material(args: argparse.Namespace) -> Material:
    from circadia_lab.measure.calibration.discharge import SUFFIX, RecordingName
    from circadia_lab.measure.calibration.material import Material, read_recording, read_store

    names = [RecordingName.parse(text) for text in args.held_out]
    return Material(
        stores=tuple(map(read_store, args.stores)),
        held_out_stores=tuple(read_store(name.path) for name in names if name.path.suffix != SUFFIX),
        recordings=tuple(read_recording(RecordingName.parse(text)) for text in args.recording),
        held_out_recordings=tuple(read_recording(name) for name in names if name.path.suffix == SUFFIX),
    )

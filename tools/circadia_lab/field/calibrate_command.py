"""`circadia lab calibrate STORE`: a device profile whose powers are those that a meter found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("lab", help="calibrate the simulator to measurements", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    calibrate = actions.add_parser("calibrate", help="a device profile from a device's measured ticks")
    calibrate.add_argument("store", type=Path, metavar="STORE.db", help="of a device that had a meter")
    calibrate.add_argument(
        "--profile",
        required=True,
        help="to begin with: a shipped one, or a file; what was not measured is kept",
    )
    calibrate.add_argument(
        "--out", type=Path, required=True, metavar="PROFILE.toml", help="its name is the profile's"
    )
    calibrate.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    calibrate.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the profile, print what was found."""
    from circadia.energy.profile_file import dump_profile
    from circadia.errors import ConfigError
    from circadia.wiring import named_profile
    from circadia_lab.field.calibration import fit
    from circadia_lab.field.ticks import read_ticks

    if args.out.exists():
        raise ConfigError(f"{args.out}: exists already; a profile is never overwritten, choose another name")
    if not args.out.absolute().parent.is_dir():
        raise ConfigError(f"{args.out}: its folder does not exist; make it first")
    ticks = read_ticks(args.store)
    begun = named_profile(args.profile)
    source = f"{ticks.source}: {ticks.count} ticks of {args.store.name}, circadia lab calibrate"
    found = fit(ticks, begun, name=args.out.stem, source=source, seed=args.seed)
    new = args.out.with_name(args.out.name + ".new")
    new.write_text(dump_profile(found.profile), encoding="utf-8")
    new.replace(args.out)
    for one in found.watts:
        estimate = one.watts
        print(
            f"{one.load.lower():12} {one.seconds:9.1f} s  {estimate.mean:.4g} W  [{estimate.low:.4g}, {estimate.high:.4g}]"
        )
    if found.unseen:
        print(f"as they were, for they never ran: {', '.join(load.lower() for load in found.unseen)}")
    print(
        f"of {found.held_out} ticks held out ({ticks.source}): sum foretold {found.total_error:+.2%} off (before "
        f"{found.before_error:+.2%}), R² of single ticks {found.r2:.3f}"
    )
    print(f"{args.out}: written; name it as platform.profile")
    return 0

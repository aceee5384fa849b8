"""`circadia replay`: a recorded trace through another policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from circadia_lab.page.action_name import mode_of

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from circadia_lab.policy.replay.comparison import Replay

LEAST_SHARE = 0.005
"""Of an action that the table shows."""
UNLIKELY = 0.05
NOTE = (
    "Off-policy: these are the observations that the recorded actions led to. What would have come of other actions "
    "is not simulated; `circadia policy evaluate` does that."
)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "replay", help="ask another policy about a device's recorded ticks", description=__doc__, epilog=NOTE
    )
    parser.add_argument(
        "store", type=Path, metavar="STORE.db", help="a device's [store] path; it may be running"
    )
    parser.add_argument(
        "--policy", required=True, metavar="FILE|RULE", help="a .tflite file, `default`, or a rule's name"
    )
    parser.add_argument(
        "--recorded-by",
        metavar="FILE|RULE",
        help="the policy that recorded it: tells how far the two are apart",
    )
    parser.add_argument(
        "--profile", metavar="NAME|TOML", help="the device's profile: adds the modelled energy of each"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read, decide once more, compare, print."""
    from circadia.wiring import make_policy, named_profile
    from circadia_lab.policy.replay.comparison import replay
    from circadia_lab.policy.replay.trace import read_trace

    found = replay(
        read_trace(args.store),
        make_policy(args.policy),
        recorded_by=make_policy(args.recorded_by) if args.recorded_by else None,
        profile=named_profile(args.profile) if args.profile else None,
    )
    if args.json:
        print(json.dumps({"store": str(args.store), **found.as_dict()}, indent=2))
        return 0
    from rich.console import Console

    show(Console(), args.store, found)
    return 0


def show(console: Console, store: Path, found: Replay) -> None:
    """The comparison as a table and a few lines."""
    from rich.table import Table

    table = Table(title=f"{store}: {found.ticks} ticks over {found.hours:.1f} h", title_justify="left")
    for column in ("", "recorded", found.policy):
        table.add_column(column, justify="left" if not column else "right")
    for mode, share in found.recorded_modes.items():
        table.add_row(f"[bold]{mode}[/bold]", _percent(share), _percent(found.policy_modes[mode]))
        for name in _of_mode(found, mode):
            table.add_row(
                f"  {name}", _percent(found.recorded_actions[name]), _percent(found.policy_actions[name])
            )
    table.add_section()
    table.add_row(
        "drew what a limit forbids", _percent(found.recorded_forbidden), _percent(found.policy_forbidden)
    )
    if found.energy:
        energy = found.energy
        table.add_row(
            f"modelled work, J a tick ({energy.profile})",
            f"{energy.recorded_j:.2f}",
            f"{energy.policy_j:.2f}",
        )
    console.print(table)
    for text in _lines(found):
        console.print(text, soft_wrap=True, highlight=False)


def _of_mode(found: Replay, mode: str) -> list[str]:
    return [
        name
        for name, share in found.recorded_actions.items()
        if mode_of(name) == mode and max(share, found.policy_actions[name]) >= LEAST_SHARE
    ]


def _lines(found: Replay) -> list[str]:
    agrees = (
        f"{found.policy} does what was done with a chance of {found.agreement:.1%}, "
        f"the same mode with {found.mode_agreement:.1%}."
    )
    text = [agrees]
    if found.same_actions is not None:
        text.append(f"At the recorded draws it does the same in {found.same_actions:.1%} of the ticks.")
    if sleeps := found.sleeps:
        text.append(
            f"Of {sleeps.ticks} chosen sleeps it chooses the same kind with a chance of {sleeps.kind_agreement:.1%}, at the "
            f"recorded draws the same sleep in {sleeps.same_sleeps:.1%}; they last {sleeps.recorded_mean_s:.0f} s on average, "
            f"its own {sleeps.policy_mean_s:.0f} s."
        )
    if recorder := found.recorded_by:
        text.append(f"Total variation to {recorder.name}: {recorder.total_variation:.4f} on average.")
        if recorder.agreement < UNLIKELY:
            text.append(
                f"{recorder.name} would have done what was done with a chance of {recorder.agreement:.1%} only: "
                "was it another policy that recorded this?"
            )
    if found.infeasible_ticks:
        text.append(f"In {found.infeasible_ticks} ticks no action was admissible; both slept.")
    return [*text, NOTE]


def _percent(share: float) -> str:
    return f"{share:.1%}"

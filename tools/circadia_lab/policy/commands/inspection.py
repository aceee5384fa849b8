"""`circadia policy inspect`: what a policy file is, and what it would do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia.types import ClockLevel, Mode
from circadia_lab.policy.commands.arguments import BALANCED, check_file, preference_of
from circadia_lab.policy.env.fixed import CATALOGUE, NAMES

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from circadia.policy.artifact import Artifact
    from circadia.types import Action
    from circadia_lab.policy.evaluation.action_map import ActionMap
    from circadia_lab.policy.evaluation.scorers import Scorer

COLOURS = {Mode.SLEEP: "bright_black", Mode.SERVE: "green", Mode.TRAIN: "magenta"}
LETTERS = {Mode.SLEEP: "·", Mode.SERVE: "s", Mode.TRAIN: "t"}
NO_MAP = "no map: a file that chooses its sleeps does what is due, by features that the map's state has not"
BATTERY = np.linspace(1.0, 0.1, 10)
COLUMNS = {
    "queue": np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]),
    "staleness": np.array([0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0]),
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("inspect", help="what a policy file is and does", description=__doc__)
    parser.add_argument("policy", type=Path, metavar="FILE.tflite")
    parser.add_argument(
        "--over",
        choices=tuple(COLUMNS),
        default="queue",
        help="the map's second axis (default queue)",
    )
    parser.add_argument(
        "--preference",
        default=BALANCED,
        metavar="A,L,E",
        help="accuracy, latency, energy (default a third each)",
    )
    parser.add_argument("--charging", action="store_true", help="on a charger, in the map")
    parser.add_argument("--png", type=Path, metavar="FILE.png", help="draw maps for three preferences")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load it with every check; errors as of `load_policy`."""
    from circadia.policy.artifact import load_policy

    preference = preference_of(args.preference)
    if args.png:
        check_file("--png", args.png, ".png")
    artifact = load_policy(args.policy)
    chooses = artifact.manifest.sleeps is not None
    if chooses and args.png:
        raise ConfigError(f"--png: {NO_MAP}")
    found = None if chooses else _map(args, preference)
    if args.json:
        seen = {"map": None, "no_map": NO_MAP} if found is None else {"map": as_dict(found, args)}
        print(json.dumps({"policy": str(args.policy), **facts(artifact), **seen}, indent=2))
        return 0
    from rich.console import Console

    console = Console()
    show_facts(console, args.policy, facts(artifact))
    if found is None:
        console.print(f"\n{NO_MAP}", highlight=False)
    else:
        show_map(console, found, charging=args.charging)
    return 0


def _map(args: argparse.Namespace, preference: Any) -> ActionMap:
    """Draws the pictures, too, if they are wanted."""
    from circadia_lab.policy.evaluation.action_map import Wish, battery_and
    from circadia_lab.policy.evaluation.scorers import of_file

    scorer, wish = of_file(args.policy), Wish(args.preference, tuple(preference))
    if args.png:
        draw_maps(scorer, args.policy.stem, args.png)
    places = COLUMNS[args.over], BATTERY
    return battery_and(args.over, scorer, args.policy.stem, wish, places, charging=args.charging)


def draw_maps(scorer: Scorer, name: str, path: Path) -> None:
    """The maps of an evaluation's page."""
    import matplotlib as mpl

    from circadia_lab.page.style import RC
    from circadia_lab.policy.evaluation.action_map import battery_and_staleness, queue_and_fresh
    from circadia_lab.policy.evaluation.pictures.album import write_png
    from circadia_lab.policy.evaluation.pictures.maps import maps

    with mpl.rc_context(RC):
        figure = maps((*battery_and_staleness(scorer, name), *queue_and_fresh(scorer, name)))
    write_png(figure, path)


def as_dict(found: ActionMap, args: argparse.Namespace) -> dict[str, Any]:
    """The likeliest action everywhere, for JSON: rows by battery."""
    best = found.chances.argmax(-1)
    return {
        "over": args.over,
        "over_label": found.x_label,
        "preference": args.preference,
        "charging": args.charging,
        "battery": found.y.tolist(),
        "columns": found.x.tolist(),
        "actions": [[NAMES[i] for i in row] for row in best],
        "probabilities": found.chances.max(-1).round(4).tolist(),
    }


def facts(artifact: Artifact) -> dict[str, Any]:
    """What the file says, and what it is made of."""
    from circadia_lab.policy.files.policy_file import read_heads

    manifest = artifact.manifest
    layers, second = read_heads(artifact.model, artifact.name)
    head = manifest.sleeps
    return {
        "bytes": len(artifact.model),
        "layers": [list(layer.weights.shape[::-1]) for layer in layers],
        "parameters": sum(layer.weights.size + layer.bias.size for layer in (*layers, *second)),
        "actions": list(manifest.actions),
        "features": [feature.name for feature in manifest.table],
        "score_step": manifest.output_scale,
        "sleeps": None
        if head is None
        else {"wake_on": list(head.wake_on), "edges_s": list(head.edges_s), "due": asdict(head.due)},
        "prior": None if manifest.prior is None else manifest.prior.as_dict(),
        "encoder_vectors_checked": len(manifest.encoder_vectors),
        "score_vectors_checked": len(manifest.score_vectors),
        "sha256": manifest.model_sha256,
        "made": manifest.made,
        "remarks": artifact.remarks(),
    }


def show_facts(console: Console, path: Path, found: dict[str, Any]) -> None:
    """A few lines."""
    sizes = " → ".join(str(n) for n in [found["layers"][0][0], *(out for _, out in found["layers"])])
    vectors = (
        f"{found['encoder_vectors_checked']} of the encoder, {found['score_vectors_checked']} of the network"
    )
    rows = {
        "file": f"{path}, {found['bytes']:,} bytes, SHA-256 {found['sha256'][:12]}…",
        "network": f"int8, {sizes}, {found['parameters']:,} parameters",
        "actions": f"{len(found['actions'])}: {', '.join(found['actions'])}",
        "sleeps": _sleeps(found["sleeps"]),
        "corrects": _prior(found["prior"]),
        "features": f"{len(found['features'])}: {', '.join(found['features'])}",
        "vectors": f"{vectors}: all answered on this machine as they should",
        **{f"made: {key}": str(value) for key, value in found["made"].items()},
        **({"another version's": "; ".join(found["remarks"])} if found["remarks"] else {}),
    }
    width = max(map(len, rows))
    for name, text in rows.items():
        console.print(f"[bold]{name:{width}}[/bold]  {text}", highlight=False)


def _sleeps(head: dict[str, Any] | None) -> str:
    if head is None:
        return "by agent.period_s: the file says nothing of them"
    kinds, edges = ", ".join(head["wake_on"]), head["edges_s"]
    return f"{kinds}; {len(edges) - 1} bins from {edges[0]:g} s to {edges[-1]:g} s and until due, of each"


def _prior(prior: dict[str, Any] | None) -> str:
    if prior is None:
        return "nothing: its scores are all there is"
    parts = ", ".join(f"{key} {prior[key]:g}" for key in ("work", "sleep", "distance"))
    return f"the rule {prior['rule']['name']}: {parts}"


def show_map(console: Console, found: ActionMap, *, charging: bool) -> None:
    """The likeliest action by battery (rows) and the other axis (columns)."""
    state = "" if charging else "not "
    title = f"battery × {found.x_label}; {state}charging, preference {found.what}"
    console.print(f"\n[bold]{title}[/bold]", highlight=False)
    names = [f"{x:g}" for x in found.x]
    width = max(map(len, names)) + 1
    console.print(" " * 8 + "".join(f"{name:>{width}}" for name in names), highlight=False)
    for soc, row in zip(found.y, found.chances.argmax(-1), strict=True):
        cells = "".join(cell(CATALOGUE[i], width) for i in row)
        console.print(f"{soc:>7.0%} {cells}", highlight=False)
    console.print(
        "[dim]· sleep, s S serve at the low and high clock, t T train likewise; + with a sync. Likeliest action; "
        "the device draws.[/dim]",
        highlight=False,
    )


def cell(action: Action, width: int) -> str:
    """A coloured mark."""
    letter = LETTERS[action.mode]
    mark = letter.upper() if action.clock is ClockLevel.HIGH else letter
    mark += "+" if action.syncs else ""
    return f"[{COLOURS[action.mode]}]{mark:>{width}}[/]"

"""`circadia policy inspect`: what a policy file is, and what it would do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia_lab.policy_commands.arguments import BALANCED, check_file, preference_of

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from circadia.policy.artifact import Artifact
    from circadia_lab.action_map import ActionMap

COLOURS = {"sleep": "bright_black", "serve": "green", "train": "magenta"}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("inspect", help="what a policy file is and does", description=__doc__)
    parser.add_argument("policy", type=Path, metavar="FILE.tflite")
    parser.add_argument(
        "--over",
        choices=("queue", "staleness"),
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
    parser.add_argument("--png", type=Path, metavar="FILE.png", help="draw both maps for three preferences")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load it with every check; errors as of `load_policy`."""
    from circadia.policy.artifact import load_policy
    from circadia.policy.network import NetworkPolicy
    from circadia_lab.action_map import action_map, draw_maps

    preference = preference_of(args.preference)
    if args.png:
        check_file("--png", args.png, ".png")
    artifact = load_policy(args.policy)
    policy = NetworkPolicy(artifact)
    found = action_map(policy, over=args.over, preference=preference, charging=args.charging)
    if args.png:
        draw_maps(policy, args.png)
    if args.json:
        print(json.dumps({"policy": str(args.policy), **facts(artifact), "map": found.as_dict()}, indent=2))
        return 0
    from rich.console import Console

    console = Console()
    show_facts(console, args.policy, facts(artifact))
    show_map(console, found)
    return 0


def facts(artifact: Artifact) -> dict[str, Any]:
    """What the file says, and what it is made of."""
    from circadia_lab.policy_file import read_layers

    manifest = artifact.manifest
    layers = read_layers(artifact.model, artifact.name)
    return {
        "bytes": len(artifact.model),
        "layers": [list(layer.weights.shape[::-1]) for layer in layers],
        "parameters": sum(layer.weights.size + layer.bias.size for layer in layers),
        "actions": list(manifest.actions),
        "features": [feature.name for feature in manifest.table],
        "score_step": manifest.output_scale,
        "encoder_vectors_checked": len(manifest.encoder_vectors),
        "score_vectors_checked": len(manifest.score_vectors),
        "sha256": manifest.model_sha256,
        "made": manifest.made,
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
        "features": f"{len(found['features'])}: {', '.join(found['features'])}",
        "vectors": f"{vectors}: all answered on this machine as they should",
        **{f"made: {key}": str(value) for key, value in found["made"].items()},
    }
    width = max(map(len, rows))
    for name, text in rows.items():
        console.print(f"[bold]{name:{width}}[/bold]  {text}", highlight=False)


def show_map(console: Console, found: ActionMap) -> None:
    """The likeliest action by battery (rows) and the other axis (columns)."""
    console.print(f"\n[bold]{found.title}[/bold]", highlight=False)
    width = max(map(len, found.column_names)) + 1
    console.print(" " * 8 + "".join(f"{name:>{width}}" for name in found.column_names), highlight=False)
    for name, row in zip(found.row_names, found.cells, strict=True):
        cells = "".join(f"[{COLOURS[c.mode]}]{c.mark:>{width}}[/]" for c in row)
        console.print(f"{name:>7} {cells}", highlight=False)
    console.print(
        "[dim]· sleep, s S serve at the low and high clock, t T train likewise; + with a sync. Likeliest action; "
        "the device draws.[/dim]",
        highlight=False,
    )

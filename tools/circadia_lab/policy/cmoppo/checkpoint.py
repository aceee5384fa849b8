"""A training in one .npz file, from which it goes on bit for bit.

The file names the actions, the observation's features, the problem, the seed and the configuration it belongs to. It
is written beside its place and moved there: a crash leaves the one before.
"""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from circadia.actions import NAMES
from circadia.errors import ArtifactError
from circadia.observation import TABLE
from circadia.writing import whole_file
from circadia_lab.policy.cmoppo.config import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_lab.policy.cmoppo.config import Config


def identity(problem: str, seed: int, config: Config, widths: tuple[int, int]) -> dict[str, Any]:
    """What a checkpoint must agree on with the training that it goes on with; `widths` works and sleeps to choose from."""
    return {
        "version": VERSION,
        "actions": list(NAMES[: widths[0]]),
        "sleeps": widths[1],
        "features": [feature.name for feature in TABLE],
        "problem": problem,
        "seed": seed,
        "config": config.as_dict(),
    }


def write_checkpoint(path: Path, state: Any, *, belongs_to: dict[str, Any], notes: dict[str, Any]) -> None:
    """`state` a pytree of arrays; `notes` whatever JSON holds."""
    arrays = {f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    about = json.dumps({"identity": belongs_to, "notes": notes})
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        np.savez(file, about=np.array(about), **arrays)


def read_checkpoint(
    path: Path, like: Any, *, belongs_to: dict[str, Any], config: Config
) -> tuple[Any, dict[str, Any]]:
    """State and notes; `ArtifactError` for a damaged file, or one of another training, which it tells apart how."""
    theirs, notes, leaves = _loaded(path)
    _check(path, theirs, belongs_to, config)
    wanted, structure = jax.tree.flatten(like)
    shapes = [(leaf.shape, str(leaf.dtype)) for leaf in leaves]
    if shapes != [(np.shape(leaf), str(np.asarray(leaf).dtype)) for leaf in wanted]:
        raise ArtifactError(
            f"checkpoint {path}: its arrays are not those of a batch of this size; start anew"
        )
    # NumPy's stay NumPy's: JAX would cut their doubles.
    found = [
        jax.numpy.asarray(x) if isinstance(y, jax.Array) else x for x, y in zip(leaves, wanted, strict=True)
    ]
    return jax.tree.unflatten(structure, found), notes


def _loaded(path: Path) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            about = json.loads(str(archive["about"]))
            leaves = [archive[f"leaf{i}"] for i in range(len(archive.files) - 1)]
            return about["identity"], about["notes"], leaves
    except FileNotFoundError as error:
        raise ArtifactError(f"checkpoint {path} does not exist; train without --resume first") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"checkpoint {path} is truncated or damaged ({error}); start anew") from error


def _check(path: Path, theirs: dict[str, Any], ours: dict[str, Any], config: Config) -> None:
    for key in ("version", "problem", "seed", "sleeps"):
        if theirs.get(key, ours[key] if key == "sleeps" else None) != ours[key]:
            raise ArtifactError(
                f"checkpoint {path} is of {key} {theirs.get(key)!r}, not {ours[key]!r}; start anew"
            )
    for key in ("actions", "features"):
        if theirs[key] != ours[key]:
            odd = sorted(set(theirs[key]) ^ set(ours[key])) or ["their order"]
            raise ArtifactError(f"checkpoint {path} is for other {key}: {', '.join(odd)}; start anew")
    if different := config.different(theirs["config"]):
        raise ArtifactError(f"checkpoint {path} is of another configuration ({'; '.join(different)})")

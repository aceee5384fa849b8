"""A finished training in one .npz file: the float network, the prices, the learning curve, and what it belongs to.

Written beside its place and moved there, so that it is there whole or not at all.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import NAMES as ALL_NAMES
from circadia.errors import ArtifactError
from circadia.observation import TABLE
from circadia.writing import whole_file
from circadia_lab.policy.cmoppo.config import VERSION
from circadia_lab.policy.env.fixed import NAMES
from circadia_lab.policy.files.policy_file import FloatLayer
from circadia_lab.policy.study.digest import digest

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Layers = tuple[FloatLayer, ...]

FORMAT = "circadia-training-1"
IDLE_MASKED = 3
"""The first version of the trainer from which actions with nothing to do were masked; files said theirs from then on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """What a training left."""

    layers: dict[str, Layers]
    """By network: `actor`, or `serve` and `other` of the separate architecture; `sleep` the second head of `actor`."""
    multipliers: NDArray[np.float64]
    """(kinds, anchors, costs)"""
    problem: str
    """Its name …"""
    problem_digest: str
    """… and the hash of all of it."""
    arm: str
    seed: int
    batch: int
    config: dict[str, Any]
    steps: int
    seconds: float
    steps_per_s: float
    judged: dict[str, Any]
    """`returns` and `costs` by anchor on devices apart, costs as shares of their limits."""
    history: tuple[dict[str, Any], ...]
    """The learning curve."""
    trainer_version: int = VERSION

    @property
    def layers_of_one_network(self) -> Layers:
        """The coupled policy's; `ArtifactError` if it has two networks."""
        if not {"actor"} <= set(self.layers) <= {"actor", "sleep"}:
            raise ArtifactError(
                f"the {self.arm} policy of seed {self.seed} has two networks, {' and '.join(self.layers)}; a policy "
                "file holds one: export a coupled policy"
            )
        return self.layers["actor"]

    @property
    def sleep_layers(self) -> Layers:
        """Of the second head, where there is one."""
        return self.layers.get("sleep", ())

    def made(self) -> dict[str, Any]:
        """What a policy file says about where it comes from; the same for the same training."""
        judged = np.array(self.judged["costs"])
        return {
            "generator": "circadia_lab.cmoppo",
            "problem": self.problem,
            "problem_digest": self.problem_digest,
            "arm": self.arm,
            "seed": self.seed,
            "steps": self.steps,
            "batch": self.batch,
            "config_digest": digest(self.config),
            "trainer_version": self.trainer_version,
            **({"idle": "masked"} if self.trainer_version >= IDLE_MASKED else {}),
            "feasible_share": float((judged <= 1).all(-1).mean()),
        }


_PLAIN = (
    "problem", "problem_digest", "arm", "seed", "batch", "config", "steps", "seconds", "steps_per_s", "judged",
    "history", "trainer_version",
)  # fmt: skip


def write_training(path: Path, training: Training) -> None:
    """Whole or not at all."""
    arrays: dict[str, Any] = {"multipliers": training.multipliers}
    for name, layers in training.layers.items():
        for i, layer in enumerate(layers):
            arrays[f"{name}.{i}.weights"], arrays[f"{name}.{i}.bias"] = layer.weights, layer.bias
    about = {
        "format": FORMAT,
        "actions": list(ALL_NAMES if training.sleep_layers else NAMES),
        "features": [feature.name for feature in TABLE],
        "networks": {name: [layer.relu for layer in layers] for name, layers in training.layers.items()},
        **{key: getattr(training, key) for key in _PLAIN},
    }
    with whole_file(path) as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)


def read_training(path: Path) -> Training:
    """`ArtifactError` for a file that is missing, damaged, no training, or for other actions or features."""
    about, arrays = _loaded(path)
    names = ALL_NAMES if "sleep" in about.get("networks", {}) else NAMES
    for key, ours in (("actions", list(names)), ("features", [feature.name for feature in TABLE])):
        if (theirs := about.get(key, [])) != ours:
            odd = sorted(set(theirs) ^ set(ours)) or ["their order"]
            raise ArtifactError(f"{path}: trained for other {key} ({', '.join(odd)}); train it again")
    try:
        layers = {
            name: tuple(
                FloatLayer(weights=arrays[f"{name}.{i}.weights"], bias=arrays[f"{name}.{i}.bias"], relu=relu)
                for i, relu in enumerate(relus)
            )
            for name, relus in about["networks"].items()
        }
        plain = {key: about[key] for key in _PLAIN if key != "trainer_version"}
        plain["trainer_version"] = about.get("trainer_version", IDLE_MASKED - 1)
        plain["history"] = tuple(plain["history"])
        return Training(layers=layers, multipliers=arrays["multipliers"], **plain)
    except KeyError as error:
        raise ArtifactError(
            f"{path}: is no training, or damaged ({error} is missing); train again"
        ) from error


def _loaded(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name != "about"}
            about = dict(json.loads(str(archive["about"])))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path}: no such file; `circadia policy train` writes one") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path}: is no training, or damaged ({error}); train again") from error
    if about.get("format") != FORMAT:
        raise ArtifactError(
            f"{path}: is not a finished training but {about.get('format', 'something else')}; a checkpoint is "
            "finished by `circadia policy train --resume`"
        )
    return about, arrays

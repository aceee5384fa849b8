"""What stays the same through a field test: profile, policies, task, examples, and the versions of what runs."""

from __future__ import annotations

import dataclasses
import platform
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import circadia
from circadia.config import load_config
from circadia.energy.profile_file import dump_profile
from circadia.errors import ConfigError
from circadia.learning.manifest import dump_manifest, read_manifest
from circadia.learning.task_file import SHIPPED, load_task, manifest_of, read_file
from circadia.plugs import PLATFORMS
from circadia.policy.artifact import shipped_policy
from circadia.tflite.interpreter import backend
from circadia.wiring import make_policy, named_profile
from circadia_field.bundle import PINNED, begin, sha256
from circadia_field.examples import load_examples
from circadia_field.plan import thawed

if TYPE_CHECKING:
    from circadia_field.bundle import Bundle

PROFILE, EXAMPLES, TASK = "profile.toml", "examples.npz", "task.toml"
TASK_MODEL, TASK_WEIGHTS = "task_model.tflite", "task_weights.npz"
"""With an underscore, which no arm's name has: a policy's file is called as its arm."""
FILE = ".tflite"
WRITERS = "circadia.field.examples"
"""The entry-point group of functions that write a file of examples to a path."""


def pin(folder: Path, plan_path: Path, device: Path, examples: Path | None, *, virtual: str) -> Bundle:
    """A new bundle for a plan and a device. `virtual`: what measures a simulated body, or nothing. `ConfigError` for what cannot be measured; nothing is left behind then."""
    plan, config = thawed(plan_path), load_config(device)
    body = PLATFORMS.find(config.platform.kind).plug
    if virtual and not body.virtual:
        raise ConfigError(f'{device}: --virtual needs platform.kind = "simulated"')
    if not config.meter.kind and body.meter is None:
        raise ConfigError(f"{device}: [meter] has no kind; without a meter there is nothing to compare")
    task = load_task(config.agent.task)
    for policy in plan.arms.values():
        make_policy(policy)
    with tempfile.TemporaryDirectory(prefix="circadia-field-") as name:
        drafts = Path(name)
        (drafts / PROFILE).write_text(dump_profile(named_profile(config.platform.profile)), encoding="utf-8")
        if examples is None:
            _digits(drafts / EXAMPLES)
        files = {PROFILE: drafts / PROFILE, EXAMPLES: examples or drafts / EXAMPLES}
        load_examples(files[EXAMPLES], task)
        files |= _task_files(config.agent.task, drafts)
        for arm, policy in plan.arms.items():
            if policy.endswith(FILE):
                path = Path(policy)
                files |= {arm + FILE: path, f"{arm}.json": path.with_suffix(".json")}
        about = {
            "task": task.digest,
            "task_identity": task.identity.text,
            "virtual": virtual,
            "versions": versions(),
            "machine": platform.platform(),
        }
        return begin(folder, plan_path, device.read_text(encoding="utf-8"), files, about)


def _task_files(name: str, drafts: Path) -> dict[str, Path]:
    """A task of the user's own under names of ours; a shipped one comes with the version."""
    if name in SHIPPED:
        return {}
    path = manifest_of(name)
    manifest = read_manifest(path, read_file(path))
    flat = dataclasses.replace(manifest, model=TASK_MODEL, weights=TASK_WEIGHTS)
    (drafts / TASK).write_text(dump_manifest(flat), encoding="utf-8")
    return {
        TASK: drafts / TASK,
        flat.model: path.parent / manifest.model,
        flat.weights: path.parent / manifest.weights,
    }


def pinned_task(bundle: Bundle, name: str) -> str:
    """Where the bundle keeps the task's manifest; the name of a shipped one."""
    path = bundle.folder / PINNED / TASK
    return str(path) if path.is_file() else name


def _digits(path: Path) -> None:
    """Have the package that knows the digits write them."""
    writers = entry_points(group=WRITERS, name="digits")
    if not writers:
        raise ConfigError(
            "the digits come with the workbench, which is not installed here; name examples of your own with "
            "--examples FILE.npz"
        )
    next(iter(writers)).load()(path)


def pinned_policy(bundle: Bundle, policy: str) -> str:
    """The policy's name, or where the bundle keeps its file."""
    if not policy.endswith(FILE):
        return policy
    arm = next(name for name, value in bundle.plan.arms.items() if value == policy)
    return str(bundle.folder / PINNED / (arm + FILE))


def check_same(bundle: Bundle) -> None:
    """`ConfigError` if another version runs than the test began with: the shipped policy and the agent come with it."""
    then, now = bundle.pins["versions"], versions()
    for name in then:
        if then[name] != now.get(name):
            raise ConfigError(
                f"{bundle.folder}: the test began with {name} {then[name]}, this is {now.get(name)}; go on with that version"
            )


def versions() -> dict[str, str]:
    """Of what decides and computes. The shipped policy comes with Circadia, and may change without its number."""
    return {
        "circadia": circadia.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "interpreter": str(backend()),
        "policy": sha256(shipped_policy())[:16],
    }

"""`circadia task make`: a task out of a user's Keras model or tf.Module.

TensorFlow stays out of this process: `convert.py` does the work in one of its own. What comes back is loaded as a device
would, and has to answer what the user's own net answers in TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import circadia
import circadia_lab
from circadia.errors import ArtifactError, ConfigError, PlatformUnavailable
from circadia.learning.manifest import BATCHES, TaskManifest, dump_manifest
from circadia.learning.task_file import load_task
from circadia.learning.vectors import summary
from circadia_lab.data.tasks.environment import ENVIRONMENT, is_ready

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from circadia.learning.task import Task

TOLERANCE = 1e-4
"""Of test vectors: far above what interpreters differ by (1e-6), far below what a wrong operator does."""
SHOWN = 6
"""Names in a list for the terminal, at most."""
REFUSED = 3
"""Exit code of `convert.py` for a net that cannot become a task."""
PROGRAM = (
    "import sys; sys.path += sys.argv.pop(1).split('|'); "
    "from circadia_lab.data.tasks.convert import main; sys.exit(main(sys.argv[1:]))"
)
ROOTS = tuple(str(Path(package.__path__[0]).parent) for package in (circadia, circadia_lab))
"""Where that program finds these packages, after its own environment's."""
NAME = re.compile(r"[\w.-]+")
SOURCE = re.compile(r"(?P<file>.+\.py):(?P<function>[A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be made."""

    source: str
    """A `.keras` or `.h5` file, or FILE.py:FUNCTION that returns a Keras model or a tf.Module."""
    labels: tuple[str, ...]
    name: str
    batches: dict[str, int]
    learning_rate: float
    head: bool = False
    input_shape: tuple[int, ...] = ()
    scaling: str = ""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ConfigError(f"--name {self.name!r}: use letters, digits, dots, dashes and underscores")
        if len(self.labels) < 2 or len({*self.labels, ""}) != len(self.labels) + 1:
            raise ConfigError(f"--labels {', '.join(self.labels)}: give two or more different names")
        if min(self.batches.values()) < 1 or not 0 < self.learning_rate < np.inf:
            raise ConfigError(
                f"task {self.name}: batches {self.batches} must be 1 or more, the learning rate {self.learning_rate} positive"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """What was made."""

    manifest: Path
    task: Task
    activation: str
    replaced: dict[str, int]
    """Operators whose gradient was replaced, and how many."""
    frozen: tuple[str, ...]
    """Layers whose weights stay as they are."""


def run(args: argparse.Namespace) -> int:
    """The command's arguments → its exit code; errors as for `make_task`."""
    file = source_of(args.source)[0]
    order = Order(
        source=args.source,
        labels=labels_of(args.labels),
        name=args.name or Path(file).stem,
        batches=dict(zip(BATCHES, (args.train_batch, args.infer_batch, args.evaluate_batch), strict=True)),
        learning_rate=args.learning_rate,
        head=args.head,
        input_shape=_shape(args.input_shape),
        scaling=args.scaling,
    )
    print(told(make_task(order, args.out, tensorflow(args.python))))
    return 0


def make_task(order: Order, out: Path, python: str) -> Made:
    """Write `NAME.tflite`, `NAME.npz` (first weights) and `NAME.toml` (the manifest) to the folder `out`, or nothing.

    `ArtifactError` says what of the net cannot be done on a device and what to do instead; `ConfigError` names a wrong
    argument; `PlatformUnavailable` has what TensorFlow said when it failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = _converted(order, folder, python)
        draft = _written(order, report, folder)
        task = load_task(draft)
        manifest = _moved(draft.parent, out) / draft.name
    return Made(
        manifest=manifest,
        task=task,
        activation=report["activation"],
        replaced=report["replaced"],
        frozen=tuple(report["frozen"]),
    )


def told(made: Made) -> str:
    """For the terminal."""
    task = made.task
    replaced = ", ".join(f"{name} ({count})" for name, count in sorted(made.replaced.items())) or "none"
    lines = [
        f"{made.manifest}: task {task.name}",
        f"  input           float32{list(task.input_shape)}",
        f"  labels          {len(task.labels)}: {', '.join(task.labels)}",
        f"  last activation {made.activation}",
        f"  trained         {task.parameters:,} parameters; {len(task.model) / 1000:.0f} kB of model",
        f"  frozen          {_listed(made.frozen) or 'nothing'}",
        f"  gradients       replaced by builtin operators: {replaced}",
        "  answers         agree with the net's own in TensorFlow, train, infer and evaluate",
        f"Try it: circadia task check {made.manifest} --data EXAMPLES.npz",
        f'On the device: [agent] task = "{made.manifest.name}" in device.toml beside these three files',
    ]
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    """The first few."""
    more = f", … ({len(names)})" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def source_of(text: str) -> tuple[str, str]:
    """The file, and the function in it if it is a program; `ConfigError` for anything else."""
    found = SOURCE.fullmatch(text)
    file, function = (found["file"], found["function"]) if found else (text, "")
    if not found and Path(text).suffix not in {".keras", ".h5", ".hdf5"}:
        raise ConfigError(f"{text}: give a .keras or .h5 file, or FILE.py:FUNCTION that returns the model")
    if not Path(file).is_file():
        raise ConfigError(f"{file}: no such file")
    return file, function


def labels_of(text: str) -> tuple[str, ...]:
    """Out of `a,b,c`, or a file with one a line."""
    path = Path(text)
    if path.is_file():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--labels {path}: is no text with a label a line: {error}") from error
        return tuple(line.strip() for line in lines if line.strip())
    return tuple(label.strip() for label in text.split(","))


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(n) for n in text.split(",")) if text else ()
    except ValueError as error:
        raise ConfigError(f"--input-shape {text}: give whole numbers, such as 28,28,1") from error


def tensorflow(wanted: str) -> str:
    """An interpreter with TensorFlow: the one asked for, this one, or the workbench's own environment."""
    if wanted:
        return wanted
    if find_spec("tensorflow") is not None:
        return sys.executable
    if is_ready(ENVIRONMENT):
        return str(ENVIRONMENT / "bin" / "python")
    raise PlatformUnavailable(
        "circadia task make needs TensorFlow: pip install './tools[tensorflow]' in a checkout (1.6 GB, on a workstation, not on the "
        "device), or name the interpreter of an environment that has it: --python PATH"
    )


def _converted(order: Order, folder: Path, python: str) -> dict[str, Any]:
    file, function = source_of(order.source)
    told = {
        "source": str(Path(file).absolute()), "function": function, "batches": order.batches, "head": order.head,
        "learning_rate": order.learning_rate, "input_shape": list(order.input_shape),
        "labels": list(order.labels),
    }  # fmt: skip
    (folder / "order.json").write_text(json.dumps(told), encoding="utf-8")
    command = [python, "-E", "-c", PROGRAM, "|".join(ROOTS), str(folder / "order.json"), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PlatformUnavailable(
            f"{python}: cannot be run ({error.strerror}); name another with --python"
        ) from error
    if done.returncode == REFUSED:
        raise ArtifactError(f"{order.source}: {(folder / 'refused.txt').read_text(encoding='utf-8')}")
    if done.returncode:
        raise PlatformUnavailable(f"{order.source}: making the task failed in {python}: {_tail(done.stderr)}")
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def _tail(text: str) -> str:
    """The last lines of a traceback: which line of the user's, and what it said."""
    lines: Sequence[str] = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-4:]) or "it said nothing"


def _moved(made: Path, out: Path) -> Path:
    """The files in `made`, which are sound, into the user's folder."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path in made.iterdir():
            shutil.copyfile(path, out / path.name)
    except OSError as error:
        raise ConfigError(f"--out {out}: {error.strerror}; name a folder that may be written to") from error
    return out


def _written(order: Order, report: dict[str, Any], folder: Path) -> Path:
    """The three files in a folder of their own → the manifest."""
    out = folder / "made"
    out.mkdir()
    with np.load(folder / "net.npz") as arrays:
        native = {name: arrays[name] for name in arrays.files}
    files = {"model": out / f"{order.name}.tflite", "weights": out / f"{order.name}.npz"}
    files["model"].write_bytes((folder / "net.tflite").read_bytes())
    np.savez_compressed(files["weights"], weights=native["weights"])
    sha256 = {key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in files.items()}
    manifest = TaskManifest(
        name=order.name,
        labels=order.labels,
        learning_rate=order.learning_rate,
        input_shape=tuple(report["input_shape"]),
        scaling=order.scaling,
        model=files["model"].name,
        model_sha256=sha256["model"],
        weights=files["weights"].name,
        weights_sha256=sha256["weights"],
        parameters=report["parameters"],
        batches=report["batches"],
        vectors={
            "tolerance": TOLERANCE,
            "ties": int(native["ties"]),
            "train": _rounded([float(native["train_loss"]), *summary(native["train_change"])]),
            "infer": _rounded(summary(native["infer"].ravel())),
            "evaluate": _rounded(native["evaluate"].tolist()),
        },
    )
    path = out / f"{order.name}.toml"
    path.write_text(dump_manifest(manifest), encoding="utf-8")
    return path


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 7) for value in values]

"""A task's manifest: a TOML file (format circadia-task/2) or, of release 0.1, a JSON one (circadia-task/1).

Both come to the same `TaskManifest`. The format is described in docs/reference/task.md; what belongs to the files that it names is
checked by `task_file`.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circadia.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = "circadia-task/2"
FORMAT_1 = "circadia-task/1"
"""Of release 0.1: the same in JSON, without [input], [model] and [weights] but with their keys at the top."""
BATCHES = ("train", "infer", "evaluate")
DTYPE = "float32"
LARGEST = 1e30
"""What a test vector holds is below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskManifest:
    """What a manifest says. The parts that may be left out are empty or 0 then."""

    name: str
    labels: tuple[str, ...]
    learning_rate: float
    input_shape: tuple[int, ...]
    scaling: str = ""
    model: str
    """Relative to the manifest's folder."""
    model_sha256: str = ""
    weights: str
    """Relative to the manifest's folder."""
    weights_sha256: str = ""
    parameters: int = 0
    batches: Mapping[str, int] | None = None
    vectors: Mapping[str, Any] | None = None
    """Signature → what it answers to `circadia.learning.vectors.probe_batch`, with `tolerance` and `ties` (see `agree` there)."""


def read_manifest(path: Path, text: bytes) -> TaskManifest:
    """The manifest in these bytes of `path`; `ArtifactError` names the file, the key and what is wrong."""
    table = _table(path, text)
    try:
        return _of_1(table) if table["format"] == FORMAT_1 else _of_2(table)
    except KeyError as error:
        raise ArtifactError(f"{path}: the manifest has no {error}; see docs/reference/task.md") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ArtifactError(f"{path}: the manifest is wrong: {error}") from error


def dump_manifest(manifest: TaskManifest) -> str:
    """As TOML; `read_manifest` gives the same back."""
    lines = [
        _line("format", FORMAT),
        _line("name", manifest.name),
        _line("labels", list(manifest.labels)),
        _line("learning_rate", manifest.learning_rate),
        *([_line("parameters", manifest.parameters)] if manifest.parameters else []),
        "",
        "[input]",
        _line("shape", list(manifest.input_shape)),
        _line("dtype", DTYPE),
        *([_line("scaling", manifest.scaling)] if manifest.scaling else []),
    ]
    for section, file, sha256 in (
        ("model", manifest.model, manifest.model_sha256),
        ("weights", manifest.weights, manifest.weights_sha256),
    ):
        lines += ["", f"[{section}]", _line("file", file), *([_line("sha256", sha256)] if sha256 else [])]
    for section, values in (("batches", manifest.batches), ("vectors", manifest.vectors)):
        if values:
            lines += ["", f"[{section}]", *(_line(key, value) for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _table(path: Path, text: bytes) -> dict[str, Any]:
    try:
        decoded = text.decode("utf-8")
        table = json.loads(decoded) if decoded.lstrip().startswith("{") else tomllib.loads(decoded)
    except UnicodeDecodeError as error:
        raise ArtifactError(
            f"{path}: not a task's manifest, which is a text; name the .toml beside it"
        ) from error
    except ValueError as error:
        raise ArtifactError(f"{path}: not a task's manifest: {error}") from error
    found = table.get("format")
    if found not in {FORMAT, FORMAT_1}:
        raise ArtifactError(f"{path}: format {found!r}; this version reads {FORMAT!r} and {FORMAT_1!r}")
    return dict(table)


def _of_1(table: Mapping[str, Any]) -> TaskManifest:
    return TaskManifest(
        name=str(table["name"]),
        labels=_labels(table["labels"]),
        learning_rate=float(table["learning_rate"]),
        input_shape=_shape(table["input_shape"]),
        model=str(table["model"]),
        model_sha256=str(table["model_sha256"]),
        weights=str(table["weights"]),
        weights_sha256=str(table["weights_sha256"]),
        parameters=int(table["parameters"]),
        batches={name: int(n) for name, n in table["batches"].items()},
        vectors=_vectors(table.get("vectors")),
    )


def _of_2(table: Mapping[str, Any]) -> TaskManifest:
    given, model, weights = table["input"], table["model"], table["weights"]
    if given.get("dtype", DTYPE) != DTYPE:
        raise ValueError(f"input.dtype is {given['dtype']!r}; tasks take {DTYPE}")
    batches = table.get("batches")
    return TaskManifest(
        name=str(table["name"]),
        labels=_labels(table["labels"]),
        learning_rate=float(table["learning_rate"]),
        input_shape=_shape(given["shape"]),
        scaling=str(given.get("scaling", "")),
        model=str(model["file"]),
        model_sha256=str(model.get("sha256", "")),
        weights=str(weights["file"]),
        weights_sha256=str(weights.get("sha256", "")),
        parameters=int(table.get("parameters", 0)),
        batches=None if batches is None else {name: int(n) for name, n in batches.items()},
        vectors=_vectors(table.get("vectors")),
    )


def _labels(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"labels are {value!r}; they must be a list")
    return tuple(str(label) for label in value)


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(n, int) and n > 0 for n in value):
        raise TypeError(f"the input's shape is {value!r}; it must be a list of whole numbers from 1 on")
    return tuple(value)


def _vectors(value: Any) -> Mapping[str, Any] | None:
    """As they are; what is missing is for whoever compares to say."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise TypeError(f"vectors are {value!r}; they must be a table")
    for name in BATCHES:
        numbers = value.get(name, [])
        if not isinstance(numbers, list) or not all(map(_is_number, numbers)):
            raise TypeError(f"vectors.{name} is {numbers!r}; it must be a list of numbers")
    for name in ("tolerance", "ties"):
        if not _is_number(value.get(name, 0)):
            raise TypeError(f"vectors.{name} is {value[name]!r}; it must be a number")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < LARGEST


def _line(key: str, value: Any) -> str:
    return f"{key} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        # JSON's strings are TOML's, but for this one character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(_value(one) for one in value)}]"
    return repr(value)

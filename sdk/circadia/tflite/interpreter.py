"""TFLite, wherever it comes from: the only place that imports an interpreter, and it probes by invoking.

tflite-runtime imports with NumPy 2 and then fails on the first model: an import proves nothing. So every candidate
runs a tiny network with a known answer, once a process.
"""

from __future__ import annotations

import importlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from circadia.errors import ArtifactError, ConfigError, PlatformUnavailable
from circadia.tflite.model_file import check_model_file

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = {"tflite-runtime": "tflite_runtime.interpreter", "ai-edge-litert": "ai_edge_litert.interpreter"}
"""Distribution → module, in the order they are tried."""
VARIABLE = "CIRCADIA_INTERPRETER"
"""Environment variable that names the one distribution to use."""
PROBE_INPUT = (100, -50, 25, 0)
PROBE_ANSWERS = ((3, 90, 101), (-49.0, 2717.0, 3057.0))
"""What the probe's int8 and float layers answer; they stand in `circadia_lab.policy.files.probe`."""
FAILURES = (ImportError, AttributeError, OSError, RuntimeError, SystemError, TypeError, ValueError)
"""What native modules raise when they do not fit this Python or this NumPy."""


@dataclass(frozen=True, slots=True)
class Backend:
    """The interpreter in use: its distribution's name and version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def backend() -> Backend:
    """The first distribution that computes the probe rightly, or the one that `CIRCADIA_INTERPRETER` names.

    `PlatformUnavailable` says what was tried and why each failed; `ConfigError` for an unknown name.
    """
    from importlib import metadata  # two megabytes that a device at rest need not hold

    name, _ = _chosen(os.environ.get(VARIABLE))
    return Backend(name, metadata.version(name))


def open_interpreter(model: bytes, *, name: str, threads: int = 1) -> Any:
    """An interpreter of a .tflite file's bytes, tensors allocated; `threads` ≥ 1.

    `ArtifactError` naming `name` when the bytes are no usable model, `PlatformUnavailable` when no interpreter works.
    """
    check_model_file(model, name)  # the native code would crash on a truncated file
    _, interpreter = _chosen(os.environ.get(VARIABLE))
    try:
        return _open(interpreter, model, threads)
    except (ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"{name}: the interpreter refuses it ({_line(error)}); export the file again"
        ) from error


@cache
def _chosen(wanted: str | None) -> tuple[str, Any]:
    """A distribution that works, and its Interpreter class."""
    if wanted and wanted not in MODULES:
        raise ConfigError(f"{VARIABLE} is {wanted!r}; it must be one of {', '.join(MODULES)}")
    tried, cause = [], None
    for name in [wanted] if wanted else MODULES:
        try:
            return name, _probed(MODULES[name])
        except FAILURES as error:
            tried.append(f"{name}: {_line(error)}")
            cause = error
    advice = "install tflite-runtime with numpy<2 (Python 3.11 on Linux) or ai-edge-litert"
    raise PlatformUnavailable(f"no TFLite interpreter works here ({'; '.join(tried)}); {advice}") from cause


def _probed(module: str) -> Any:
    """The module's Interpreter class, once it has answered rightly."""
    with _silenced():
        import numpy as np

        interpreter = importlib.import_module(module).Interpreter
        probe = _open(
            interpreter, resources.files("circadia").joinpath("data/probe.tflite").read_bytes(), threads=1
        )
        inputs, outputs = (
            [t["index"] for t in get()] for get in (probe.get_input_details, probe.get_output_details)
        )
        for index, kind in zip(inputs, (np.int8, np.float32), strict=True):
            probe.set_tensor(index, np.array([PROBE_INPUT], kind))
        probe.invoke()
        answers = tuple(tuple(probe.get_tensor(index)[0].tolist()) for index in outputs)
    if answers != PROBE_ANSWERS:
        raise RuntimeError(f"answered the probe with {answers}, not {PROBE_ANSWERS}")
    return interpreter


def _open(interpreter: Any, model: bytes, threads: int) -> Any:
    opened = interpreter(model_content=model, num_threads=threads)
    opened.allocate_tensors()
    return opened


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep native code's chatter off file descriptor 2: LiteRT announces its delegate once, and has no switch."""
    saved = os.dup(2)
    try:
        with open(os.devnull, "w", encoding="ascii") as nowhere:  # noqa: PTH123  a device, not a path of ours
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__

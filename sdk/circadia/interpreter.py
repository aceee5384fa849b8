"""TFLite, wherever it comes from: the only place that imports an interpreter. Probed by invoking, never by importing."""

from __future__ import annotations

import importlib
from typing import Any

from circadia.errors import ArtifactError, PlatformUnavailable

MODULES = (("tflite-runtime", "tflite_runtime.interpreter"), ("ai-edge-litert", "ai_edge_litert.interpreter"))


def open_interpreter(model: bytes, *, name: str, threads: int = 1) -> Any:
    """An interpreter of a `.tflite` file's bytes, tensors allocated. `ArtifactError` names a file that is none."""
    if len(model) < 8 or model[4:8] != b"TFL3":
        raise ArtifactError(f"{name}: not a .tflite file (its identifier is missing)")
    for _, module in MODULES:
        try:
            interpreter = importlib.import_module(module).Interpreter(model_content=model, num_threads=threads)
            interpreter.allocate_tensors()
        except ImportError:
            continue
        return interpreter
    raise PlatformUnavailable("no TFLite")

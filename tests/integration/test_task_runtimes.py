"""Both interpreters train the shipped nets alike: each in a process of its own, so that neither sees the other."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from circadia.learning.task_file import DATA, SHIPPED

PROGRAM = """
import importlib, json, sys
import numpy as np
from circadia_lab.data.tasks.digits_data import load_digits_split

runtime, model, weights = sys.argv[1:]
Interpreter = importlib.import_module(runtime + ".interpreter").Interpreter
train, evaluate = (
    Interpreter(model_path=model, num_threads=1).get_signature_runner(name) for name in ("train", "evaluate")
)
x, y, test_x, test_y = load_digits_split(0)
w = np.load(weights)["weights"]
for step in range(200):
    ids = np.arange(16) * 7 + step * 113
    out = train(x=x[ids % 1297], y=y[ids % 1297], mask=np.ones(16, np.float32), lr=np.float32(0.2), w=w)
    w = out["w"]
mask = np.ones(64, np.float32)
correct = sum(
    float(evaluate(x=test_x[i : i + 64], y=test_y[i : i + 64], mask=mask, w=w)["correct"]) for i in range(0, 448, 64)
)
print(json.dumps({"loss": float(out["loss"]), "norm": float(np.linalg.norm(w)), "correct": correct}))
"""


def train_with(runtime: str, name: str) -> dict[str, float]:
    arguments = [runtime, str(DATA / f"{name}.tflite"), str(DATA / f"{name}.npz")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, float] = json.loads(done.stdout)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_both_interpreters_train_alike(name: str) -> None:
    pytest.importorskip("tflite_runtime", reason="tflite-runtime has no wheel for this Python")
    old, new = (train_with(runtime, name) for runtime in ("tflite_runtime", "ai_edge_litert"))
    assert old["loss"] == pytest.approx(new["loss"], abs=1e-3)
    assert old["norm"] == pytest.approx(new["norm"], rel=1e-4)
    assert abs(old["correct"] - new["correct"]) <= 2
    assert old["correct"] > 0.8 * 448

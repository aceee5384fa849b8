from __future__ import annotations

import subprocess
import sys
from importlib import resources

import numpy as np
import pytest

from circadia.errors import ArtifactError, ConfigError, PlatformUnavailable
from circadia.tflite import interpreter
from circadia.tflite.interpreter import MODULES, PROBE_ANSWERS, PROBE_INPUT, backend, open_interpreter
from circadia_lab.policy.files.probe import LAYER, write_probe

MODEL = resources.files("circadia").joinpath("data/probe.tflite").read_bytes()


def test_the_shipped_probe_is_what_the_writer_writes() -> None:
    assert write_probe() == MODEL


def test_the_probes_answers_are_right() -> None:
    acc = LAYER.weights.astype(int) @ PROBE_INPUT + LAYER.bias
    assert tuple(acc) == PROBE_ANSWERS[1]
    assert tuple(5 + np.floor(acc / 32 + 0.5).astype(int)) == PROBE_ANSWERS[0]


@pytest.mark.parametrize("name", MODULES)
def test_the_variable_forces_an_interpreter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCADIA_INTERPRETER", name)
    assert backend().name == name
    assert str(backend()) == f"{name} {backend().version}"
    assert type(open_interpreter(MODEL, name="probe")).__module__ == MODULES[name]


def test_an_unknown_interpreter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCADIA_INTERPRETER", "onnx")
    with pytest.raises(
        ConfigError, match="CIRCADIA_INTERPRETER is 'onnx'; it must be one of tflite-runtime, ai"
    ):
        backend()


def test_without_a_working_interpreter_each_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # json imports and has no Interpreter, as a broken installation has; `chosen` is cached by the name asked for.
    monkeypatch.setattr(interpreter, "MODULES", {"no-such": "no_such_module", "broken": "json"})
    interpreter._chosen.cache_clear()
    try:
        with pytest.raises(
            PlatformUnavailable, match=r"no-such: No module.*; broken: .*no attribute.*; install"
        ):
            open_interpreter(MODEL, name="probe")
    finally:
        interpreter._chosen.cache_clear()


def test_a_wrong_answer_counts_as_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "PROBE_ANSWERS", ((0, 0, 0), (0.0, 0.0, 0.0)))
    interpreter._chosen.cache_clear()
    try:
        with pytest.raises(PlatformUnavailable, match=r"tflite-runtime: answered the probe with .*, not"):
            backend()
    finally:
        interpreter._chosen.cache_clear()


@pytest.mark.parametrize("model", [b"", MODEL[:6], MODEL[:40], MODEL[:600], b"{}" * 100, b"\0" * 500])
def test_bytes_that_are_no_model_are_refused(model: bytes) -> None:
    with pytest.raises(ArtifactError, match="my model: "):
        open_interpreter(model, name="my model")


@pytest.mark.parametrize("name", MODULES)
def test_probing_and_opening_are_silent(name: str) -> None:
    code = "from circadia.learning.task_file import load_task; load_task('digits')"
    environment = {"CIRCADIA_INTERPRETER": name, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout + done.stderr == ""


def test_the_interpreter_is_imported_on_use() -> None:
    code = "import circadia.tflite.interpreter, sys; print({'numpy', *circadia.tflite.interpreter.MODULES.values()} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

"""What a device has learned as a plain file: run as any interpreter does, and damaged in every way."""

from __future__ import annotations

import dataclasses
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import Builder

from circadia import cli
from circadia.config import parse_config
from circadia.errors import ArtifactError, ConfigError
from circadia.learning.plain import plain_model, run_plain
from circadia.learning.task_file import load_task
from circadia.store.sqlite import SqliteStore
from circadia.tflite.constant import with_constant
from circadia.tflite.interpreter import VARIABLE, _chosen, open_interpreter
from circadia.types import Model, Personal
from circadia.wiring import build
from circadia.workload import LearningWorkload
from circadia_lab.data.tasks.digits_data import load_digits_split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from circadia.learning.task import Task

OWN = Path(__file__).parents[1] / "tasks"
TASKS = ("digits", "digits-head", str(OWN / "motion.toml"), str(OWN / "conv.toml"))


@pytest.fixture(params=["tflite-runtime", "ai-edge-litert"])
def interpreter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip(
        {"tflite-runtime": "tflite_runtime", "ai-edge-litert": "ai_edge_litert"}[request.param]
    )
    monkeypatch.setenv(VARIABLE, request.param)
    yield request.param
    _chosen.cache_clear()


def learned(task: Task, seed: int = 0) -> NDArray[np.float32]:
    change = np.random.default_rng(seed).normal(0, 0.05, task.parameters)
    return task.initial_weights + change.astype(np.float32)


def inputs_of(task: Task) -> NDArray[np.float32]:
    """Real ones, for the digits."""
    if task.name.startswith("digits"):
        return real_inputs()
    return np.random.default_rng(2).normal(size=(200, *task.input_shape)).astype(np.float32)


def real_inputs() -> NDArray[np.float32]:
    return load_digits_split(0)[2]


def answers(task: Task, weights: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    runner = open_interpreter(task.model, name=task.name).get_signature_runner("infer")
    found: NDArray[np.float32] = runner(x=x, w=weights)["probabilities"]
    return found


@pytest.mark.parametrize("name", TASKS)
def test_a_plain_model_answers_real_inputs_as_the_signature(name: str, interpreter: str) -> None:
    task = load_task(name)
    weights = learned(task)
    plain = plain_model(task, weights)
    inputs = inputs_of(task)
    for start in range(0, len(inputs) - task.infer_batch, task.infer_batch):
        x = inputs[start : start + task.infer_batch]
        np.testing.assert_array_equal(run_plain(plain, x, name), answers(task, weights, x))


def test_a_plain_model_has_one_subgraph_and_no_signature() -> None:
    task = load_task("digits")
    found = opened(plain_model(task, learned(task)))
    assert len(found.subgraphs) == 1
    assert (len(found.subgraphs[0].inputs), len(found.subgraphs[0].outputs)) == (1, 1)
    assert not found.signatureDefs


def test_bodies_of_loops_stay_where_operators_look_for_them() -> None:
    """A loop's body is a subgraph that no signature names, known to operators by its number."""
    task = load_task("digits")
    whole = opened(task.model)
    body = schema.SubGraphT()
    body.name, body.tensors, body.inputs, body.outputs, body.operators = b"body", [], [], [], []
    whole.subgraphs.append(body)
    which = next(s.subgraphIndex for s in whole.signatureDefs if s.signatureKey == b"infer")
    weights = learned(task)
    plain = with_constant(packed(whole), "infer", "w", weights, "looped")
    names = [one.name for one in opened(plain).subgraphs]
    assert names[0] == whole.subgraphs[which].name
    assert names[3] == b"body"
    assert len(names) == 4
    x = real_inputs()[: task.infer_batch]
    np.testing.assert_allclose(run_plain(plain, x, "looped"), answers(task, weights, x), atol=1e-6)


def opened(model: bytes) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))


def packed(model: Any) -> bytes:
    builder = Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("signature", "name", "size", "named"),
    [("infers", "w", None, "infers"), ("infer", "v", None, "'v'"), ("infer", "w", 5, "5 float32")],
)
def test_what_is_not_there_is_named(signature: str, name: str, size: int | None, named: str) -> None:
    task = load_task("digits")
    with pytest.raises(ArtifactError, match=named):
        with_constant(task.model, signature, name, task.initial_weights[:size], "m.tflite")


def test_a_file_cut_off_anywhere_is_named() -> None:
    task = load_task("digits")
    for size in range(0, len(task.model), 997):
        with pytest.raises(ArtifactError, match=r"m\.tflite"):
            with_constant(task.model[:size], "infer", "w", task.initial_weights, "m.tflite")


def test_bytes_that_flipped_are_an_error_of_ours_or_harmless() -> None:
    task = load_task("digits")
    random = np.random.default_rng(0)
    for place in random.integers(0, len(task.model), 150):
        broken = bytearray(task.model)
        broken[place] ^= 1 << int(random.integers(8))
        with suppress(ArtifactError):
            with_constant(bytes(broken), "infer", "w", task.initial_weights, "m.tflite")


@pytest.mark.parametrize("weights", [np.zeros(3, np.float32), np.full(1, np.nan, np.float32)])
def test_weights_of_another_task_are_refused(weights: NDArray[np.float32]) -> None:
    with pytest.raises(ConfigError, match="digits"):
        plain_model(load_task("digits"), weights)


# The command


def stored(path: Path, weights: NDArray[np.float32] | None, version: int = 7) -> Path:
    with SqliteStore(path) as store:
        if weights is not None:
            store.save_model(Model(version=version, published_s=0.0, base=weights, weights=weights))
    return path


def test_a_store_is_exported_beside_a_running_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = load_task("digits-head")
    weights = learned(task)
    path = stored(tmp_path / "device.db", weights)
    out = tmp_path / "m.tflite"
    with SqliteStore(path):
        assert cli.main(["model", "export", str(path), "--task", "digits-head", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "version 7" in told
    assert "0, 1, 2, 3" in told
    x = real_inputs()[: task.infer_batch]
    np.testing.assert_array_equal(run_plain(out.read_bytes(), x, "m"), answers(task, weights, x))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nowhere.db"], "no such file"),
        (["empty.db"], "holds no weights yet"),
        (["device.db", "--task", "digits-head"], "name the task"),
        (["device.db", "--task", "nowhere.json"], "nowhere.json"),
        (["device.db", "--task", "device.db"], "device.db"),
        (["device.db", "--out", "no/such/folder/m.tflite"], "no/such/folder"),
        (["cut.db"], "cut.db"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    tmp_path: Path,
    arguments: list[str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    task = load_task("digits")
    whole = stored(Path("device.db"), learned(task)).read_bytes()
    stored(Path("empty.db"), None)
    Path("cut.db").write_bytes(whole[: len(whole) // 2])
    out = [] if "--out" in arguments else ["--out", "m.tflite"]
    assert cli.main(["model", "export", *arguments, *out]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert named in told
    assert not Path("m.tflite").exists()


def test_what_answers_is_exported_or_what_is_common(tmp_path: Path) -> None:
    task = load_task("digits")
    weights, own = learned(task), learned(task, seed=1)
    personal = Personal(weights=own, share=0.5, losses=(1.0, 0.5, 0.7))
    model = Model(version=7, published_s=0.0, base=weights, weights=weights, personal=personal)
    path = tmp_path / "device.db"
    with SqliteStore(path) as store:
        store.save_model(model)
    x = real_inputs()[: task.infer_batch]
    for flags, wanted in (([], model.answering), (["--common"], weights)):
        out = tmp_path / "m.tflite"
        assert cli.main(["model", "export", str(path), *flags, "--out", str(out)]) == 0
        np.testing.assert_array_equal(run_plain(out.read_bytes(), x, "m"), answers(task, wanted, x))


@pytest.mark.parametrize("personal", [True, False])
def test_what_a_device_answers_with_is_exported_before_it_has_trained(
    tmp_path: Path, *, personal: bool
) -> None:
    task, path, out = load_task("digits"), tmp_path / "device.db", tmp_path / "m.tflite"
    weights = learned(task)
    own = Personal(weights=learned(task, seed=1), share=0.5, losses=(1.0, 0.5, 0.7))
    with SqliteStore(path) as store:
        store.save_model(Model(version=7, published_s=0.0, base=weights, weights=weights, personal=own))
    table = {
        "store": {"path": str(path)},
        "federation": {"broker": "127.0.0.1:1", "drain_s": 0.0},
        "learning": {"personal": personal},
    }
    runtime = build(parse_config(table))
    assert isinstance(runtime.agent.workload, LearningWorkload)
    serves = runtime.agent.workload.answering
    runtime.stop()
    assert cli.main(["model", "export", str(path), "--out", str(out)]) == 0
    x = real_inputs()[: task.infer_batch]
    np.testing.assert_array_equal(run_plain(out.read_bytes(), x, "m"), answers(task, serves, x))


def test_a_store_of_other_labels_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = load_task("digits")
    reversed_labels = dataclasses.replace(task, labels=task.labels[::-1])
    path = stored(tmp_path / "device.db", learned(task))
    with SqliteStore(path) as store:
        store.claim(reversed_labels.identity, task.parameters)
    assert cli.main(["model", "export", str(path), "--out", str(tmp_path / "m.tflite")]) == 2
    assert "belongs to another task: labels" in capsys.readouterr().err


def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    task = load_task("digits")
    path = stored(tmp_path / "device.db", learned(task))
    linked = tmp_path / "linked.tflite"
    linked.symlink_to(tmp_path / "real.tflite")
    assert cli.main(["model", "export", str(path), "--out", str(linked)]) == 0
    assert linked.is_symlink()
    assert (tmp_path / "real.tflite").is_file()
    assert cli.main(["model", "export", str(path), "--out", os.devnull]) == 0
    assert not Path(os.devnull).is_file()

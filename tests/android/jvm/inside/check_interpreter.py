"""LiteRT's Java methods over the desktop's TFLite: every byte comes out as it does without Java."""

from __future__ import annotations

import threading
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from jnius import autoclass
from tests.android.jvm.inside.desktop import Desktop
from tests.android.jvm.inside.in_threads import in_threads

from circadia.errors import ArtifactError, PlatformUnavailable
from circadia.learning.task_file import SHIPPED, load_task
from circadia.learning.trainer import Trainer
from circadia.learning.vectors import probe_batch
from circadia.policy.artifact import load_policy, shipped_policy
from circadia.policy.network import NetworkPolicy
from circadia.testing.interpreter import InterpreterContract
from circadia.tflite.interpreter import open_interpreter
from circadia.wiring import make_policy
from circadia_app.tflite_java import OpenInJava, OpenOnPhone

if TYPE_CHECKING:
    from circadia.ports import OpenModel
    from circadia_app.jvm import Jvm

FILES = (
    "data/probe.tflite",
    "learning/data/digits-head.tflite",
    "learning/data/digits.tflite",
    "policy/data/default.tflite",
)


@pytest.fixture(scope="session")
def desktop() -> Desktop:
    made = Desktop()
    autoclass("org.circadia.fake.Phone").compute(made)
    return made


@pytest.fixture
def opened(jvm: Jvm, desktop: Desktop) -> OpenInJava:
    return OpenInJava(jvm)


class TestThroughJava(InterpreterContract):
    @pytest.fixture(autouse=True)
    def _opened(self, opened: OpenInJava) -> None:
        self._open = opened

    def make(self) -> OpenModel:
        return self._open


def arrays(details: dict[str, Any], seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    made: dict[str, Any] = {}
    for name, one in details.items():
        kind, shape = np.dtype(one["dtype"]), tuple(int(n) for n in one["shape"])
        whole = kind.kind in "iu"
        low, high = (0, 3) if kind == np.int32 else (-128, 128)
        made[name] = (
            random.integers(low, high, shape).astype(kind) if whole else random.random(shape).astype(kind)
        )
        if name == "lr":
            made[name] = np.float32(0.05)
        if name == "w":
            made[name] = random.normal(0, 0.1, shape).astype(kind)
    return made


@pytest.mark.parametrize("file", FILES)
def test_all_shipped_files_are_bit_equal(file: str, opened: OpenInJava) -> None:
    model = resources.files("circadia").joinpath(file).read_bytes()
    java, plain = opened(model, name=file), open_interpreter(model, name=file)
    for told, wanted in (
        (java.get_input_details(), plain.get_input_details()),
        (java.get_output_details(), plain.get_output_details()),
    ):
        for one, other in zip(told, wanted, strict=True):
            assert (one["name"], one["index"], one["dtype"]) == (
                other["name"],
                other["index"],
                other["dtype"],
            )
            assert one["quantization"] == pytest.approx(other["quantization"], rel=1e-7)
            np.testing.assert_array_equal(one["shape"], other["shape"])
    assert java.get_signature_list() == plain.get_signature_list()
    for key in plain.get_signature_list():
        runner, reference = java.get_signature_runner(key), plain.get_signature_runner(key)
        for seed in range(5):
            given = arrays(reference.get_input_details(), seed)
            answer, wanted_answer = runner(**given), reference(**given)
            assert answer.keys() == wanted_answer.keys()
            for name, array in answer.items():
                assert array.tobytes() == np.asarray(wanted_answer[name]).tobytes(), (key, name)
                assert array.dtype == wanted_answer[name].dtype
                assert array.shape == wanted_answer[name].shape
    if not plain.get_signature_list():
        for seed in range(20):
            for one in plain.get_input_details():
                value = arrays({"x": one}, seed)["x"]
                java.set_tensor(one["index"], value)
                plain.set_tensor(one["index"], value)
            java.invoke()
            plain.invoke()
            for one in plain.get_output_details():
                assert java.get_tensor(one["index"]).tobytes() == plain.get_tensor(one["index"]).tobytes()


@pytest.mark.parametrize("name", SHIPPED)
def test_training_comes_to_the_same_weights(name: str, opened: OpenInJava) -> None:
    task = load_task(name)
    random = np.random.default_rng(1)
    batches = []
    for _ in range(8):
        given: dict[str, Any] = probe_batch(task.batch, task.input_shape, len(task.labels))
        batches.append((given["x"] + random.normal(0, 0.1, given["x"].shape).astype(np.float32), given["y"]))
    through_java, loss = Trainer(task, opened).train(task.initial_weights, batches)
    plainly, wanted = Trainer(task).train(task.initial_weights, batches)
    assert through_java.tobytes() == plainly.tobytes()
    assert loss == wanted
    assert through_java.tobytes() != task.initial_weights.tobytes(), "nothing was learned"


def test_the_policy_decides_the_same(opened: OpenInJava) -> None:
    artifact = load_policy(shipped_policy())
    java, plain = NetworkPolicy(artifact, opened), NetworkPolicy(artifact)
    random = np.random.default_rng(2)
    for _ in range(50):
        x = random.random(len(artifact.manifest.table)).astype(np.float32)
        np.testing.assert_array_equal(java.scores(x), plain.scores(x))
        np.testing.assert_array_equal(java.sleep_scores(x), plain.sleep_scores(x))


def test_the_number_of_threads_arrives(opened: OpenInJava, desktop: Desktop) -> None:
    model = resources.files("circadia").joinpath("data/probe.tflite").read_bytes()
    opened(model, name="probe", threads=3)
    assert desktop.threads[-1] == 3


def test_arrays_that_do_not_fit_are_refused_before_java(opened: OpenInJava) -> None:
    task = load_task("digits")
    infer = opened(task.model, name="digits").get_signature_runner("infer")
    x, w = np.zeros((task.infer_batch, *task.input_shape), np.float32), task.initial_weights
    for given in (
        {"x": x},
        {"x": x[:1], "w": w},
        {"x": x.astype(np.float64), "w": w},
        {"x": x, "w": w, "y": x},
    ):
        with pytest.raises(ValueError, match=r"infer takes|given"):
            infer(**given)
    opened_probe = opened(
        resources.files("circadia").joinpath("data/probe.tflite").read_bytes(), name="probe"
    )
    with pytest.raises(ValueError, match="no input"):
        opened_probe.set_tensor(999, x)
    with pytest.raises(ValueError, match="no output of a run"):
        opened_probe.get_tensor(opened_probe.get_output_details()[0]["index"])
    with pytest.raises(ValueError, match="no signature"):
        opened_probe.get_signature_runner("train")


def test_interpreters_of_many_threads_leave_none_in_java(jvm: Jvm, opened: OpenInJava) -> None:
    import gc
    import time

    phone = autoclass("org.circadia.fake.Phone")
    task = load_task("digits-head")
    x = probe_batch(task.infer_batch, task.input_shape, len(task.labels))["x"]
    wanted = open_interpreter(task.model, name="t").get_signature_runner("infer")(x=x, w=task.initial_weights)

    def work() -> None:
        infer = opened(task.model, name="t").get_signature_runner("infer")
        for _ in range(5):
            assert (
                infer(x=x, w=task.initial_weights)["probabilities"].tobytes()
                == wanted["probabilities"].tobytes()
            )

    work()
    before = phone.threads()
    assert in_threads(work, 20) == []
    gc.collect()
    end_s = time.monotonic() + 10
    while phone.threads() > before and time.monotonic() < end_s:
        time.sleep(0.05)
    assert phone.threads() <= before
    assert threading.active_count() == 1


def test_a_closed_interpreter_is_let_go_of_in_java(opened: OpenInJava) -> None:
    from circadia.errors import SensorError

    model = resources.files("circadia").joinpath("data/probe.tflite").read_bytes()
    made = opened(model, name="probe")
    made._closes()
    with pytest.raises(SensorError, match="is closed"):
        made.invoke()


def test_without_the_bridge_policies_are_still_computed(jvm: Jvm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circadia_app.tflite_java.BRIDGE", "org.circadia.android.Missing")
    opened = OpenOnPhone(jvm)
    assert "org.circadia.android.Missing" in opened.trouble
    assert make_policy("default", opened).name == "default"
    with pytest.raises(PlatformUnavailable, match="Missing"):
        load_task("digits", opened)


def test_with_the_bridge_everything_goes_through_it(jvm: Jvm, desktop: Desktop) -> None:
    opened = OpenOnPhone(jvm)
    before = len(desktop.opened)
    assert load_task("digits", opened).name == "digits"
    assert make_policy("default", opened).name == "default"
    assert len(desktop.opened) > before
    with pytest.raises(ArtifactError, match="my model"):
        opened(b"nothing", name="my model")

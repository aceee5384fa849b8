"""A user's net → a `.tflite` with the three signatures, its weights, and what the net itself answers.

A program of its own, run by `make.py` in an environment with TensorFlow: one process must not load TensorFlow and then
tflite-runtime.

    convert.main(["ORDER.json", "FOLDER"])

It writes `net.tflite`, `net.npz` and `report.json` into the folder; what is wrong with the user's net goes to
`refused.txt`, with exit code 3.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from circadia.learning.vectors import probe_batch
from circadia_lab.data.tasks.gradients import register
from circadia_lab.data.tasks.graph import Net

if TYPE_CHECKING:
    from types import ModuleType

SIGNATURES = ("train", "infer", "evaluate")
REFUSED = 3
UNDECIDED = 1e-4
"""Between the two largest probabilities."""
UNLEARNED = "BatchNormalization"
"""Layers that stay as they are: their statistics belong to large batches."""


class RefusedError(Exception):
    """The user's net cannot become a task; the message says why and what to do."""


def main(arguments: list[str]) -> int:
    """`REFUSED` for a net that cannot become a task."""
    order_path, folder = map(Path, arguments)
    order = json.loads(order_path.read_text(encoding="utf-8"))
    register()
    try:
        _make(order, folder)
    except RefusedError as error:
        (folder / "refused.txt").write_text(str(error), encoding="utf-8")
        return REFUSED
    return 0


def _make(order: dict[str, Any], folder: Path) -> None:
    brought = _brought(order["source"], order["function"])
    if all(hasattr(brought, name) for name in SIGNATURES):
        module, weights, shape, report = _own(brought, order)
        _check_labels(report["classes"], order["labels"])
    else:
        net, report = _net(brought, order)
        _check_labels(report["classes"], order["labels"])
        module, weights, shape = signatures(net, order["batches"]), net.weights(), net.input_shape
    (folder / "net.tflite").write_bytes(_converted(module))
    native = (
        _answers(module, weights, shape, report["classes"], order) if report["own"] else _native(net, order)
    )
    np.savez(folder / "net.npz", weights=weights, **native)
    report |= {"parameters": int(weights.size), "input_shape": list(shape), "batches": order["batches"]}
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")


def _check_labels(classes: int, labels: list[str]) -> None:
    if classes != len(labels):
        raise RefusedError(f"answers {classes} classes, and --labels has {len(labels)}: {', '.join(labels)}")


# What the user brought


def _brought(source: str, function: str) -> Any:
    if function:
        return getattr(_module(Path(source)), function)()
    import keras

    try:
        return keras.models.load_model(source, compile=False)
    except (ValueError, OSError, TypeError) as error:
        raise RefusedError(
            f"Keras cannot load it: {error}; give FILE.py:FUNCTION that returns the model"
        ) from error


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise RefusedError("the file is no Python program")
    sys.path.insert(0, str(path.parent))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _net(brought: Any, order: dict[str, Any]) -> tuple[Net, dict[str, Any]]:
    import keras

    if isinstance(brought, keras.Model):
        net, frozen = _keras_net(brought, order)
    elif isinstance(brought, tf.Module) and callable(brought):
        net, frozen = _module_net(brought, order)
    else:
        raise RefusedError(
            f"gave a {type(brought).__name__}; a task is made of a Keras model, or of a tf.Module that "
            "can be called or has the functions train, infer and evaluate"
        )
    if len(net.answer_shape) != 2:
        raise RefusedError(
            f"answers with {list(net.answer_shape)} for one row; a task answers with one number a class"
        )
    if half := sorted({v.dtype.name for v in net.trained} - {"float32"}):
        raise RefusedError(f"has weights of type {', '.join(half)}; a task's are float32")
    if not net.parameters:
        raise RefusedError("has no weights that are trained; set trainable = True on a layer")
    if found := net.hindrances():
        raise RefusedError(_told(found))
    report = {"own": False, "classes": net.classes, "activation": net.activation, "frozen": frozen}
    return net, report | {"replaced": net.replaced}


def _told(found: list[Any]) -> str:
    by_layer: dict[str, list[str]] = {}
    for hindrance in found:
        by_layer.setdefault(hindrance.layer, []).append(hindrance.operator)
    layers = "; ".join(f"{layer} ({', '.join(ops[:4])})" for layer, ops in by_layer.items())
    return (
        f"these layers cannot be trained on a device: {layers}. Take others, freeze them and all before them "
        "(layer.trainable = False), or train the last layer alone: --head"
    )


def _keras_net(model: Any, order: dict[str, Any]) -> tuple[Net, list[str]]:
    if len(model.inputs or [None]) != 1 or len(model.outputs or [None]) != 1:
        raise RefusedError("has several inputs or outputs; a task has one of each")
    shape = order["input_shape"] or list(model.input_shape[1:])
    if any(n is None for n in shape) or not shape:
        raise RefusedError(f"takes inputs of shape {shape}, which is open; fix it with --input-shape")
    layers = [layer for layer in _flat(model) if layer.trainable_variables]
    learned = [layer for layer in layers if type(layer).__name__ != UNLEARNED]
    if order["head"]:
        if not learned or type(learned[-1]).__name__ != "Dense":
            raise RefusedError("--head needs a Dense layer at the end")
        learned = learned[-1:]
    frozen = [layer.name for layer in _flat(model) if layer.weights and layer not in learned]
    trained = [variable.value for layer in learned for variable in layer.trainable_variables]
    net = Net(
        lambda x: model(x, training=False), shape, trained, layers=[layer.name for layer in _flat(model)]
    )
    return net, frozen


def _flat(model: Any) -> list[Any]:
    """The layers at the bottom, in order."""
    found: list[Any] = []
    for layer in model.layers:
        found += _flat(layer) if hasattr(layer, "layers") else [layer]
    return found


def _module_net(module: Any, order: dict[str, Any]) -> tuple[Net, list[str]]:
    shape = order["input_shape"] or getattr(module, "input_shape", None)
    if not shape:
        raise RefusedError(
            "a tf.Module does not say what goes in; use --input-shape, or give it an attribute input_shape"
        )
    if order["head"]:
        raise RefusedError("--head is for Keras models; make what is frozen a constant")
    call = type(module).__call__
    plain = getattr(call, "python_function", call)  # or the gradients inside would be TensorFlow's
    return Net(lambda x: plain(module, x), shape, module.trainable_variables), []


# The signatures


def signatures(net: Net, batches: dict[str, int]) -> Any:
    """A module whose three functions become the file's signatures (`circadia.learning.signatures`)."""

    def train(x: Any, y: Any, mask: Any, lr: Any, w: Any) -> Any:
        loss = mean_loss(net.logits(x, w), y, mask)
        return {"loss": loss, "w": w - lr * tf.gradients(loss, w)[0]}

    def infer(x: Any, w: Any) -> Any:
        return {"probabilities": tf.nn.softmax(net.logits(x, w))}

    def evaluate(x: Any, y: Any, mask: Any, w: Any) -> Any:
        scores = net.logits(x, w)
        right = tf.cast(tf.equal(tf.argmax(scores, axis=1, output_type=tf.int32), y), tf.float32)
        return {"correct": tf.reduce_sum(right * mask), "loss": mean_loss(scores, y, mask)}

    def batch(n: int) -> list[Any]:
        return [
            tf.TensorSpec([n, *net.input_shape], tf.float32, name="x"),
            tf.TensorSpec([n], tf.int32, name="y"),
            tf.TensorSpec([n], tf.float32, name="mask"),
        ]

    w, lr = tf.TensorSpec([net.parameters], tf.float32, name="w"), tf.TensorSpec([], tf.float32, name="lr")
    module = tf.Module()
    module.kept = net.kept  # loops read their variables themselves; the converter makes constants of them
    made = {
        "train": (train, [*batch(batches["train"]), lr, w]),
        "infer": (infer, [batch(batches["infer"])[0], w]),
        "evaluate": (evaluate, [*batch(batches["evaluate"]), w]),
    }
    for name, (function, signature) in made.items():
        setattr(module, name, tf.function(function, input_signature=signature, autograph=False))
    return module


def mean_loss(scores: Any, y: Any, mask: Any) -> Any:
    """Cross-entropy of logits (n, classes), averaged over the rows where mask is 1."""
    likelihood = tf.reduce_sum(tf.nn.log_softmax(scores) * tf.one_hot(y, scores.shape[1]), axis=1)
    return -tf.reduce_sum(likelihood * mask) / tf.maximum(tf.reduce_sum(mask), 1.0)


def _converted(module: Any) -> bytes:
    """The `.tflite`, builtin operators only."""
    with tempfile.TemporaryDirectory() as folder:
        # They are in the graph already, computed out of what a device has.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(
            module, folder, signatures={n: getattr(module, n) for n in SIGNATURES}, options=options
        )
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(SIGNATURES))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            return bytes(converter.convert())
        except Exception as error:  # the converter raises its own, bare Exception among them
            lines = [line for line in str(error).splitlines() if "tf." in line] or str(error).splitlines()
            raise RefusedError(
                f"TensorFlow's converter refuses the net: {' '.join(lines[-3:])[:600]}; a device has TFLite's builtin operators only"
            ) from error


# What the net itself answers: the yardstick of the file's test vectors


def _native(net: Net, order: dict[str, Any]) -> dict[str, Any]:
    """Computed by the user's own net, with TensorFlow's own operators and gradients."""
    train, infer, evaluate = (
        probe_batch(order["batches"][name], net.input_shape, net.classes) for name in SIGNATURES
    )
    with tf.GradientTape() as tape:
        loss = _loss(net, train)
    gradients = tape.gradient(loss, net.trained, unconnected_gradients="zero")
    change = np.concatenate([-order["learning_rate"] * g.numpy().ravel() for g in gradients])
    judged = _probabilities(net, evaluate["x"]).numpy()
    best = judged.argmax(1)
    return {
        "ties": _ties(judged, evaluate["mask"]),
        "train_loss": float(loss),
        "train_change": change.astype(np.float32),
        "infer": _probabilities(net, infer["x"]).numpy(),
        "evaluate": [float(((best == evaluate["y"]) * evaluate["mask"]).sum()), float(_loss(net, evaluate))],
    }


def _probabilities(net: Net, x: Any) -> Any:
    answer = net.call(tf.constant(x))
    if net.outputs == 1:
        one = answer if net.activation == "sigmoid" else tf.sigmoid(answer)
        return tf.concat([1.0 - one, one], axis=1)
    return answer if net.activation == "softmax" else tf.nn.softmax(answer)


def _ties(probabilities: Any, mask: Any) -> int:
    """Rows whose answer hangs on less than interpreters differ by."""
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    return int(((first - second < UNDECIDED) * mask).sum())


def _loss(net: Net, batch: dict[str, Any]) -> Any:
    probabilities = _probabilities(net, batch["x"])
    chosen = tf.reduce_sum(probabilities * tf.one_hot(batch["y"], net.classes), axis=1)
    return -tf.reduce_sum(tf.math.log(tf.maximum(chosen, 1e-30)) * batch["mask"]) / batch["mask"].sum()


def _own(module: Any, order: dict[str, Any]) -> tuple[Any, Any, tuple[int, ...], dict[str, Any]]:
    """A tf.Module that has the three functions already, each with its `input_signature`."""
    weights = getattr(module, "initial_weights", None)
    if weights is None:
        raise RefusedError(
            "the module has train, infer and evaluate, but no initial_weights, a flat float32 array"
        )
    traced = module.infer.get_concrete_function()
    shape = tuple(int(n) for n in traced.structured_input_signature[0][0].shape[1:])
    classes = int(traced.structured_outputs["probabilities"].shape[1])
    report = {"own": True, "classes": classes, "activation": "own", "frozen": [], "replaced": {}}
    order["batches"] = {
        name: int(getattr(module, name).get_concrete_function().structured_input_signature[0][0].shape[0])
        for name in SIGNATURES
    }
    return module, np.asarray(weights, np.float32), shape, report


def _answers(
    module: Any, weights: Any, shape: tuple[int, ...], classes: int, order: dict[str, Any]
) -> dict[str, Any]:
    """By the module's own functions."""
    train, infer, evaluate = (probe_batch(order["batches"][name], shape, classes) for name in SIGNATURES)
    stepped = module.train(train["x"], train["y"], train["mask"], np.float32(order["learning_rate"]), weights)
    judged = module.evaluate(evaluate["x"], evaluate["y"], evaluate["mask"], weights)
    m = order["batches"]["infer"]
    padded = np.concatenate([evaluate["x"], np.zeros((-len(evaluate["x"]) % m, *shape), np.float32)])
    asked = [
        module.infer(padded[start : start + m], weights)["probabilities"]
        for start in range(0, len(padded), m)
    ]
    return {
        "ties": _ties(np.concatenate(asked)[: len(evaluate["x"])], evaluate["mask"]),
        "train_loss": float(stepped["loss"]),
        "train_change": stepped["w"].numpy() - weights,
        "infer": module.infer(infer["x"], weights)["probabilities"].numpy(),
        "evaluate": [float(judged["correct"]), float(judged["loss"])],
    }

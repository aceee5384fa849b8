"""A `Task`: what a device learns and serves. Users bring their own; `task_file` has the two that are shipped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ArtifactError, ConfigError
from circadia.learning.identity import TaskIdentity
from circadia.learning.signatures import read_sizes
from circadia.ranges import is_whole
from circadia.tflite.interpreter import open_interpreter
from circadia.tflite.model_file import check_model_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.ports import OpenModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """A model file with stateless signatures, the names of its labels, and where its weights start.

    The signatures (see `circadia.learning.signatures`) use builtin operators and fixed batches only, and take all
    weights as one flat float32 vector. A linear classifier of 8×8 images, written with TensorFlow::

        import tensorflow as tf

        X, Y = tf.TensorSpec([16, 8, 8, 1], name="x"), tf.TensorSpec([16], tf.int32, name="y")
        MASK, LR, W = (tf.TensorSpec(s, name=n) for s, n in (([16], "mask"), ([], "lr"), ([650], "w")))

        def scores(x, w):
            kernel, bias = tf.split(w, [640, 10])
            return tf.reshape(x, [16, 64]) @ tf.reshape(kernel, [64, 10]) + bias

        def loss(x, y, mask, w):
            chosen = tf.reduce_sum(tf.nn.log_softmax(scores(x, w)) * tf.one_hot(y, 10), axis=1)
            return -tf.reduce_sum(chosen * mask) / tf.maximum(tf.reduce_sum(mask), 1.0)

        def train(x, y, mask, lr, w):
            value = loss(x, y, mask, w)
            return {"loss": value, "w": w - lr * tf.gradients(value, w)[0]}

        def evaluate(x, y, mask, w):
            right = tf.cast(tf.argmax(scores(x, w), 1, tf.int32) == y, tf.float32)
            return {"correct": tf.reduce_sum(right * mask), "loss": loss(x, y, mask, w)}

        net = tf.Module()
        net.train = tf.function(train, [X, Y, MASK, LR, W])
        net.infer = tf.function(lambda x, w: {"probabilities": tf.nn.softmax(scores(x, w))}, [X, W])
        net.evaluate = tf.function(evaluate, [X, Y, MASK, W])
        tf.saved_model.save(net, "net", {n: getattr(net, n) for n in ("train", "infer", "evaluate")})
        open("net.tflite", "wb").write(tf.lite.TFLiteConverter.from_saved_model("net").convert())

    And on the device::

        task = Task.from_tflite("net.tflite", labels="0123456789", input_shape=(8, 8, 1),
                                initial_weights=np.zeros(650, np.float32), learning_rate=0.1)
    """

    name: str
    model: bytes
    """The `.tflite` file."""
    labels: tuple[str, ...]
    input_shape: tuple[int, ...]
    """Of one x."""
    initial_weights: NDArray[np.float32]
    """(parameters,) what an unfederated device starts from."""
    learning_rate: float
    batch: int
    """Rows of a training step."""
    infer_batch: int
    evaluate_batch: int
    scaling: str = ""
    """In words: how raw data become x, where the model does not do that itself."""
    digest: str = field(init=False)
    """SHA-256 of `model` in hexadecimal digits; the task is told from others by `identity`."""
    identity: TaskIdentity = field(init=False)
    """What makes it this task and no other, in the federation and for a store."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.sha256(self.model).hexdigest())
        identity = TaskIdentity(
            model=self.digest, labels=self.labels, input_shape=self.input_shape, scaling=self.scaling
        )
        object.__setattr__(self, "identity", identity)

    @property
    def parameters(self) -> int:
        """Length of the flat weight vector."""
        return self.initial_weights.size

    def label_index(self, label: int | str) -> int:
        """The number of a label given by name or by number; `ConfigError` for one that the task does not know.

        Half a label is none, and neither is `True`.
        """
        if isinstance(label, str):
            if label in self.labels:
                return self.labels.index(label)
        elif is_whole(label) and 0 <= label < len(self.labels):
            return int(label)
        raise ConfigError(
            f"label {label!r}: task {self.name} knows {', '.join(self.labels)}, or their numbers from 0 to {len(self.labels) - 1}"
        )

    @classmethod
    def from_tflite(
        cls,
        model_path: str | Path,
        *,
        labels: Sequence[str],
        input_shape: Sequence[int],
        initial_weights: NDArray[np.float32],
        learning_rate: float,
        name: str = "",
        scaling: str = "",
    ) -> Task:
        """The task in a `.tflite` file; batches and parameters are read from its signatures.

        `name` is the file's own unless given. `ArtifactError` names the file, and the signature or tensor in it that
        is not as it must be; `ConfigError` a wrong argument.
        """
        path = Path(model_path)
        try:
            model = path.read_bytes()
        except OSError as error:
            raise ArtifactError(
                f"{path}: cannot be read ({error.strerror}); name a .tflite file that is there"
            ) from error
        return cls.from_model(
            model,
            name=name or path.stem,
            labels=tuple(labels),
            input_shape=tuple(input_shape),
            initial_weights=initial_weights,
            learning_rate=learning_rate,
            scaling=scaling,
        )

    @classmethod
    def from_model(
        cls,
        model: bytes,
        *,
        name: str,
        labels: tuple[str, ...],
        input_shape: tuple[int, ...],
        initial_weights: NDArray[np.float32],
        learning_rate: float,
        scaling: str = "",
        open_model: OpenModel = open_interpreter,
    ) -> Task:
        """The task of a `.tflite` file's bytes, checked like `from_tflite`."""
        if len(labels) < 2 or len(set(labels)) != len(labels):
            raise ConfigError(f"task {name}: labels {labels} must be two or more different names")
        if not 0 < learning_rate < np.inf:
            raise ConfigError(f"task {name}: learning rate {learning_rate} must be positive and finite")
        check_model_file(model, f"task {name}")
        sizes = read_sizes(open_model(model, name=name), name, input_shape, len(labels))
        weights = np.array(initial_weights, np.float32)
        if weights.shape != (sizes.parameters,) or not np.isfinite(weights).all():
            raise ConfigError(
                f"task {name}: initial weights {weights.shape} must be ({sizes.parameters},) finite numbers"
            )
        weights.flags.writeable = False
        return cls(
            name=name,
            model=model,
            labels=labels,
            input_shape=input_shape,
            initial_weights=weights,
            learning_rate=learning_rate,
            batch=sizes.train_batch,
            infer_batch=sizes.infer_batch,
            evaluate_batch=sizes.evaluate_batch,
            scaling=scaling,
        )

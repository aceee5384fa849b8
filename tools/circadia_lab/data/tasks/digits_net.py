"""The digits net in TensorFlow, converted to a `.tflite` with three stateless signatures.

The only file that imports TensorFlow. It runs as a program of its own, in the environment of `build.py`:

    python digits_net.py SPECIFICATION.npz OUT.tflite

    train(x, y, mask, lr, w) -> loss, w       infer(x, w) -> probabilities
    evaluate(x, y, mask, w) -> correct, loss

Ordinary layers would give the same numbers, but their gradients need operators that the interpreter on a
device lacks. So: windows by one gather, convolution as a matrix product, pooling and relu with gradients
written out.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


def _relu(z: Any) -> Any:
    return tf.maximum(z, 0.0), lambda d: d * tf.cast(z > 0, d.dtype)


def _larger_half(z: Any) -> Any:
    left, right = tf.split(z, 2)

    def gradient(d: Any) -> Any:
        to_left = d * tf.cast(left >= right, d.dtype)
        return tf.concat([to_left, d - to_left], 0)

    return tf.maximum(left, right), gradient


relu = tf.custom_gradient(_relu)
larger_half = tf.custom_gradient(_larger_half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """What `build.py` decides: the net's shapes, its frozen part, the batch of each signature."""

    patch_pixels: Any
    shapes: tuple[tuple[int, ...], ...]
    frozen: Any
    """Flat weights of the first tensors, kept as constants; the signature's `w` holds the others."""
    train_batch: int
    infer_batch: int
    evaluate_batch: int

    @property
    def sizes(self) -> list[int]:
        """Elements of every tensor."""
        return [int(np.prod(shape)) for shape in self.shapes]

    @property
    def parameters(self) -> int:
        """Length of `w`."""
        return sum(self.sizes) - len(self.frozen)

    def split(self, w: Any) -> list[Any]:
        """All tensors of the net: the frozen ones as constants, the others out of `w`."""
        tensors, start = [], 0
        for size, shape in zip(self.sizes, self.shapes, strict=True):
            source, offset = (
                (self.frozen, start) if start < len(self.frozen) else (w, start - len(self.frozen))
            )
            tensors.append(tf.reshape(tf.slice(source, [offset], [size]), shape))
            start += size
        return tensors


def read_specification(path: Path) -> Specification:
    """The arrays that `build.py` wrote."""
    with np.load(path) as arrays:
        flat = arrays["shapes"]
        return Specification(
            patch_pixels=arrays["patch_pixels"],
            shapes=tuple(tuple(int(n) for n in row if n) for row in flat),
            frozen=arrays["frozen"],
            train_batch=int(arrays["train_batch"]),
            infer_batch=int(arrays["infer_batch"]),
            evaluate_batch=int(arrays["evaluate_batch"]),
        )


def logits(net: Specification, x: Any, tensors: list[Any]) -> Any:
    """(n, 8, 8, 1) → (n, 10); the pool's four cells lead, so that its halves lie together."""
    w1, b1, w2, b2, w3, b3 = tensors
    batch, window = x.shape[0], w1.shape[0]
    pixels = tf.transpose(tf.reshape(x, [batch, -1]))  # a gather of whole rows is much faster than of columns
    order = net.patch_pixels.reshape(-1, window).T.ravel()
    patches = tf.reshape(tf.gather(pixels, order), [window, -1])
    cells = tf.matmul(patches, w1, transpose_a=True)  # (pool cell · position · batch, filters)
    pooled = relu(larger_half(larger_half(cells)) + b1)
    features = tf.reshape(tf.transpose(tf.reshape(pooled, [-1, batch, w1.shape[1]]), [1, 0, 2]), [batch, -1])
    return tf.matmul(relu(tf.matmul(features, w2) + b2), w3) + b3


def mean_loss(scores: Any, y: Any, mask: Any) -> Any:
    """Cross-entropy, averaged over the rows where mask is 1."""
    likelihood = tf.reduce_sum(tf.nn.log_softmax(scores) * tf.one_hot(y, scores.shape[1]), axis=1)
    return -tf.reduce_sum(likelihood * mask) / tf.maximum(tf.reduce_sum(mask), 1.0)


def signatures(net: Specification) -> Any:
    """A module whose three functions become the file's signatures."""

    def train(x: Any, y: Any, mask: Any, lr: Any, w: Any) -> Any:
        with tf.GradientTape() as tape:
            tensors = net.split(w)
            starts = np.cumsum([0, *net.sizes[:-1]])
            trained = [t for t, start in zip(tensors, starts, strict=True) if start >= len(net.frozen)]
            tape.watch(trained)
            loss = mean_loss(logits(net, x, tensors), y, mask)
        gradient = tf.concat([tf.reshape(g, [-1]) for g in tape.gradient(loss, trained)], axis=0)
        return {"loss": loss, "w": w - lr * gradient}

    def infer(x: Any, w: Any) -> Any:
        return {"probabilities": tf.nn.softmax(logits(net, x, net.split(w)))}

    def evaluate(x: Any, y: Any, mask: Any, w: Any) -> Any:
        scores = logits(net, x, net.split(w))
        right = tf.cast(tf.equal(tf.argmax(scores, axis=1, output_type=tf.int32), y), tf.float32)
        return {"correct": tf.reduce_sum(right * mask), "loss": mean_loss(scores, y, mask)}

    module = tf.Module()
    w = tf.TensorSpec([net.parameters], tf.float32, name="w")
    lr = tf.TensorSpec([], tf.float32, name="lr")
    module.train = tf.function(train, input_signature=[*batch_of(net.train_batch), lr, w])
    module.infer = tf.function(infer, input_signature=[batch_of(net.infer_batch)[0], w])
    module.evaluate = tf.function(evaluate, input_signature=[*batch_of(net.evaluate_batch), w])
    return module


def batch_of(n: int) -> list[Any]:
    """x, y and mask of a signature."""
    return [
        tf.TensorSpec([n, 8, 8, 1], tf.float32, name="x"),
        tf.TensorSpec([n], tf.int32, name="y"),
        tf.TensorSpec([n], tf.float32, name="mask"),
    ]


def convert(module: Any) -> bytes:
    """The `.tflite`, builtin operators only."""
    with tempfile.TemporaryDirectory() as folder:
        names = ("train", "infer", "evaluate")
        tf.saved_model.save(module, folder, signatures={n: getattr(module, n) for n in names})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(names))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return bytes(converter.convert())


def main(specification: str, out: str) -> None:
    """Read the specification, write the file."""
    Path(out).write_bytes(convert(signatures(read_specification(Path(specification)))))


if __name__ == "__main__":
    main(*sys.argv[1:])

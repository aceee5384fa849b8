"""tf.Modules for `circadia task make modules.py:NAME`. Needs TensorFlow, and no Keras."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class Line(tf.Module):
    """One that can be called, written with plain operators: places that look at each other."""

    input_shape = (4, 6)

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(tf.random.stateless_normal([6, 8], (1, 2)))
        self.bias = tf.Variable(tf.zeros([8]))
        self.out = tf.Variable(tf.random.stateless_normal([8, 3], (3, 4)))
        self.shift = tf.Variable(tf.ones([6]), trainable=False)

    @tf.function
    def __call__(self, x: Any) -> Any:
        """(n, 4, 6) → (n, 3) logits."""
        seen = tf.nn.relu(tf.matmul(x - self.shift, self.kernel) + self.bias)
        alike = tf.nn.softmax(tf.matmul(seen, tf.transpose(seen, [0, 2, 1])))
        return tf.matmul(tf.reduce_mean(tf.matmul(alike, seen), axis=1), self.out)


def line() -> tf.Module:
    """A net."""
    return Line()


class Own(tf.Module):
    """One that has the three signatures already: a linear classifier of 8×8 images."""

    initial_weights = tf.zeros([650]).numpy()

    @tf.function(
        input_signature=[
            tf.TensorSpec([16, 8, 8, 1], name="x"),
            tf.TensorSpec([16], tf.int32, name="y"),
            tf.TensorSpec([16], name="mask"),
            tf.TensorSpec([], name="lr"),
            tf.TensorSpec([650], name="w"),
        ]
    )
    def train(self, x: Any, y: Any, mask: Any, lr: Any, w: Any) -> Any:
        """One step."""
        loss = _loss(x, y, mask, w)
        return {"loss": loss, "w": w - lr * tf.gradients(loss, w)[0]}

    @tf.function(input_signature=[tf.TensorSpec([32, 8, 8, 1], name="x"), tf.TensorSpec([650], name="w")])
    def infer(self, x: Any, w: Any) -> Any:
        """Answers."""
        return {"probabilities": tf.nn.softmax(_scores(x, w))}

    @tf.function(
        input_signature=[
            tf.TensorSpec([64, 8, 8, 1], name="x"),
            tf.TensorSpec([64], tf.int32, name="y"),
            tf.TensorSpec([64], name="mask"),
            tf.TensorSpec([650], name="w"),
        ]
    )
    def evaluate(self, x: Any, y: Any, mask: Any, w: Any) -> Any:
        """How good they are."""
        right = tf.cast(tf.argmax(_scores(x, w), 1, tf.int32) == y, tf.float32)
        return {"correct": tf.reduce_sum(right * mask), "loss": _loss(x, y, mask, w)}


def _scores(x: Any, w: Any) -> Any:
    kernel, bias = tf.split(w, [640, 10])
    return tf.reshape(x, [-1, 64]) @ tf.reshape(kernel, [64, 10]) + bias


def _loss(x: Any, y: Any, mask: Any, w: Any) -> Any:
    chosen = tf.reduce_sum(tf.nn.log_softmax(_scores(x, w)) * tf.one_hot(y, 10), axis=1)
    return -tf.reduce_sum(chosen * mask) / tf.maximum(tf.reduce_sum(mask), 1.0)


def own() -> tf.Module:
    """A module with signatures of its own."""
    return Own()

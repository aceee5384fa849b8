"""tf.Modules for `circadia task make modules.py:NAME`. Needs TensorFlow, and no Keras."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class Line(tf.Module):
    """One that can be called, written with plain operators."""

    input_shape = (6,)

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(tf.random.stateless_normal([6, 8], (1, 2)))
        self.bias = tf.Variable(tf.zeros([8]))
        self.out = tf.Variable(tf.random.stateless_normal([8, 3], (3, 4)))
        self.shift = tf.Variable(tf.ones([6]), trainable=False)

    @tf.function
    def __call__(self, x: Any) -> Any:
        """(n, 6) → (n, 3) logits."""
        return tf.matmul(tf.nn.relu(tf.matmul(x - self.shift, self.kernel) + self.bias), self.out)


def line() -> tf.Module:
    """A net."""
    return Line()

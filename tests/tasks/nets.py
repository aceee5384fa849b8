r"""The nets whose tasks lie here, and some that cannot become one; for `circadia task make nets.py:NAME`. Needs Keras.

circadia task make nets.py:motion --name motion --labels Standing,Running,Walking,Badminton --learning-rate 0.1 \
        --out . --scaling "mean, deviation and mean step of six axes over 2 s at 10 Hz, each / 10"
circadia task make nets.py:conv --name conv --labels 0,1,2,3,4,5,6,7,8,9 --learning-rate 0.2 --out .
"""

from __future__ import annotations

from typing import Any

import keras

layers = keras.layers


def motion() -> Any:
    """Activities out of 18 numbers; dense."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((18,)), layers.Dense(32, activation="relu"), layers.Dense(4, activation="softmax")]
    )


def conv() -> Any:
    """Digits of 8×8 pixels, with convolutions, pools and a layer that stays as it is."""
    keras.utils.set_random_seed(1)
    return keras.Sequential([
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(2),
        layers.Conv2D(16, 3, padding="same"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.2),
        layers.Dense(10),
    ])  # fmt: skip


def zoo() -> Any:
    """Nearly everything that can be trained, in a graph with branches; two classes from one output."""
    keras.utils.set_random_seed(1)
    x = pixels = keras.Input((16, 16, 3))
    x = layers.ZeroPadding2D(1)(layers.Rescaling(1 / 255)(x))
    x = layers.DepthwiseConv2D(3, strides=2)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    left = layers.Conv2D(8, 1, activation="leaky_relu")(x)
    right = layers.SeparableConv2D(8, 3, padding="same", activation="elu")(x)
    x = layers.Concatenate()([layers.Add()([left, right]), left])
    x = layers.LayerNormalization()(x)
    x = layers.Conv2D(12, 3, strides=2, padding="same", activation="tanh")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.AveragePooling2D(2, strides=1, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(6, activation="softplus")(layers.Dense(6, activation="silu")(x))
    return keras.Model(pixels, layers.Dense(1, activation="sigmoid")(x))


def series() -> Any:
    """One dimension, a dense layer over each of its places, and logits."""
    keras.utils.set_random_seed(1)
    return keras.Sequential([
        keras.Input((50, 6)),
        layers.Conv1D(8, 5, activation="relu", strides=2),
        layers.Dense(8, activation="tanh"),
        layers.MaxPooling1D(3, strides=2),
        layers.GlobalMaxPooling1D(),
        layers.Dense(4),
    ])  # fmt: skip


def recurrent() -> Any:
    """Its LSTM cannot be trained; its last layer can."""
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((20, 3)), layers.LSTM(8, name="memory"), layers.Dense(4)])


def dilated() -> Any:
    """Its convolutions have holes, or groups."""
    return keras.Sequential([
        keras.Input((16, 16, 2)),
        layers.Conv2D(8, 3, dilation_rate=2, name="holes"),
        layers.Conv2D(8, 3, groups=2, name="groups"),
        layers.Flatten(),
        layers.Dense(2),
    ])  # fmt: skip


def sequence() -> Any:
    """Answers at each place."""
    return keras.Sequential([keras.Input((5, 3)), layers.Dense(4, activation="softmax")])


def open_shape() -> Any:
    """Takes images of any size."""
    return keras.Sequential([keras.Input((None, None, 1)), layers.GlobalAveragePooling2D(), layers.Dense(2)])


def million() -> Any:
    """A million parameters."""
    keras.utils.set_random_seed(1)
    return keras.Sequential([
        keras.Input((784,)),
        layers.Dense(1024, activation="relu"),
        layers.Dense(200, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


def nothing() -> int:
    """No net."""
    return 7

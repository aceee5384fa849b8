"""The first shipped policy: a small int8 network that draws its actions as a rule would.

It minimises the cross-entropy of its softmax against the rule's, H(p, q) = −Σ p log q, by Adam (Kingma & Ba,
arXiv:1412.6980), and holds log Σ exp(scores) near 0 so that the scores fit 8 bits. The first layer sees the encoder's
int8 vectors, as it will on the device.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia.observation import INPUT_SCALE, WIDTH, encode
from circadia.policy.artifact import shipped_policy
from circadia.policy.kernel import forward
from circadia.policy.rules import DriftPlusPenaltyRule
from circadia.policy.sampling import probabilities
from circadia_lab.observations import sample_observations
from circadia_lab.policy_export import export_policy
from circadia_lab.policy_file import FloatLayer, quantise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.policy.kernel import QuantisedLayer
    from circadia.ports import Policy

    Floats = NDArray[np.float32]

HIDDEN = (64, 64)
ROWS, HELD_OUT_ROWS = 400_000, 20_000
BATCH, STEPS = 1024, 60_000
FLOAT_SHARE = 0.25
"""Of the steps, before rounding is trained with."""
LEARNING_RATE = 4e-3
DECAY = (0.9, 0.999)
LARGEST_WEIGHT = 1.5
"""One large weight would make every step of its layer's 7 bits coarse."""
NORMALISER = 1e-2
"""Weight of (log Σ exp)², which the softmax does not see."""
LOWEST_SCORE = -12.0
"""What is less likely than this by its logarithm saturates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How well the exported network draws as the rule does, on observations that it was not fitted to."""

    total_variation: float
    """Mean of ½ Σ |p − q|: how often the two would act differently, at least."""
    argmax_agreement: float
    """Share of observations with the same likeliest action."""
    float_total_variation: float
    """Before it was quantised."""
    examples: int
    steps: int


def build_default(out_dir: Path, seed: int, *, rows: int = ROWS, steps: int = STEPS) -> Report:
    """Fit, quantise, write `out_dir`/default.tflite and default.json, load them back; about two minutes."""
    rule, random = DriftPlusPenaltyRule(), np.random.default_rng(seed)
    fitted = fit(rule, rows=rows, steps=steps, random=random)
    calibration = encode(sample_observations(HELD_OUT_ROWS, random)) * np.float32(INPUT_SCALE)
    layers = quantise(fitted, calibration, lowest_score=LOWEST_SCORE)
    held_out = sample_observations(HELD_OUT_ROWS, random)
    report = _report(rule, fitted, layers, held_out, (rows, steps))
    made = {
        "generator": "circadia_lab.imitation.build_default",
        "seed": seed,
        "rows": rows,
        "steps": steps,
        "teacher": rule.name,
        "total_variation": round(report.total_variation, 4),
        "argmax_agreement": round(report.argmax_agreement, 4),
    }
    out_dir.mkdir(parents=True, exist_ok=True)
    export_policy(out_dir / "default.tflite", layers, observations=held_out, made=made)
    return report


def _report(
    rule: Policy,
    fitted: Sequence[FloatLayer],
    layers: Sequence[QuantisedLayer],
    held_out: Floats,
    effort: tuple[int, int],
) -> Report:
    encoded = encode(held_out)
    wanted = softmax(rule.scores(held_out))
    last = layers[-1]
    q = forward(layers, encoded, input_scale=INPUT_SCALE).astype(np.float32)
    got = softmax((q - last.output_zero_point) * np.float32(last.output_scale))
    y = encoded * np.float32(INPUT_SCALE)
    for layer in fitted:
        y = layer(y)
    return Report(
        total_variation=_total_variation(wanted, got),
        argmax_agreement=float((wanted.argmax(-1) == got.argmax(-1)).mean()),
        float_total_variation=_total_variation(wanted, softmax(y)),
        examples=effort[0],
        steps=effort[1],
    )


def _total_variation(p: Floats, q: Floats) -> float:
    return float(np.abs(p - q).sum(-1).mean() / 2)


def softmax(scores: Floats) -> Floats:
    """Over the last axis."""
    drawn: Floats = probabilities(scores, np.True_)
    return drawn


def fit(rule: Policy, *, rows: int, steps: int, random: np.random.Generator) -> list[FloatLayer]:
    """A network of `HIDDEN` relu layers whose softmax imitates the rule's, from `rows` sampled observations."""
    observations = sample_observations(rows, random)
    encoded, wanted = encode(observations), softmax(rule.scores(observations))
    parameters = _initial((WIDTH, *HIDDEN, wanted.shape[-1]), random)
    adam = _Adam(parameters)
    for step in range(steps):
        chosen = random.integers(0, rows, BATCH)
        x = encoded[chosen] * np.float32(INPUT_SCALE)
        # A cosine from the full rate to none.
        rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        adam.step(_gradients(parameters, x, wanted[chosen], grain=step >= steps * FLOAT_SHARE), rate)
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    return [FloatLayer(weights=w.T, bias=b, relu=i < len(pairs) - 1) for i, (w, b) in enumerate(pairs)]


def _initial(sizes: tuple[int, ...], random: np.random.Generator) -> list[Floats]:
    """(in, out) weights after He et al. (arXiv:1502.01852), and biases, in turn."""
    parameters = []
    for width, out in pairwise(sizes):
        parameters.append(random.normal(0, (2 / width) ** 0.5, (width, out)).astype(np.float32))
        parameters.append(np.zeros(out, np.float32))
    return parameters


def _gradients(parameters: list[Floats], x: Floats, wanted: Floats, grain: bool) -> list[Floats]:
    """Of mean cross-entropy + NORMALISER · (log Σ exp)².

    With `grain` 1, of the network as it will be after it is quantised, the rounding taken as the identity on the way
    back (Jacob et al., arXiv:1712.05877, section 3); with 0, of the float network.
    """
    pairs = [(_grained(w, 63, grain), b) for w, b in zip(parameters[::2], parameters[1::2], strict=True)]
    inputs = [x]
    for w, b in pairs[:-1]:
        inputs.append(_grained(np.maximum(inputs[-1] @ w + b, 0), 255, grain))
    w, b = pairs[-1]
    delta = _output_gradient(inputs[-1] @ w + b, wanted)
    gradients: list[Floats] = []
    for i in reversed(range(len(pairs))):
        gradients = [inputs[i].T @ delta, delta.sum(0), *gradients]
        delta = (delta @ pairs[i][0].T) * (inputs[i] > 0)
    return gradients


def _output_gradient(y: Floats, wanted: Floats) -> Floats:
    highest = y.max(-1, keepdims=True)
    e = np.exp(y - highest)
    total = e.sum(-1, keepdims=True)
    drawn = e / total
    gradient: Floats = (drawn - wanted + 2 * NORMALISER * (highest + np.log(total)) * drawn) / np.float32(
        len(y)
    )
    return gradient


def _grained(x: Floats, steps: int, grain: bool) -> Floats:
    """Rounded to `steps` steps up to its largest magnitude."""
    if not grain:
        return x
    step = np.abs(x).max() / np.float32(steps) + np.float32(1e-12)
    rounded: Floats = np.rint(x / step) * step
    return rounded


class _Adam:
    """Changes the parameters in place."""

    def __init__(self, parameters: list[Floats]) -> None:
        self._parameters = parameters
        self._mean = [np.zeros_like(p) for p in parameters]
        self._square = [np.zeros_like(p) for p in parameters]
        self._steps = 0

    def step(self, gradients: list[Floats], rate: float) -> None:
        self._steps += 1
        b1, b2 = DECAY
        rate *= (1 - b2**self._steps) ** 0.5 / (1 - b1**self._steps)
        for i, gradient in enumerate(gradients):
            self._mean[i] += (1 - b1) * (gradient - self._mean[i])
            self._square[i] += (1 - b2) * (gradient**2 - self._square[i])
            change = np.float32(rate) * self._mean[i] / (np.sqrt(self._square[i]) + np.float32(1e-8))
            self._parameters[i] -= change
            if gradient.ndim > 1:
                np.clip(self._parameters[i], -LARGEST_WEIGHT, LARGEST_WEIGHT, out=self._parameters[i])


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m circadia_lab.imitation [FOLDER] [--seed S]`: rebuild the shipped policy."""
    parser = argparse.ArgumentParser(
        description="Fit the shipped policy to its rule and write its two files."
    )
    parser.add_argument("folder", nargs="?", type=Path, default=shipped_policy().parent)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    print(build_default(args.folder, args.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The two policies: one network for every action, or one that serves and one that does the rest.

    coupled    π(a | o) = softmax of the scores over what the shield admits
    separate   π(serve a | o) = π_s(a | o_s),   π(other a | o) = π_s(none | o_s) · π_t(a | o_t)

Each separate network is half as wide and sees battery, body, time, preference and its own backlog only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from circadia.observation import COLUMN, INPUT_SCALE, WIDTH
from circadia_lab.policy.cmoppo.rounding import Dense, dense_layers, rounded_forward
from circadia_lab.policy.env.fixed import CATALOGUE, FACTS
from circadia_lab.policy.files.policy_file import FloatLayer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.config import Config

    Layers = tuple[FloatLayer, ...]
    Scorer = Callable[[NDArray[np.int8], NDArray[np.bool_]], NDArray[np.float32]]

NEVER = -1e9
"""Logarithm of the chance of what is masked; −inf would make gradients NaN."""
FIRST_SCORES = 0.01
"""Share of the usual weights in the last layer: training starts from a nearly uniform policy."""
QUEUE = ("queue_length", "queue_age_s", "queue_slack_s")
LEARNING = (
    "link", "link_bytes_per_s", "fresh_examples", "fresh_age_s", "unsent_examples", "practice",
    "spooled_updates", "versions_behind", "model_age_s",
)  # fmt: skip
_SERVE, _OTHER = np.nonzero(FACTS.serves)[0], np.nonzero(~FACTS.serves)[0]


class Part(NamedTuple):
    """One network of a policy."""

    name: str
    width: int
    outputs: int
    unseen: tuple[str, ...]
    """Features that are kept from it."""

    def columns(self) -> NDArray[np.float32]:
        """(WIDTH,) 1 where it sees the encoded vector."""
        seen = np.ones(WIDTH, np.float32)
        for name in self.unseen:
            seen[[COLUMN[name], COLUMN[name] + len(COLUMN)]] = 0
        return seen


class Drawn(NamedTuple):
    """What the networks make of observations."""

    log_p: Any
    """(…, actions) logarithms of the chances, `NEVER` where masked."""
    normaliser: Any
    """(…,) Σ over the networks of (log Σ exp scores)²."""
    ranges: tuple[Any, ...]
    """(layers, 2) lowest and highest outputs of each network's layers."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A policy without its parameters, which are a tuple of layers for each of its networks."""

    parts: tuple[Part, ...]
    lowest_score: float

    def parameters(self, key: Any) -> tuple[tuple[Dense, ...], ...]:
        """Fresh ones."""
        keys = jax.random.split(key, len(self.parts))
        return tuple(
            dense_layers(k, (WIDTH, part.width, part.width, part.outputs), FIRST_SCORES)
            for k, part in zip(keys, self.parts, strict=True)
        )

    def ranges(self) -> tuple[Any, ...]:
        """(3, 2) zeros for each network: nothing seen yet."""
        return tuple(jnp.zeros((3, 2)) for _ in self.parts)

    def drawn(
        self, parameters: Any, encoded: Any, mask: Any, *, ranges: Any | None = None, rounded: Any = False
    ) -> Drawn:
        """(…, WIDTH) int8, (…, actions) bool → what is drawn from; `rounded` as the device's 8 bits draw it."""
        x = encoded.astype(jnp.float32) * INPUT_SCALE
        given = self.ranges() if ranges is None else ranges
        outputs = [
            rounded_forward(layers, x * part.columns(), limits, rounded, self.lowest_score)
            for part, layers, limits in zip(self.parts, parameters, given, strict=True)
        ]
        scores = [y for y, _ in outputs]
        return Drawn(
            _coupled(scores[0], mask, jnp)
            if len(self.parts) == 1
            else _joined(scores[0], scores[1], mask, jnp),
            sum(jnp.square(jax.nn.logsumexp(y, axis=-1)) for y in scores),
            tuple(seen for _, seen in outputs),
        )

    def layers(self, parameters: Any) -> dict[str, Layers]:
        """Each network as the layers of a policy file, unseen inputs with weight 0."""
        exported = {}
        for part, layers in zip(self.parts, parameters, strict=True):
            arrays = [(np.asarray(layer.w, np.float32), np.asarray(layer.b, np.float32)) for layer in layers]
            arrays[0] = (arrays[0][0] * part.columns()[:, None], arrays[0][1])
            exported[part.name] = tuple(
                FloatLayer(weights=np.ascontiguousarray(w.T), bias=b, relu=i < len(arrays) - 1)
                for i, (w, b) in enumerate(arrays)
            )
        return exported


def actor_of(config: Config) -> Actor:
    """The policy of that architecture."""
    if config.architecture == "coupled":
        return Actor((Part("actor", config.actor_width, len(CATALOGUE), ()),), config.lowest_score)
    half = config.actor_width // 2
    parts = (Part("serve", half, 1 + len(_SERVE), LEARNING), Part("other", half, len(_OTHER), QUEUE))
    return Actor(parts, config.lowest_score)


def scorer_of(layers: dict[str, Layers]) -> Scorer:
    """(…, WIDTH) int8 and (…, actions) bool → (…, actions) logarithms of the chances, in NumPy."""

    def run(name: str, encoded: NDArray[np.int8]) -> NDArray[np.float32]:
        y = encoded.astype(np.float32) * np.float32(INPUT_SCALE)
        for layer in layers[name]:
            y = layer(y)
        return y

    def coupled(encoded: NDArray[np.int8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        log_p: NDArray[np.float32] = _coupled(run("actor", encoded), mask, np)
        return log_p

    def separate(encoded: NDArray[np.int8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        log_p: NDArray[np.float32] = _joined(run("serve", encoded), run("other", encoded), mask, np)
        return log_p

    return coupled if "actor" in layers else separate


def _coupled(scores: Any, mask: Any, xp: Any) -> Any:
    z = xp.where(mask, scores, NEVER)
    z = z - z.max(-1, keepdims=True)
    log_p = z - xp.log(xp.exp(z).sum(-1, keepdims=True))
    return xp.where(mask, log_p, NEVER)


def _joined(serve: Any, other: Any, mask: Any, xp: Any) -> Any:
    """(…, 1 + serve actions) and (…, other actions) scores; doing none of the serving is never masked."""
    may_serve, may_other = mask[..., _SERVE], mask[..., _OTHER]
    first = _coupled(serve, xp.concatenate([xp.ones_like(may_serve[..., :1]), may_serve], -1), xp)
    rest = xp.maximum(first[..., :1] + _coupled(other, may_other, xp), NEVER)
    return xp.concatenate([first[..., 1:], rest], -1)[..., _PLACE]


_PLACE = np.argsort(np.concatenate([_SERVE, _OTHER]))

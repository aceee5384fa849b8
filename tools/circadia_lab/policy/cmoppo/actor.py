"""The two policies: one network for every action, or one that serves and one that does the rest.

    coupled    π(a | o) = softmax of the scores over what the shield admits
    separate   π(serve a | o) = π_s(a | o_s),   π(other a | o) = π_s(none | o_s) · π_t(a | o_t)

Each separate network is half as wide and sees battery, body, time, preference and its own backlog only.

Where wakes choose the sleep that follows them, the one network has two outputs from the same hidden layers, and the
parts of a choice are drawn apart:   π(a, s | o) = π(a | o) · π(s | o)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from circadia.errors import ConfigError
from circadia.observation import COLUMN, INPUT_SCALE, WIDTH
from circadia_lab.policy.cmoppo.rounding import Dense, dense_layers, rounded_forward, rounded_heads
from circadia_lab.policy.env.fixed import CATALOGUE, FACTS
from circadia_lab.policy.files.policy_file import FloatLayer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.rollout import DrawFrom, Ticks
    from circadia_lab.policy.cmoppo.update import Minibatch
    from circadia_lab.policy.env.interface import AnyEnvironment, Seen

    Layers = tuple[FloatLayer, ...]
    Scorer = Callable[[NDArray[np.int8], NDArray[np.bool_]], NDArray[np.float32]]

SLEEP = "sleep"
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
    options: int = 0
    """Of the second output, the sleeps; 0: it has none."""

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
    sleep_log_p: Any = None
    """(…, options) likewise of the sleeps, where they are chosen."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A policy without its parameters, which are a tuple of layers for each of its networks."""

    parts: tuple[Part, ...]
    lowest_score: float

    def parameters(self, key: Any) -> tuple[tuple[Dense, ...], ...]:
        """Fresh ones."""
        keys = jax.random.split(key, len(self.parts))
        return tuple(_fresh(k, part) for k, part in zip(keys, self.parts, strict=True))

    def ranges(self) -> tuple[Any, ...]:
        """(layers, 2) zeros for each network: nothing seen yet."""
        return tuple(jnp.zeros((3 + (part.options > 0), 2)) for part in self.parts)

    def drawn(
        self,
        parameters: Any,
        seen: Seen | Minibatch | Ticks,
        *,
        ranges: Any | None = None,
        rounded: Any = False,
    ) -> Drawn:
        """Of (…,) what is seen: what is drawn from. `rounded` as the device's 8 bits draw it."""
        mask, sleeps = seen.mask, seen.sleeps
        x = seen.encoded.astype(jnp.float32) * INPUT_SCALE
        given = self.ranges() if ranges is None else ranges
        if sleeps is not None:
            layers, limits = parameters[0], given[0]
            (work, sleep), met = rounded_heads(layers, x, limits, rounded, self.lowest_score, heads=2)
            normaliser = sum(jnp.square(jax.nn.logsumexp(y, axis=-1)) for y in (work, sleep))
            if seen.work_prior is not None:
                work, sleep = work + seen.work_prior, sleep + seen.sleep_prior
            return Drawn(
                _coupled(work, mask, jnp), normaliser, (met,), sleep_log_p=_coupled(sleep, sleeps, jnp)
            )
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
            tuple(met for _, met in outputs),
        )

    def draw_from(self, parameters: Any, *, ranges: Any | None = None, rounded: Any = False) -> DrawFrom:
        """See there: a pair of log-probabilities where the mask of the sleeps is given."""

        def draw_from(seen: Seen) -> Any:
            out = self.drawn(parameters, seen, ranges=ranges, rounded=rounded)
            return out.log_p if seen.sleeps is None else (out.log_p, out.sleep_log_p)

        return draw_from

    def softened(self, parameters: Any, ranges: Any, trust: float) -> tuple[Any, Any]:
        """Parameters and ranges of the policy whose scores are `trust` times these."""
        outputs = [1 + (part.options > 0) for part in self.parts]
        softer = tuple(
            (*layers[:-n], *(Dense(trust * layer.w, trust * layer.b) for layer in layers[-n:]))
            for layers, n in zip(parameters, outputs, strict=True)
        )
        within = tuple(met.at[-n:].multiply(trust) for met, n in zip(ranges, outputs, strict=True))
        return softer, within

    def layers(self, parameters: Any) -> dict[str, Layers]:
        """Each network as the layers of a policy file, unseen inputs with weight 0.

        Under `SLEEP` the one layer of the second output, where there is one; it reads what the first one's last reads.
        """
        exported = {}
        for part, layers in zip(self.parts, parameters, strict=True):
            arrays = [(np.asarray(layer.w, np.float32), np.asarray(layer.b, np.float32)) for layer in layers]
            arrays[0] = (arrays[0][0] * part.columns()[:, None], arrays[0][1])
            last = len(arrays) - (2 if part.options else 1)
            found = tuple(
                FloatLayer(weights=np.ascontiguousarray(w.T), bias=b, relu=i < last)
                for i, (w, b) in enumerate(arrays)
            )
            exported[part.name] = found[: last + 1]
            if part.options:
                exported[SLEEP] = found[last + 1 :]
        return exported


def actor_of(config: Config, actions: int = len(CATALOGUE), options: int = 0) -> Actor:
    """The policy of that architecture over so many works and sleeps; `ConfigError` for sleeps of two networks."""
    if config.architecture == "coupled":
        return Actor((Part("actor", config.actor_width, actions, (), options),), config.lowest_score)
    if options:
        raise ConfigError("two networks choose no sleeps; train a coupled policy where wakes do")
    half = config.actor_width // 2
    parts = (Part("serve", half, 1 + len(_SERVE), LEARNING), Part("other", half, len(_OTHER), QUEUE))
    return Actor(parts, config.lowest_score)


def actor_for(config: Config, environment: AnyEnvironment) -> Actor:
    """The policy of that architecture over what that environment offers."""
    return actor_of(config, *widths(environment))


def widths(environment: AnyEnvironment) -> tuple[int, int]:
    """How many works an environment offers, and how many sleeps: none where ticks have a fixed length."""
    options = getattr(environment, "options", 0)
    return (getattr(environment, "actions", len(CATALOGUE)) if options else len(CATALOGUE), options)


def actor_like(config: Config, parameters: Any) -> Actor:
    """The policy that those parameters are of."""
    layers = parameters[0]
    options = sum(head.b.shape[-1] for head in layers[3:])
    return actor_of(config, layers[2].b.shape[-1], options)


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


def _fresh(key: Any, part: Part) -> tuple[Dense, ...]:
    layers = dense_layers(key, (WIDTH, part.width, part.width, part.outputs), FIRST_SCORES)
    if not part.options:
        return layers
    head = dense_layers(jax.random.fold_in(key, 1), (part.width, part.options), FIRST_SCORES)
    return (*layers, *head)


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

"""A trained float network → the two files that a device loads, and how much of the policy is left in 8 bits.

The ranges of the layers' outputs are those of the observations that the policy itself meets in its environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.observation import INPUT_SCALE, TABLE
from circadia.policy.sampling import probabilities
from circadia_lab.policy.env.fixed import NAMES
from circadia_lab.policy.env.interface import COSTS, OBJECTIVES
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.files.int8_network import float_scores, int8_scores
from circadia_lab.policy.files.observations import sample_observations
from circadia_lab.policy.files.policy_export import VECTORS, export_policy
from circadia_lab.policy.files.policy_file import FloatLayer, quantise
from circadia_lab.policy.study.visited import Visited, visited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.policy.artifact import Artifact
    from circadia.policy.kernel import QuantisedLayer
    from circadia_lab.policy.env.interface import Environment
    from circadia_lab.policy.files.int8_network import Scores

    Floats = NDArray[np.float64]

LOWEST_SCORE = -12.0
"""What is less likely than this by its logarithm saturates."""
VISITED_ROWS = 20_000
TICKS, WARM_UP = 1500, 600
"""Of the comparison through the environment."""
BROKEN_VECTORS = VECTORS // 3
"""Test vectors from anywhere in the table, absent sensors among them; the others are from the environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How the policy file differs from the float policy that it was made from."""

    total_variation: float
    """Mean of ½ Σ |p − q| on the observations that the float policy meets …"""
    argmax_agreement: float
    """… and the share of them with the same likeliest action."""
    utility_float: float
    """Mean over the anchors of weight times average reward, each policy acting for itself."""
    utility_int8: float
    worst_cost_float: float
    """Largest average cost of an anchor, as a share of its limit."""
    worst_cost_int8: float
    costs_float: dict[str, float]
    """Mean over the anchors."""
    costs_int8: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """For the manifest, rounded to what is known."""
        names = ("utility", "worst_cost", "costs")
        pairs = {f"{n}_{kind}": getattr(self, f"{n}_{kind}") for n in names for kind in ("float", "int8")}
        found = {"total_variation": self.total_variation, "argmax_agreement": self.argmax_agreement, **pairs}
        return {key: _rounded(value) for key, value in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exported:
    """What came of it."""

    artifact: Artifact
    layers: tuple[QuantisedLayer, ...]
    fidelity: Fidelity


def export(
    layers: Sequence[FloatLayer],
    environment: Environment,
    path: Path,
    *,
    made: dict[str, Any],
    seed: int = 0,
    ticks: int = TICKS,
) -> Exported:
    """Write `path` (NAME.tflite) and NAME.json, whole or not at all; `made` gains the fidelity.

    Errors as of `load_policy`, which checks them where they were written.
    """
    kept, quantised, seen = rounded(layers, environment, seed)
    fidelity = compare(kept, quantised, environment, seen, seed=seed, ticks=ticks)
    artifact = write(path, quantised, observations=_vectors(seen, seed), made={**made, **fidelity.as_dict()})
    return Exported(artifact=artifact, layers=quantised, fidelity=fidelity)


class Rounded(NamedTuple):
    """A policy before and after it was put into 8 bits."""

    floats: tuple[FloatLayer, ...]
    layers: tuple[QuantisedLayer, ...]
    seen: Visited


def rounded(layers: Sequence[FloatLayer], environment: Environment, seed: int) -> Rounded:
    """Its 8 bits cover what the outputs of its layers are on its own days."""
    import jax.numpy as jnp

    seen = visited(environment, float_scores(layers, jnp), VISITED_ROWS, seed)
    kept = without_constants(layers, seen.encoded)
    quantised = quantise(kept, seen.encoded * np.float32(INPUT_SCALE), lowest_score=LOWEST_SCORE)
    return Rounded(kept, quantised, seen)


def write(
    path: Path, layers: Sequence[QuantisedLayer], *, observations: NDArray[np.float32], made: dict[str, Any]
) -> Artifact:
    """Both files beside their places, checked there, then moved."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        new = Path(folder) / path.with_suffix(".tflite").name
        artifact = export_policy(new, layers, observations=observations, made=made, actions=NAMES)
        for suffix in (".tflite", ".json"):
            new.with_suffix(suffix).replace(path.with_suffix(suffix))
    return artifact


def without_constants(layers: Sequence[FloatLayer], encoded: NDArray[np.int8]) -> tuple[FloatLayer, ...]:
    """The same network on inputs like (n, WIDTH) `encoded`, with those that never vary there in its bias.

    A sensor that was never absent in training has taught the network nothing about being absent: its validity gets no
    weight, so that its absence reads as the middle of its range.
    """
    constant = (encoded == encoded[0]).all(0)
    first = layers[0]
    fixed = np.where(constant, encoded[0], 0) * np.float32(INPUT_SCALE)
    folded = FloatLayer(
        weights=np.where(constant, 0, first.weights).astype(np.float32),
        bias=(first.bias + first.weights @ fixed).astype(np.float32),
        relu=first.relu,
    )
    return (folded, *layers[1:])


def compare(
    layers: Sequence[FloatLayer],
    quantised: Sequence[QuantisedLayer],
    environment: Environment,
    seen: Visited,
    *,
    seed: int,
    ticks: int,
) -> Fidelity:
    """On the same observations, and each through the environment by itself under the same chance."""
    import jax.numpy as jnp

    p = probabilities(float_scores(layers)(seen.encoded), seen.mask)
    q = probabilities(int8_scores(quantised)(seen.encoded), seen.mask)
    of_float = acted(environment, float_scores(layers, jnp), seed=seed, ticks=ticks)
    of_int8 = acted(environment, int8_scores(quantised, jnp), seed=seed, ticks=ticks)
    return Fidelity(
        total_variation=float(np.abs(p - q).sum(-1).mean() / 2),
        argmax_agreement=float((p.argmax(-1) == q.argmax(-1)).mean()),
        utility_float=utility(of_float),
        utility_int8=utility(of_int8),
        worst_cost_float=worst_cost(of_float, environment.limits),
        worst_cost_int8=worst_cost(of_int8, environment.limits),
        costs_float=_costs(of_float),
        costs_int8=_costs(of_int8),
    )


def acted(environment: Environment, scores: Scores, *, seed: int, ticks: int) -> Floats:
    """(anchors, objectives + costs) averages per period of a policy, in JAX."""
    import jax

    from circadia_lab.policy.cmoppo.averages import averages

    def draw_from(encoded: Any, mask: Any) -> Any:
        import jax.numpy as jnp

        return jnp.where(mask, scores(encoded), -jnp.inf)

    key = jax.random.PRNGKey(seed)
    return averages(environment, draw_from, ANCHORS, ticks=ticks, warm_up=min(WARM_UP, ticks), key=key)


def utility(averages: Floats) -> float:
    """Mean over the anchors of weight · average reward."""
    return float((ANCHORS * averages[:, : len(OBJECTIVES)]).sum(-1).mean())


def worst_cost(averages: Floats, limits: Floats) -> float:
    """As a share of its limit."""
    return float((averages[:, len(OBJECTIVES) :] / limits).max())


def _costs(averages: Floats) -> dict[str, float]:
    return dict(zip(COSTS, averages[:, len(OBJECTIVES) :].mean(0).tolist(), strict=True))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return float(f"{value:.4g}")


def _vectors(seen: Visited, seed: int) -> NDArray[np.float32]:
    """(VECTORS, features) observations to test a file with: met ones, and any at all."""
    random = np.random.default_rng(seed)
    anywhere = sample_observations(BROKEN_VECTORS, random)
    met = decoded(seen.encoded[random.choice(len(seen.encoded), VECTORS - BROKEN_VECTORS, replace=False)])
    return np.concatenate([met, anywhere])


def decoded(encoded: NDArray[np.int8]) -> NDArray[np.float32]:
    """(…, WIDTH) → (…, features) values that encode to it."""
    low, high, scale = (np.array([getattr(f, key) for f in TABLE]) for key in ("low", "high", "scale"))
    bent = scale > 0
    bend = np.where(bent, scale, 1.0)
    ends = [np.where(bent, np.log1p(np.where(bent, end, 0) / bend), end) for end in (low, high)]
    half = encoded.shape[-1] // 2
    z = ends[0] + (encoded[..., :half] / 127.0 + 1) / 2 * (ends[1] - ends[0])
    x = np.where(bent, np.expm1(z) * bend, z).astype(np.float32)
    return np.where(encoded[..., half:] > 0, x, np.float32(np.nan))

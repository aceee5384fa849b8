"""A trained float network → the two files that a device loads, and how much of the policy is left in 8 bits.

The ranges of the layers' outputs are those of the observations that the policy itself meets in its environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.actions import NAMES
from circadia.observation import INPUT_SCALE
from circadia.policy.sampling import probabilities
from circadia_lab.policy.env.fixed import NAMES as FIRST_NAMES
from circadia_lab.policy.env.interface import COSTS, OBJECTIVES, WAKE_COSTS
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.files.int8_network import float_scores, int8_scores
from circadia_lab.policy.files.observations import sample_observations
from circadia_lab.policy.files.policy_export import VECTORS, export_policy
from circadia_lab.policy.files.policy_file import FloatLayer, quantise_heads
from circadia_lab.policy.study.played_rule import decoded
from circadia_lab.policy.study.visited import Visited, visited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.policy.artifact import Artifact
    from circadia.policy.kernel import QuantisedLayer
    from circadia.policy.prior import Prior, PriorSettings
    from circadia_lab.policy.cmoppo.rollout import DrawFrom
    from circadia_lab.policy.env.interface import AnyEnvironment, Seen

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
    """Mean of ½ Σ |p − q| on the observations that the float policy meets, of works and sleeps whichever has more, …"""
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
    violations_float: int
    """Anchors at which a limit is broken."""
    violations_int8: int

    @property
    def int8_loss(self) -> float:
        """Of the utility, as a share of its size."""
        return (self.utility_float - self.utility_int8) / max(abs(self.utility_float), 1e-9)

    @property
    def int8_added_violations(self) -> int:
        """Anchors, net."""
        return max(self.violations_int8 - self.violations_float, 0)

    def as_dict(self) -> dict[str, Any]:
        """For the manifest, rounded to what is known."""
        names = ("utility", "worst_cost", "costs", "violations")
        pairs = {f"{n}_{kind}": getattr(self, f"{n}_{kind}") for n in names for kind in ("float", "int8")}
        found = {"total_variation": self.total_variation, "argmax_agreement": self.argmax_agreement, **pairs}
        return {key: _rounded(value) for key, value in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exported:
    """What came of it."""

    artifact: Artifact
    layers: tuple[QuantisedLayer, ...]
    fidelity: Fidelity
    sleeps: tuple[QuantisedLayer, ...] = ()
    """The second head's."""


def export(
    layers: Sequence[FloatLayer],
    environment: AnyEnvironment,
    path: Path,
    *,
    made: dict[str, Any],
    seed: int = 0,
    ticks: int = TICKS,
    sleeps: Sequence[FloatLayer] = (),
) -> Exported:
    """Write `path` (NAME.tflite) and NAME.json, whole or not at all; `made` gains the fidelity.

    With `sleeps`, the second head on the last of `layers` but one, the file is of format 2.

    Errors as of `load_policy`, which checks them where they were written.
    """
    found = rounded(layers, environment, seed, sleeps)
    fidelity = compare(found, environment, seed=seed, ticks=ticks)
    artifact = write(
        path,
        found.layers,
        observations=_vectors(found.seen, seed),
        made={**made, **fidelity.as_dict()},
        sleeps=found.sleep_layers,
        prior=prior_of(environment),
    )
    return Exported(artifact=artifact, layers=found.layers, fidelity=fidelity, sleeps=found.sleep_layers)


class Rounded(NamedTuple):
    """A policy before and after it was put into 8 bits."""

    floats: tuple[FloatLayer, ...]
    layers: tuple[QuantisedLayer, ...]
    seen: Visited
    float_sleeps: tuple[FloatLayer, ...] = ()
    sleep_layers: tuple[QuantisedLayer, ...] = ()


def rounded(
    layers: Sequence[FloatLayer], environment: AnyEnvironment, seed: int, sleeps: Sequence[FloatLayer] = ()
) -> Rounded:
    """Its 8 bits cover what the outputs of its layers are on its own days."""
    import jax.numpy as jnp

    seen = visited(environment, drawing(layers, sleeps, float_scores, jnp), VISITED_ROWS, seed)
    kept = without_constants(layers, seen.encoded)
    met = seen.encoded * np.float32(INPUT_SCALE)
    quantised, slept = quantise_heads(kept, sleeps, met, lowest_score=LOWEST_SCORE)
    return Rounded(kept, quantised, seen, tuple(sleeps), slept)


def drawing(layers: Sequence[Any], sleeps: Sequence[Any], scores_of: Any, xp: Any) -> DrawFrom:
    """Of a network, by `float_scores` or `int8_scores`: scores, −∞ where masked, of both heads where sleeps are chosen."""
    work = scores_of(layers, xp)
    slept = scores_of((*layers[:-1], *sleeps), xp) if sleeps else None

    def draw_from(seen: Seen | Visited) -> Any:
        scores = xp.where(seen.mask, _with(work(seen.encoded), seen.work_prior), -xp.inf)
        if slept is None:
            return scores
        return scores, xp.where(seen.sleeps, _with(slept(seen.encoded), seen.sleep_prior), -xp.inf)

    return draw_from


def _with(scores: Any, prior: Any) -> Any:
    return scores if prior is None else scores + prior


def write(
    path: Path,
    layers: Sequence[QuantisedLayer],
    *,
    observations: NDArray[np.float32],
    made: dict[str, Any],
    sleeps: Sequence[QuantisedLayer] = (),
    prior: PriorSettings | None = None,
) -> Artifact:
    """Both files beside their places, checked there, then moved."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        new = Path(folder) / path.with_suffix(".tflite").name
        actions = NAMES if sleeps else FIRST_NAMES
        artifact = export_policy(
            new,
            layers,
            observations=observations,
            made=made,
            actions=actions,
            sleep_layers=sleeps,
            prior=prior,
        )
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


def prior_of(environment: AnyEnvironment) -> PriorSettings | None:
    """Of the policies that act in it."""
    found: Prior | None = getattr(environment, "prior", None)
    return None if found is None else found.settings


def compare(found: Rounded, environment: AnyEnvironment, *, seed: int, ticks: int) -> Fidelity:
    """On the same observations, and each through the environment by itself under the same chance."""
    import jax.numpy as jnp

    floats, small = (found.floats, found.float_sleeps), (found.layers, found.sleep_layers)
    pairs = list(
        zip(
            _chances(found.seen, drawing(*floats, float_scores, np)),
            _chances(found.seen, drawing(*small, int8_scores, np)),
            strict=True,
        )
    )
    of_float = acted(environment, drawing(*floats, float_scores, jnp), seed=seed, ticks=ticks)
    of_int8 = acted(environment, drawing(*small, int8_scores, jnp), seed=seed, ticks=ticks)
    return Fidelity(
        total_variation=max(float(np.abs(p - q).sum(-1).mean() / 2) for p, q in pairs),
        argmax_agreement=min(float((p.argmax(-1) == q.argmax(-1)).mean()) for p, q in pairs),
        utility_float=utility(of_float),
        utility_int8=utility(of_int8),
        worst_cost_float=worst_cost(of_float, environment.limits),
        worst_cost_int8=worst_cost(of_int8, environment.limits),
        costs_float=_costs(of_float, environment),
        costs_int8=_costs(of_int8, environment),
        violations_float=_violations(of_float, environment.limits),
        violations_int8=_violations(of_int8, environment.limits),
    )


def _chances(seen: Visited, draw_from: DrawFrom) -> list[Floats]:
    """Of works, and of sleeps where they are chosen."""
    if seen.sleeps is None:
        return [probabilities(draw_from(seen), seen.mask)]
    pairs = zip(draw_from(seen), (seen.mask, seen.sleeps), strict=True)
    return [probabilities(scores, mask) for scores, mask in pairs]


def acted(environment: AnyEnvironment, draw_from: DrawFrom, *, seed: int, ticks: int) -> Floats:
    """(anchors, objectives + costs) averages per period of a policy, in JAX."""
    import jax

    from circadia_lab.policy.cmoppo.averages import averages

    key = jax.random.PRNGKey(seed)
    return averages(environment, draw_from, ANCHORS, ticks=ticks, warm_up=min(WARM_UP, ticks), key=key)


def utility(averages: Floats) -> float:
    """Mean over the anchors of weight · average reward."""
    return float((ANCHORS * averages[:, : len(OBJECTIVES)]).sum(-1).mean())


def worst_cost(averages: Floats, limits: Floats) -> float:
    """As a share of its limit."""
    return float((averages[:, len(OBJECTIVES) :] / limits).max())


def _costs(averages: Floats, environment: AnyEnvironment) -> dict[str, float]:
    names = WAKE_COSTS if getattr(environment, "options", 0) else COSTS
    return dict(zip(names, averages[:, len(OBJECTIVES) :].mean(0).tolist(), strict=True))


def _violations(averages: Floats, limits: Floats) -> int:
    return int((averages[:, len(OBJECTIVES) :] > limits).any(-1).sum())


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return float(f"{value:.4g}")


def _vectors(seen: Visited, seed: int) -> NDArray[np.float32]:
    """(VECTORS, features) observations to test a file with: met ones, and any at all."""
    random = np.random.default_rng(seed)
    anywhere = sample_observations(BROKEN_VECTORS, random)
    some = random.choice(len(seen.encoded), VECTORS - BROKEN_VECTORS, replace=False)
    met = decoded(seen.encoded[some]) if seen.values is None else seen.values[some]
    return np.concatenate([met, anywhere])

"""The two policies: what is masked, what is seen, and that 8 bits are foreseen as they will be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.observation import COLUMN, INPUT_SCALE, encode
from circadia.types import Mode
from circadia_lab.policy.cmoppo.actor import LEARNING, QUEUE, actor_of, scorer_of
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.cmoppo.rounding import rounded_forward
from circadia_lab.policy.env.fixed import CATALOGUE
from circadia_lab.policy.env.interface import Seen
from circadia_lab.policy.files.int8_network import int8_scores
from circadia_lab.policy.files.observations import sample_observations
from circadia_lab.policy.files.policy_file import quantise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.actor import Actor

pytestmark = pytest.mark.usefixtures("quick")
ROWS = 400
ARCHITECTURES = ("coupled", "separate")
SERVES = np.array([action.mode is Mode.SERVE for action in CATALOGUE])
ENCODED = encode(sample_observations(ROWS, np.random.default_rng(0)))


def actor_and_parameters(architecture: str, seed: int = 0) -> tuple[Actor, Any]:
    """With scores that differ, unlike those that training starts from."""
    actor = actor_of(Config(architecture=architecture, actor_width=16))
    fresh = actor.parameters(jax.random.PRNGKey(seed))
    return actor, tuple((*layers[:-1], layers[-1]._replace(w=200 * layers[-1].w)) for layers in fresh)


def some_mask(seed: int = 0) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = np.random.default_rng(seed).random((ROWS, len(CATALOGUE))) < 0.5
    mask[:, 0] = True
    return mask


def changed(names: tuple[str, ...]) -> NDArray[np.int8]:
    """The same observations with other values and validity of those features."""
    columns = [c for name in names for c in (COLUMN[name], COLUMN[name] + len(COLUMN))]
    other: NDArray[np.int8] = ENCODED.copy()
    other[:, columns] = np.random.default_rng(1).integers(-127, 128, (ROWS, len(columns)))
    return other


def chances(actor: Actor, parameters: Any, encoded: Any, mask: Any) -> NDArray[np.float32]:
    drawn = jax.jit(actor.drawn)(parameters, Seen(jnp.asarray(encoded), jnp.asarray(mask)))
    return np.asarray(np.exp(drawn.log_p))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_is_masked_has_no_chance_and_the_rest_sums_to_1(architecture: str) -> None:
    actor, parameters = actor_and_parameters(architecture)
    p = chances(actor, parameters, ENCODED, some_mask())
    assert not p[~some_mask()].any()
    assert p.sum(-1) == pytest.approx(1, abs=1e-5)
    assert (p[some_mask()] > 0).all()
    assert np.ptp(p[:, 0]) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_training_starts_near_an_even_draw_and_gradients_are_numbers(architecture: str) -> None:
    actor = actor_of(Config(architecture=architecture, actor_width=16))
    parameters = actor.parameters(jax.random.PRNGKey(0))
    mask = jnp.asarray(some_mask())

    def first(parameters: Any) -> Any:
        return actor.drawn(parameters, Seen(jnp.asarray(ENCODED), mask)).log_p[:, 0].sum()

    spread = np.log(chances(actor, parameters, ENCODED, np.ones_like(mask))[:, SERVES]).std(-1)
    assert spread.max() < 0.1
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(jax.jit(jax.grad(first))(parameters)))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_numpy_scores_of_the_exported_layers_are_those_of_jax(architecture: str) -> None:
    actor, parameters = actor_and_parameters(architecture)
    drawn = jax.jit(actor.drawn)(parameters, Seen(jnp.asarray(ENCODED), jnp.asarray(some_mask())))
    scores = scorer_of(actor.layers(parameters))(ENCODED, some_mask())
    assert scores == pytest.approx(np.asarray(drawn.log_p), abs=1e-3)


def test_two_networks_multiply() -> None:
    """π(other a) = π_s(none) π_t(a), with none among what serves."""
    actor, parameters = actor_and_parameters("separate")
    layers = actor.layers(parameters)

    def scores(name: str) -> Any:
        y: Any = ENCODED * np.float32(INPUT_SCALE)
        for layer in layers[name]:
            y = layer(y)
        return y - y.max(-1, keepdims=True)

    serve, other = (np.exp(scores(name)) for name in ("serve", "other"))
    serve, other = (p / p.sum(-1, keepdims=True) for p in (serve, other))
    p = chances(actor, parameters, ENCODED, np.ones((ROWS, len(CATALOGUE)), bool))
    assert p[:, SERVES] == pytest.approx(serve[:, 1:], abs=1e-5)
    assert p[:, ~SERVES] == pytest.approx(serve[:, :1] * other, abs=1e-5)


def test_who_serves_is_blind_to_what_there_is_to_learn() -> None:
    actor, parameters = actor_and_parameters("separate")
    mask = some_mask()
    p, q = (chances(actor, parameters, x, mask) for x in (ENCODED, changed(LEARNING)))
    assert np.array_equal(p[:, SERVES], q[:, SERVES])
    assert np.abs(p - q)[:, ~SERVES].max() > 0.01


def test_who_does_the_rest_is_blind_to_the_queue() -> None:
    actor, parameters = actor_and_parameters("separate")
    only_rest = np.broadcast_to(~SERVES, (ROWS, len(CATALOGUE)))
    p, q = (chances(actor, parameters, x, only_rest) for x in (ENCODED, changed(QUEUE)))
    assert p == pytest.approx(q, abs=1e-6)
    p, q = (chances(actor, parameters, x, some_mask()) for x in (ENCODED, changed(QUEUE)))
    assert np.abs(p - q)[:, SERVES].max() > 0.01


def test_exported_networks_have_no_weight_on_what_they_must_not_see() -> None:
    actor, parameters = actor_and_parameters("separate")
    layers = actor.layers(parameters)
    for name, hidden in (("serve", LEARNING), ("other", QUEUE)):
        columns = [c for f in hidden for c in (COLUMN[f], COLUMN[f] + len(COLUMN))]
        assert not layers[name][0].weights[:, columns].any()
        assert layers[name][0].weights.any()


@pytest.mark.parametrize("names", [QUEUE, LEARNING])
def test_one_network_sees_both(names: tuple[str, ...]) -> None:
    actor, parameters = actor_and_parameters("coupled")
    p, q = (chances(actor, parameters, x, some_mask()) for x in (ENCODED, changed(names)))
    assert np.abs(p - q)[:, SERVES].max() > 0.01
    assert np.abs(p - q)[:, ~SERVES].max() > 0.01


@pytest.mark.parametrize("seed", range(3))
def test_rounded_scores_are_the_int8_network_s_within_a_step(seed: int) -> None:
    """But where a tie in the layer before falls the other way; plain floats are several steps away."""
    config = Config(actor_width=16)
    actor, parameters = actor_and_parameters("coupled", seed)
    x = ENCODED * np.float32(INPUT_SCALE)
    run = jax.jit(rounded_forward)
    floats, ranges = run(parameters[0], x, jnp.zeros((3, 2)), False, config.lowest_score)
    rounded, _ = run(parameters[0], x, ranges, True, config.lowest_score)
    network = quantise(actor.layers(parameters)["actor"], x, lowest_score=config.lowest_score)
    device, step = int8_scores(network)(ENCODED), network[-1].output_scale
    steps = np.abs(np.asarray(rounded) - device) / step
    assert (steps < 1.1).mean() > 0.999
    assert steps.mean() < 0.1
    plain = np.abs(np.maximum(np.asarray(floats), config.lowest_score) - device) / step
    assert plain.mean() > 3 * steps.mean()


@pytest.mark.parametrize(("architecture", "options"), [("coupled", 0), ("coupled", 5), ("separate", 0)])
def test_half_trusted_it_scores_half_in_floats_and_in_8_bits(architecture: str, options: int) -> None:
    actor = actor_of(Config(architecture=architecture, actor_width=16), options=options)
    parameters = actor.parameters(jax.random.PRNGKey(3))
    mask, sleeps = np.ones((ROWS, len(CATALOGUE)), bool), np.ones((ROWS, options), bool) if options else None
    seen = Seen(jnp.asarray(ENCODED), jnp.asarray(mask), sleeps)
    ranges = actor.drawn(parameters, seen).ranges
    softer, within = actor.softened(parameters, ranges, 0.5)
    for layers, less in zip(parameters, softer, strict=True):
        outputs = 1 + (options > 0)
        assert all((a.w == b.w).all() for a, b in zip(layers[:-outputs], less[:-outputs], strict=True))
        assert all((a.w == 2 * b.w).all() for a, b in zip(layers[-outputs:], less[-outputs:], strict=True))
    for rounded in (False, True):
        whole, half = (
            actor.drawn(p, seen, ranges=r, rounded=rounded)
            for p, r in ((parameters, ranges), (softer, within))
        )
        if architecture == "separate":  # joined from two: only that it is flatter
            assert _spread(half.log_p) < _spread(whole.log_p)
            continue
        np.testing.assert_allclose(_apart(half.log_p), _apart(whole.log_p) / 2, atol=1e-5)
        if options:
            np.testing.assert_allclose(_apart(half.sleep_log_p), _apart(whole.sleep_log_p) / 2, atol=1e-5)


def _apart(log_p: Any) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.asarray(log_p)
    apart: NDArray[np.float32] = found - found[:, :1]
    return apart


def _spread(log_p: Any) -> float:
    return float(np.ptp(np.asarray(log_p), axis=-1).mean())

"""The quick sine and cosine are the real ones, on scalars, arrays and under a trace."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia_lab.policy.env import quick_jax

X = np.concatenate([np.linspace(-100, 100, 20001), np.pi / 2 * np.arange(-8, 9)]).astype(np.float32)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_it_agrees_with_float64(name: str) -> None:
    ours, theirs = getattr(quick_jax, name), getattr(np, name)
    exact: Any = theirs(X.astype(np.float64))
    for y in (ours(jnp.asarray(X)), jax.jit(ours)(X)):
        assert y.dtype == jnp.float32
        np.testing.assert_allclose(y, exact, atol=3e-7, rtol=0)
    assert float(ours(2.5)) == pytest.approx(theirs(2.5), abs=1e-6)


def test_derivatives_agree() -> None:
    x = jnp.linspace(-7.0, 7.0, 101)
    np.testing.assert_allclose(jax.vmap(jax.grad(quick_jax.sin))(x), np.cos(x), atol=1e-5)
    np.testing.assert_allclose(jax.vmap(jax.grad(quick_jax.cos))(x), -np.sin(x), atol=1e-5)


def test_everything_else_is_jax_numpys() -> None:
    assert quick_jax.where is jnp.where
    assert quick_jax.inf == np.inf
    with pytest.raises(AttributeError):
        quick_jax.no_such_function  # noqa: B018

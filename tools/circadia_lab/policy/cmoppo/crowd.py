"""Which device of the batch acts for which preference.

Most devices belong to an anchor for ever; the others' preferences are drawn and redrawn, so that the policy knows
what lies between the anchors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from circadia.errors import ConfigError
from circadia_lab.policy.env.preferences import ANCHORS, radial_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Crowd(NamedTuple):
    """A batch's devices; the free ones lie evenly among the bound, for a batch may hold several kinds of device."""

    size: int
    bound: int
    """Devices that belong to an anchor: one anchor after the other in turn."""
    corners: Any = ANCHORS
    """(anchors, objectives) preferences of the anchors."""

    def anchors(self) -> NDArray[np.int64]:
        """(devices,) each one's anchor, −1 for the free."""
        place = np.arange(self.size + 1) * self.bound // self.size
        return np.where(np.diff(place) > 0, place[:-1] % len(self.corners), -1)

    def members(self) -> Any:
        """(devices, anchors) each bound device's share in its anchor's averages; columns sum to 1."""
        belongs = (self.anchors()[:, None] == np.arange(len(self.corners))).astype(np.float32)
        return jnp.asarray(belongs / belongs.sum(0))

    def members_by_kind(self, kinds: NDArray[np.int64]) -> Any:
        """(kinds, devices, anchors) the same within each kind of device; of all kinds where a kind has none."""
        belongs = self.anchors()[:, None] == np.arange(len(self.corners))
        own = belongs & (kinds == np.arange(kinds.max() + 1)[:, None])[..., None]
        own = np.where(own.any(1, keepdims=True), own, belongs).astype(np.float32)
        return jnp.asarray(own / own.sum(1, keepdims=True))

    def preferences(self, key: Any) -> Any:
        """(devices, objectives) anchors, or draws from the simplex."""
        return self.bound_to(drawn_preferences(key, self.size))

    def redrawn(self, preferences: Any, key: Any, chance: float) -> Any:
        """The same with new preferences for some of the free devices."""
        key, other = jax.random.split(key)
        new = jax.random.bernoulli(key, chance, (self.size, 1))
        return self.bound_to(jnp.where(new, drawn_preferences(other, self.size), preferences))

    def dealt(self, preferences: Any) -> Any:
        """(n, objectives) → (devices, objectives) the bound devices' anchors, the free devices one row each in turn."""
        turn = np.cumsum(self.anchors() < 0) - 1
        return self.bound_to(jnp.asarray(preferences, jnp.float32)[turn % len(preferences)])

    def bound_to(self, preferences: Any) -> Any:
        """(devices, objectives) the bound devices' anchors, the free devices' `preferences`."""
        anchors = self.anchors()
        return jnp.where(
            (anchors >= 0)[:, None], jnp.asarray(self.corners, jnp.float32)[anchors], preferences
        )

    def shares(self, preferences: Any) -> Any:
        """(devices, anchors) how much of each anchor's numbers holds for a device; rows sum to 1."""
        return radial_weights(preferences, jnp.asarray(self.corners, jnp.float32), jnp).astype(jnp.float32)


def crowd_of(size: int, free_share: float) -> Crowd:
    """`ConfigError` where the devices do not suffice for the anchors."""
    bound = round(size * (1 - free_share)) // len(ANCHORS) * len(ANCHORS)
    if bound == 0:
        raise ConfigError(f"a batch of {size} devices is too small for {len(ANCHORS)} preferences")
    return Crowd(size, bound)


def drawn_preferences(key: Any, count: int) -> Any:
    """(count, objectives) evenly from the simplex."""
    return jax.random.dirichlet(key, jnp.ones(ANCHORS.shape[1]), (count,))

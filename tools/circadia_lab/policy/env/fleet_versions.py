"""How often a fleet's versions appear, from how often its devices push: the aggregator's rule, in the mean.

A version is made of `buffer` updates, or of fewer `timeout_s` after the first of them came:

    versions per s = 1 / (1 / λ + min((buffer − 1) / λ, timeout)),   λ = updates per s of the whole fleet

Who lives alone in a batch has a fleet that does as it does. Pure functions over an array module `xp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circadia_lab.policy.env.problem import WakeLaw

MEMORY_S = 6 * 3600.0
"""How far back the mean rate of pushing goes."""
LEAST_PER_S = 1e-9
"""A fleet that never pushes has no versions."""


def versions_per_s(updates_per_s: Any, law: WakeLaw, xp: Any) -> Any:
    """(…,) updates that one device pushes a second, in the mean → (…,) versions of the fleet a second."""
    rate = xp.maximum(updates_per_s * law.devices, LEAST_PER_S)
    return 1 / (1 / rate + xp.minimum((law.buffer - 1) / rate, law.timeout_s))


def usual_updates_per_s(versions_per_hour: Any, law: WakeLaw, xp: Any) -> Any:
    """(…,) what makes about so many versions an hour, if buffers are filled; where an environment starts."""
    return versions_per_hour / 3600 * law.buffer / law.devices + 0 * xp.asarray(versions_per_hour)


def updates_after(updates_per_s: Any, pushed: Any, dt_s: Any, xp: Any) -> Any:
    """(fleets,) faded mean rates, after (devices, per_device) pushed so many updates in so many seconds each.

    Each fleet is as many copies of each device, one after another; rates of (devices, per_device) are of devices whose
    fleet does as they do.
    """
    if updates_per_s.shape == pushed.shape:
        share = 1 - xp.exp(-dt_s / MEMORY_S)
        return updates_per_s + (pushed / xp.maximum(dt_s, 1e-3) - updates_per_s) * share
    apart = (pushed.shape[0], updates_per_s.shape[-1], -1)
    pushed, dt_s = pushed.reshape(apart), dt_s.reshape(apart)
    rate = xp.sum(pushed, axis=(0, 2)) / xp.maximum(xp.sum(dt_s, axis=(0, 2)), 1e-3)
    share = 1 - xp.exp(-xp.mean(dt_s, axis=(0, 2)) / MEMORY_S)
    return updates_per_s + (rate - updates_per_s) * share

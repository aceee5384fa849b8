"""Training and serving decided apart by one policy that is asked twice: the baseline of a coupled decision.

    π(serve a) = π_s(a),   π(other a) = (1 − Σ π_s(serve)) · π_t(a)

The serving side π_s sees an observation in which there is nothing to learn; the learning side π_t one in which nobody
waits, and which has the tick to itself while that is so. Neither wants what has nothing to do in what it sees. Both see
battery, body, time and preference. How long to sleep is the policy's own, where it chooses that: apart is what is done in a
wake. It is an ablation of the policy inside, not one that was trained to decide so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from circadia.actions import FACTS, INDEX
from circadia.idle import idle
from circadia.observation import COLUMN, NO_DEADLINE_S
from circadia.policy.sampling import probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.policy.sleeps import SleepOptions
    from circadia.ports import Policy, SleepingPolicy
    from circadia.types import Action

QUEUE = {"queue_length": 0.0, "queue_age_s": 0.0, "queue_slack_s": NO_DEADLINE_S}
"""What the learning side sees of the queue: an empty one."""
LEARNING = {
    "fresh_examples": 0.0, "fresh_age_s": 0.0, "unsent_examples": 0.0, "spooled_updates": 0.0, "versions_behind": 0.0,
}  # fmt: skip
"""What the serving side sees of the learning: nothing to do."""
SLEEP = INDEX["sleep"]


class SeparatePolicy:
    """A `Policy` out of another; one thread at a time."""

    def __init__(self, whole: Policy) -> None:
        self._whole = whole
        self.name = f"separate {whole.name}"
        self.offered = whole.offered
        self.sleeps: SleepOptions | None = getattr(whole, "sleeps", None)
        """As the whole chooses them; None: it does not."""
        self._sleeper = cast("SleepingPolicy", whole)

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(features,) values → (actions,) logarithms of the chances; −inf where there is none."""
        serving, learning = (self._chances(_without(x, hidden)) for hidden in (LEARNING, QUEUE))
        serves = np.where(FACTS.serves & (x[COLUMN["queue_length"]] > 0), serving, 0.0)
        learns = np.where(FACTS.serves, 0.0, learning)
        learns[SLEEP] += not learns.any()
        chances = serves + (1 - serves.sum()) * learns
        with np.errstate(divide="ignore"):
            scores: NDArray[np.float32] = np.log(chances).astype(np.float32)
        return scores

    def sleep_scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(features,) values → (options of `sleeps`,) scores of the whole, which sees both sides."""
        return self._sleeper.sleep_scores(x)

    def due_s(self, x: NDArray[np.float32], action: Action) -> Sequence[float]:
        """Seconds until something is due after that action, for each kind of sleep in `sleeps`."""
        return self._sleeper.due_s(x, action)

    def _chances(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        chances: NDArray[np.float32] = probabilities(self._whole.scores(x), self.offered & ~idle(x, FACTS))
        return chances


def _without(x: NDArray[np.float32], hidden: dict[str, float]) -> NDArray[np.float32]:
    seen = x.copy()
    for name, value in hidden.items():
        seen[COLUMN[name]] = value
    return seen

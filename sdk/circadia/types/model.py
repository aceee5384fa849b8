"""A model's weights on the device: trained, its own share in them, and what goes to the federation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from circadia.practice import Practice
from circadia.types.observation import NAN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """What a training action did; enough to replay it."""

    steps: int
    examples: int
    """Distinct examples used."""
    loss: float
    """Mean over the steps."""
    batches: NDArray[np.int64]
    """(steps, batch) example ids, −1 where a batch was padded."""
    weights: NDArray[np.float32]
    """(parameters,) the model's weights after the last step."""
    gain: float = NAN
    """How far the loss fell: 1 − mean of the last half / mean of the first half of the steps, in [−1, 1]; NaN for one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUpdate:
    """A change of the model's weights on its way to the federation."""

    update_id: str
    """Unique; 32 hexadecimal digits."""
    task: str
    """SHA-256 of the task's model file, in hexadecimal digits."""
    base_version: int
    """The federation's version that the change starts from."""
    examples: int
    """Different examples behind the change, however often each was trained on: its weight in the mean."""
    codec: str
    """How `payload` is packed; `int8` is in `circadia.federation.codecs`."""
    payload: bytes
    created_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Personal:
    """What a device has for its own answers beside the federation's weights; never sent."""

    weights: NDArray[np.float32]
    """(parameters,)"""
    share: float
    """How much of them an answer takes, in [0, 1]."""
    losses: tuple[float, ...]
    """Faded sums of the loss on examples before they were learnt from, for each share that may be chosen."""
    scored: float = 0.0
    """Faded count of those examples."""

    def mixed(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """(parameters,) of an answer: weights + share · (own − weights)."""
        return weights + self.share * (self.weights - weights) if self.share else weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A state of the device's weights."""

    version: int
    """The federation's version it stems from; 0 before the first."""
    published_s: float
    """When that version was published; NaN before the first."""
    base: NDArray[np.float32]
    """(parameters,) where the unsent change starts from."""
    weights: NDArray[np.float32]
    """(parameters,) what is trained: that version and the unsent change."""
    unsent_examples: int = 0
    """Rows that training went through for `weights − base`: an example counts at every pass."""
    unsent_ids: frozenset[int] = frozenset()
    """The different examples among them that the device still had when it trained last."""
    unsent_left: int = 0
    """How many others there are: what has left the device is never trained on again."""
    practice: Practice = field(default_factory=Practice)
    """All training on this device, whatever version it began from."""
    personal: Personal | None = None
    """None without personalisation, and before the first training."""

    @property
    def unsent_different(self) -> int:
        """The different examples behind the unsent change."""
        return len(self.unsent_ids) + self.unsent_left

    @property
    def answering(self) -> NDArray[np.float32]:
        """(parameters,) what serves."""
        return self.weights if self.personal is None else self.personal.mixed(self.weights)

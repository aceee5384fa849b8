"""What happens to the devices of a demonstration: their data, their conditions, their days. A seed fixes all of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError
from circadia_lab.data.day import arrivals
from circadia_lab.data.day.condition import CLASSES, Condition
from circadia_lab.data.day.plan import DAY_S, DEADLINE_S
from circadia_lab.data.day.result import Drift
from circadia_lab.data.tasks.digits_data import load_digits_split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.data.day.plan import Plan

    Images = NDArray[np.float32]
    Labels = NDArray[np.int32]

CONCENTRATION = 0.5
"""Of the Dirichlet distribution that deals each class out to the devices (Hsu et al., arXiv:1909.06335)."""
SMALLEST_SHARD = 40
DRIFT_S = 10 * 3600.0
KINDS = ("rotation", "contrast", "rotation", "class mix")
"""Dealt to the devices in turn."""
ROTATION_DEG = (16.0, 22.0)
CONTRAST, BRIGHTNESS = 0.4, 0.4
"""A lens in the fog."""
RARE = 0.08
"""Weight of the classes that a device hardly meets, on one side of a change of the class mix."""
HELD_OUT_CONDITIONS = 4
"""Devices under whose conditions each test image is seen, in the common set."""
HELD_OUT_OWN = 400
_SHARDS, _CONDITIONS, _STREAM, _COMMON, _OWN = range(5)
"""Streams of random numbers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RequestEvent:
    """The application wants an image classified."""

    t_s: float
    """Since midnight."""
    image: Images
    """(8, 8, 1) in [0, 1]."""
    label: int
    """What it truly is; the device hears it only as feedback."""
    deadline_s: float
    """From `t_s`."""
    feedback_after_s: float | None
    """From the deadline until the user tells the label; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExampleEvent:
    """A labelled image comes without a request."""

    t_s: float
    image: Images
    label: int


Event = RequestEvent | ExampleEvent


class World:
    """The digits, dealt to `devices` devices, through `days` days. Conditions change at `drifts_s`, which rise."""

    def __init__(
        self,
        seed: int,
        devices: int,
        *,
        drifts_s: Sequence[float] = (DRIFT_S,),
        days: int = 1,
        apart_deg: float = 0.0,
        deadlines_s: Sequence[float] = (),
    ) -> None:
        """`apart_deg`: each device's camera is turned so far from the one before, the middle ones least.

        `deadlines_s`: how long each device's requests wait; none: `DEADLINE_S` everywhere.
        """
        if seed < 0 or devices < 1:
            raise ConfigError(
                f"world of {devices} devices, seed {seed}: needs a device, and a seed of 0 or more"
            )
        if days < 1 or any(later <= earlier for earlier, later in pairwise(drifts_s)):
            raise ConfigError(
                f"world of {days} days, drifts at {list(drifts_s)}: needs a day, and drifts that rise"
            )
        self.seed = seed
        self.devices = devices
        self.days = days
        self._apart_deg = apart_deg
        self._deadlines_s = tuple(deadlines_s) or (DEADLINE_S,) * devices
        if len(self._deadlines_s) != devices:
            raise ConfigError(f"world of {devices} devices: {len(self._deadlines_s)} deadlines")
        self.drifts_s = tuple(drifts_s)
        self.train_x, self.train_y, self.test_x, self.test_y = load_digits_split(seed)
        if devices > len(self.train_y):
            raise ConfigError(
                f"world of {devices} devices: there are {len(self.train_y)} images; take fewer devices"
            )
        self.shards = _deal(self.train_y, devices, self._random(_SHARDS))
        """Of each device, the rows of `train_x` that are its own."""
        self._conditions = [self._conditions_of(device) for device in range(devices)]

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """When the devices' conditions change."""
        return tuple(
            Drift(t_s=t_s, what=self._changes(change)) for change, t_s in enumerate(self.drifts_s, start=1)
        )

    def kind(self, device: int, change: int = 1) -> str:
        """Which of `KINDS` a device goes through at its first, second … change; never the same twice in a row."""
        return KINDS[(device + change - 1) % len(KINDS)]

    def drift_of(self, device: int) -> str:
        """A device's first change in words."""
        before, after, *_ = self._conditions[device]
        return {
            "rotation": f"rotation {after.rotation_deg - before.rotation_deg:+.0f}°",
            "contrast": f"contrast {before.contrast:.2f} → {after.contrast:.2f}",
            "class mix": "class mix",
        }[self.kind(device)]

    def condition(self, device: int, t_s: float) -> Condition:
        """How a device sees the world at a time of the day."""
        return self._conditions[device][self.phase(t_s)]

    def phase(self, t_s: float) -> int:
        """Counts the changes so far: within a phase, conditions and held-out sets stay the same."""
        return sum(drift_s <= t_s for drift_s in self.drifts_s)

    def stream(self, device: int) -> list[Event]:
        """All of a device's days, in order of time."""
        random = self._random(_STREAM, device)
        events: list[Event] = []
        for day in range(self.days):
            requests = self._requests(device, day, random)
            events += [*self._examples(device, day, random), *requests]
        return sorted(events, key=lambda event: event.t_s)

    def held_out(self, t_s: float, device: int | None = None) -> tuple[Images, Labels]:
        """Test images as they look at that time: x (n, 8, 8, 1), y (n,); the same for a phase.

        Without a device, the common set: all test images, each under the conditions of `HELD_OUT_CONDITIONS` devices
        or of all, if there are fewer. With one, its own: its condition and its classes' shares.
        """
        return self._common(t_s) if device is None else self._own(t_s, device)

    # Inside

    def _random(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])

    def _changes(self, change: int) -> str:
        kinds = [self.kind(device, change) for device in range(self.devices)]
        counts = ", ".join(f"{kind} on {kinds.count(kind)}" for kind in sorted(set(kinds), key=KINDS.index))
        return f"{counts} of {self.devices} devices"

    def _conditions_of(self, device: int) -> tuple[Condition, ...]:
        """The conditions before the first change and after each."""
        first = self._change(device, 1, self._random(_CONDITIONS, device))
        later = range(2, len(self.drifts_s) + 1)
        after = [
            self._change(device, change, self._random(_CONDITIONS, device, change))[1] for change in later
        ]
        return (*first, *after)[: len(self.drifts_s) + 1]

    def _change(self, device: int, change: int, random: np.random.Generator) -> tuple[Condition, Condition]:
        """The conditions before and after a change: mild differences between devices, then a clear one."""
        turn, contrast = random.uniform(-8, 8), random.uniform(0.85, 1.0)
        turn += self._apart_deg * (device - (self.devices - 1) / 2)
        by = random.uniform(*ROTATION_DEG)
        before = Condition(rotation_deg=turn, contrast=contrast)
        match self.kind(device, change):
            case "rotation":
                return before, Condition(rotation_deg=turn + by, contrast=contrast)
            case "contrast":
                return before, Condition(rotation_deg=turn, contrast=CONTRAST, brightness=BRIGHTNESS)
            case _:
                morning, evening = _mixes(np.bincount(self.train_y[self.shards[device]], minlength=CLASSES))
                return (
                    Condition(rotation_deg=turn, contrast=contrast, class_weights=morning),
                    Condition(rotation_deg=turn, contrast=contrast, class_weights=evening),
                )

    def _examples(self, device: int, day: int, random: np.random.Generator) -> list[Event]:
        stock = np.zeros(arrivals.between(random, arrivals.STOCK) if day == 0 else 0)
        t_s = arrivals.example_times(random, arrivals.between(random, arrivals.EXAMPLES))
        t_s = np.concatenate([stock, t_s + day * DAY_S])
        images, labels = self._seen(device, t_s, random)
        return [
            ExampleEvent(t_s=float(t), image=image, label=int(label))
            for t, image, label in zip(t_s, images, labels, strict=True)
        ]

    def _requests(self, device: int, day: int, random: np.random.Generator) -> list[Event]:
        t_s = arrivals.request_times(random, arrivals.between(random, arrivals.REQUESTS)) + day * DAY_S
        delays = arrivals.feedback_delays(random, len(t_s))
        images, labels = self._seen(device, t_s, random)
        return [
            RequestEvent(
                t_s=float(t),
                image=image,
                label=int(label),
                deadline_s=self._deadlines_s[device],
                feedback_after_s=None if np.isnan(delay) else float(delay),
            )
            for t, image, label, delay in zip(t_s, images, labels, delays, strict=True)
        ]

    def _seen(
        self, device: int, t_s: NDArray[np.float64], random: np.random.Generator
    ) -> tuple[Images, Labels]:
        """What a device's camera sees at those times, which rise."""
        parts = np.split(t_s, np.searchsorted(t_s, self.drifts_s))
        conditions = self._conditions[device]
        rows = [
            self._draw(device, condition, len(part), random)
            for condition, part in zip(conditions, parts, strict=True)
        ]
        images = [
            condition.render(self.train_x[row], random)
            for condition, row in zip(conditions, rows, strict=True)
        ]
        return np.concatenate(images), self.train_y[np.concatenate(rows)]

    def _draw(
        self, device: int, condition: Condition, count: int, random: np.random.Generator
    ) -> NDArray[np.int64]:
        """Rows of `train_x` out of the device's shard."""
        shard = self.shards[device]
        weights = np.array(condition.class_weights)[self.train_y[shard]]
        return random.choice(shard, count, p=weights / weights.sum())

    def _common(self, t_s: float) -> tuple[Images, Labels]:
        random = self._random(_COMMON)
        copies, images = min(self.devices, HELD_OUT_CONDITIONS), []
        camera = np.arange(len(self.test_y)) % self.devices
        for copy in range(copies):
            seen = np.empty_like(self.test_x)
            for device in range(self.devices):
                rows = (camera + copy * self.devices // copies) % self.devices == device
                seen[rows] = self.condition(device, t_s).render(self.test_x[rows], random)
            images.append(seen)
        return np.concatenate(images), np.tile(self.test_y, copies)

    def _own(self, t_s: float, device: int) -> tuple[Images, Labels]:
        random = self._random(_OWN, device)
        condition = self.condition(device, t_s)
        shares = np.bincount(self.train_y[self.shards[device]], minlength=CLASSES) * condition.class_weights
        shares = shares / np.maximum(np.bincount(self.test_y, minlength=CLASSES), 1)
        weights = shares[self.test_y]
        rows = random.choice(len(self.test_y), HELD_OUT_OWN, p=weights / weights.sum())
        return condition.render(self.test_x[rows], random), self.test_y[rows]


def world_of(plan: Plan) -> World:
    """What happens to the devices of that run."""
    deadlines_s = [plan.deadline_s(device) for device in range(plan.devices)]
    return World(plan.seed, plan.devices, deadlines_s=deadlines_s)


def _deal(labels: Labels, devices: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """Rows for each device: every row once, each class by its own Dirichlet draw, no shard much too small."""
    owner = np.empty(len(labels), int)
    for label in range(CLASSES):
        rows = np.flatnonzero(labels == label)
        shares = random.dirichlet([CONCENTRATION] * devices)
        owner[rows] = np.searchsorted(
            np.cumsum(shares)[:-1], random.permutation(len(rows)) / len(rows), "right"
        )
    _level(owner, devices, min(SMALLEST_SHARD, len(labels) // (2 * devices) or 1))
    return [np.flatnonzero(owner == device) for device in range(devices)]


def _level(owner: NDArray[np.int_], devices: int, smallest: int) -> None:
    """Move rows from the largest shards to those with fewer than `smallest`."""
    sizes = np.bincount(owner, minlength=devices)
    while sizes.min() < smallest:
        rich, poor = sizes.argmax(), sizes.argmin()
        owner[np.flatnonzero(owner == rich)[0]] = poor
        sizes[rich] -= 1
        sizes[poor] += 1


def _mixes(counts: NDArray[np.int_]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Class weights before and after: the classes in two sets of about as many images, each rare in its turn."""
    early, sums = np.zeros(CLASSES, bool), [0, 0]
    for label in np.argsort(-counts, kind="stable"):
        early[label] = sums[0] <= sums[1]
        sums[0 if early[label] else 1] += int(counts[label])
    return tuple(np.where(early, 1.0, RARE).tolist()), tuple(np.where(early, RARE, 1.0).tolist())

"""What a wake does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from circadia.types.phase import Load


class Mode(Enum):
    """What the device does with a tick, in a word."""

    SLEEP = "sleep"
    SERVE = "serve"
    TRAIN = "train"


class ClockLevel(Enum):
    """The processor clock that an action asks for."""

    LOW = "low"
    HIGH = "high"


class Work(Enum):
    """The amount of work of an action: requests served or local training steps."""

    SMALL = "small"
    LARGE = "large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What one wake does: any of pulling, serving, training and pushing, in this order. `clock` is of its work.

    A device waits for what it pulls, but not for long: what comes later is installed when it comes.
    """

    clock: ClockLevel = ClockLevel.LOW
    serve: Work | None = None
    """How many requests it answers at most; None: it serves nobody."""
    train: Work | None = None
    """How many training steps it does; None: it does not train."""
    push: str | None = None
    """The codec in which an update goes to the federation; None: none does."""
    pull: bool = False
    """Whether a newer version is asked for."""

    @property
    def mode(self) -> Mode:
        """In a word: TRAIN if anything trains, else SERVE if anything serves, else SLEEP."""
        if self.train is not None:
            return Mode.TRAIN
        return Mode.SLEEP if self.serve is None else Mode.SERVE

    @property
    def syncs(self) -> bool:
        """Whether it uses the federation's link."""
        return self.pull or self.push is not None

    @property
    def works(self) -> tuple[Action, ...]:
        """Its parts that keep the processor busy, serving first, each as an action by itself."""
        serving = () if self.serve is None else (Action(clock=self.clock, serve=self.serve),)
        return serving if self.train is None else (*serving, Action(clock=self.clock, train=self.train))

    @property
    def load(self) -> Load:
        """What its work draws, of an action with one kind of work; AWAKE without any."""
        return Load.AWAKE if self.mode is Mode.SLEEP else Load[f"{self.mode.name}_{self.clock.name}"]

    @property
    def name(self) -> str:
        """The stable name: `train/high/large/sync-int8`, the codec, if it pushes and pulls; `serve+train/low/small+large`."""
        done = [(Mode.SERVE, self.serve), (Mode.TRAIN, self.train)]
        works = [(mode.value, work.value) for mode, work in done if work is not None]
        modes, amounts = ("+".join(part) for part in zip(*works, strict=True)) if works else ("sleep", "")
        parts = [modes, self.clock.value, amounts] if works else [modes]
        if self.syncs:
            parts.append(f"sync-{self.push or 'pull'}" if self.pull else f"push-{self.push}")
        return "/".join(parts)


class Units(NamedTuple):
    """Amounts of work."""

    answers: int = 0
    """Requests that are answered."""
    steps: int = 0
    """Training steps."""

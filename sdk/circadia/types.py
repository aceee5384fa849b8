"""The values that travel through one tick. All are frozen; SI units are in the names."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple

from circadia.errors import ConfigError
from circadia.practice import Practice

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

NAN = math.nan


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


class Link(IntEnum):
    """The network link, ordered by how freely it may be used."""

    NONE = 0
    METERED = 1
    FREE = 2


class Load(IntEnum):
    """What draws power during a phase; the index into a device profile's table of powers."""

    DEEP_SLEEP = 0
    AWAKE = 1
    WAKE_UP = 2
    SERVE_LOW = 3
    SERVE_HIGH = 4
    TRAIN_LOW = 5
    TRAIN_HIGH = 6
    RADIO = 7


class Source(Enum):
    """Where an energy figure comes from; figures of different sources are never added up."""

    MEASURED = "measured"
    MODELLED = "modelled"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What one wake does: any of pulling, serving, training and pushing, in this order. `clock` is of its work.

    So it is simulated. A device asks for the pull with the push, after its work, and installs what comes when it comes.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What the user cares about: three weights in [0, 1] that sum to 1."""

    accuracy: float = 1 / 3
    latency: float = 1 / 3
    energy: float = 1 / 3

    def __post_init__(self) -> None:
        weights = (self.accuracy, self.latency, self.energy)
        if not all(math.isfinite(w) and 0 <= w <= 1 for w in weights):
            raise ConfigError(f"preference {weights}: every weight must lie in [0, 1]")
        if not math.isclose(sum(weights), 1, abs_tol=1e-6):
            raise ConfigError(f"preference {weights}: the weights sum to {sum(weights):.6g}, not to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the device knows when it decides. NaN marks a sensor that is absent or nonsense.

    Ranges that the policy distinguishes stand in `circadia.observation.TABLE`.
    """

    dt_s: float = NAN
    """Time since the last tick began."""
    battery_soc: float = NAN
    """State of charge, 0 to 1."""
    charging: float = NAN
    """1 while energy comes in, else 0."""
    temperature_c: float = NAN
    """Of the battery or the processor, whichever is nearer to its limit."""
    thermal_headroom: float = NAN
    """(limit − temperature) / (limit − 25 °C): 1 is cool, 0 is at the limit."""
    power_save: float = NAN
    """1 while the operating system saves power."""
    user_active: float = NAN
    """1 while somebody uses the device."""
    cpu_load: float = NAN
    """Other programs' share of the processor, 0 to 1."""
    link: float = NAN
    """A `Link`, as a number."""
    link_bytes_per_s: float = NAN
    queue_length: float = NAN
    """Requests that wait."""
    queue_age_s: float = NAN
    """Age of the oldest request that waits; 0 with none."""
    queue_slack_s: float = NAN
    """Time until the first deadline of a waiting request; the table's maximum with none."""
    fresh_examples: float = NAN
    """Examples that no training step has seen."""
    fresh_age_s: float = NAN
    """Age of the oldest of them: the data's freshness; 0 with none."""
    unsent_examples: float = NAN
    """Examples trained on since the last update was made."""
    practice: float = NAN
    """Examples trained on lately, older ones faded (`circadia.practice`): how well the weights know the device's data."""
    spooled_updates: float = NAN
    """Updates made and not yet acknowledged."""
    versions_behind: float = NAN
    """The federation's newest known version minus the installed one."""
    model_age_s: float = NAN
    """Time since the installed version was published."""
    day_sine: float = NAN
    """sin(2π · local time of day / 24 h)."""
    day_cosine: float = NAN
    """cos(2π · local time of day / 24 h)."""
    charge_forecast: float = NAN
    """Charge expected within six hours, as a share of the battery's capacity."""
    preference_accuracy: float = 1 / 3
    preference_latency: float = 1 / 3
    preference_energy: float = 1 / 3
    trained_age_s: float = NAN
    """Time since the last training; `circadia.recent.NEVER_S` before the first."""
    contact_age_s: float = NAN
    """Time since the federation last answered a pull or a push; the same before, NaN without a federation."""
    recent_error: float = NAN
    """Share of wrong answers among those whose label came lately, 0 to 1 (`circadia.recent`)."""
    error_age_s: float = NAN
    """Time since the last such label."""
    requests_per_hour: float = NAN
    """How often requests come, lately."""
    training_gain: float = NAN
    """How far the loss fell in the last training, 1 − last half / first half of its steps, in [−1, 1]."""
    deadline_s: float = NAN
    """How long requests can wait, as a rule."""
    wake_on_request: float = NAN
    """Whether a request ends a sleep: 0 never, 1 in time for its deadline at best, 2 at once."""
    wake_up_j: float = NAN
    """What one wake-up takes."""
    radio_session_j: float = NAN
    """What one exchange takes before its first byte."""
    sleep_w: float = NAN
    """What sleep draws."""
    training_step_j: float = NAN
    """What one step of training takes at the low clock."""


LIMITS = {
    "platform": "this body cannot do it",
    "no_link": "there is no link",
    "battery_floor": "the battery would fall below its floor, or nothing tells its charge",
    "thermal": "it would get too warm, or nothing tells how warm it is",
    "power_save": "the system saves power, or nothing tells whether it does",
    "train_only_charging": "it does not charge, or nothing tells whether it does",
    "sync_only_unmetered": "there is no unmetered link",
    "paused": "the application has paused the device",
}
"""The hard limits, and what it means in words that they forbid something."""


def in_words(limits: Iterable[str]) -> str:
    """Names of limits, each with what it means."""
    return " and ".join(f"{limit} ({LIMITS[limit]})" if limit in LIMITS else limit for limit in limits)


class WakeOn(Enum):
    """What ends a sleep before its time."""

    DUE = "due"
    """Nothing: requests wait until the sleep is over."""
    DEADLINE = "deadline"
    """A request, in time for its deadline."""
    REQUEST = "request"
    """A request, at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """What follows a wake's work."""

    length_s: float
    """From the end of the work to the next wake, if nothing ends it before."""
    wake_on: WakeOn = WakeOn.REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy proposed, and what the shield let through."""

    proposed: Action
    """The draw from the scores over what has something to do (`circadia.idle`): what would be done without limits."""
    action: Action
    """The same draw under the limits: what is done."""
    masked: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(limit, names of the actions that it forbids) for each limit that forbade something."""
    feasible: bool = True
    """False when the limits left nothing that the policy offers, or it offers nothing: the device fell back to SLEEP.

    A policy that offers only what has nothing to do just sleeps.
    """
    sleep: Sleep | None = None
    """How long, and what may end it; None where the policy does not say: as the agent's period has it."""
    draw: float | None = None
    """The number in [0, 1) at whose quantile the action was drawn …"""
    sleep_draw: float | None = None
    """… and the one of the sleep; None without a sleep."""

    @property
    def why(self) -> str:
        """In words, what is done and which limits stood in the way of what the policy wanted."""
        done, wanted = self.action.name, self.proposed.name
        limits = [limit for limit, names in self.masked if wanted in names]
        if done == wanted and self.feasible:
            return f"{done}: the policy's choice"
        if not self.masked:
            return f"{done}: the policy offers nothing"
        if limits:
            return f"{done} instead of {wanted}, which is forbidden: {in_words(limits)}"
        others = in_words(limit for limit, _ in self.masked)
        return f"{done}, drawn without what is forbidden: {others}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of time under one load; the mark by which energy is attributed."""

    load: Load
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An answered request."""

    request_id: int
    label: int
    """The index of the most probable label."""
    label_name: str
    """What the task calls it."""
    confidence: float
    """The most probable label's probability."""
    probabilities: NDArray[np.float32] = field(compare=False)
    """(labels,) of each label, in the task's order; not to be written to."""
    latency_s: float
    """From `submit` to the answer, in the agent's time."""
    version: int
    """The federation's version of the model that answered; 0 before the first."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """Work that went away, to another device say, and comes back in the outcome of a later tick."""

    work_id: str
    requests: tuple[int, ...] = ()
    """Those that it answers."""
    sent_s: float
    due_s: float
    """Until when it is waited for."""
    note: bytes = b""
    """What its workload needs to take it up again after a restart; nobody else reads it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What an action did."""

    phases: tuple[Phase, ...] = ()
    served: tuple[Served, ...] = ()
    expired: tuple[int, ...] = ()
    """Requests whose deadline passed unanswered."""
    training: Training | None = None
    update: ModelUpdate | None = None
    model: Model | None = None
    """The weights to keep, when they changed."""
    away: tuple[Away, ...] = ()
    """Work that went away with it."""
    back: tuple[str, ...] = ()
    """Ids of earlier work that is not away any more: it came back, or is given up."""
    overrun_s: float = 0.0
    """How much longer the real computation took than its phases or the pacing period, whichever is longer.

    0 where phases are what passed.
    """

    @property
    def busy_s(self) -> float:
        """The time the phases take together."""
        return sum(phase.duration_s for phase in self.phases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long one unit of an action's work, a training step or an invocation of `infer`, took on this body so far."""

    action: str
    """Its stable name."""
    samples: int
    """How often it was measured, as far as that matters (`circadia.energy.pace`)."""
    unit_s: float
    """The longest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickRecord:
    """One decision: what was seen, what was done, what came of it."""

    t_s: float
    """The agent's clock when the tick began; the tick owns the time until the next one."""
    observation: Observation
    decision: Decision
    outcome: Outcome
    version: int
    """Of the model that is installed after the tick."""
    paces: tuple[Pace, ...] = ()
    """What was measured since the last tick, where it says something new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTick:
    """Where a device that restarts takes up again."""

    tick_id: int
    t_s: float
    observation: Observation
    phases: tuple[Phase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSample:
    """One reading of a meter; discharge is positive."""

    t_ns: int
    voltage_v: float
    current_a: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyReading:
    """The energy of a stretch of time."""

    energy_j: float
    duration_s: float
    source: Source
    gap_s: float = 0.0
    """Time in it that nothing was read."""
    lost_s: float = 0.0
    """Of that, time whose energy is not in the sum either: the meter was off, or had not begun."""
    bound_j: float = 0.0
    """How far `energy_j` can be off by clocks and gaps, and by sampling where the load is steady within the tick; not by
    bursts shorter than a sample or in step with it, nor by the meter’s gain and offset."""
    by_load: dict[Load, float] = field(default_factory=dict)
    """Joules by load, where the source can tell them apart."""

"""What the agent needs from the outside: every implementation of a port passes the same contract tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from circadia.types import WakeOn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from circadia.federation.device.events import DeviceEvent
    from circadia.learning.identity import TaskIdentity
    from circadia.learning.task import Task
    from circadia.policy.sleeps import SleepOptions
    from circadia.serving.queue import Request
    from circadia.store.rows import StoredExample, StoredUpdate
    from circadia.traffic import Traffic
    from circadia.types import (
        Action,
        Away,
        ClockLevel,
        EnergyReading,
        LastTick,
        Model,
        ModelUpdate,
        Observation,
        Outcome,
        Pace,
        Phase,
        Served,
        TickRecord,
        Units,
    )

EVERY_SLEEP = frozenset(WakeOn)


class Clock(Protocol):
    """Time. Tests and the simulated day bring their own."""

    def now_s(self) -> float:
        """Seconds; never runs backwards, counts suspend; its origin is the Unix epoch or the simulated day's start."""
        ...

    def wall_s(self, duration_s: float) -> float:
        """How long the machine has to wait until this clock has advanced by `duration_s`."""
        ...


class Platform(Protocol):
    """The device's body: battery, heat, link, user."""

    def observe(self, now_s: float) -> Observation:
        """The body's part of the observation; the agent adds queue, examples and model. NaN where unknown."""
        ...

    def supports(self, action: Action) -> bool:
        """False for an action that this device can never do, for example setting a clock."""
        ...

    @property
    def stopwatch(self) -> Callable[[], float] | None:
        """Seconds that the body was awake, from any thread: work takes what this says. None: it takes what `phases` says.

        A real body measures, and its phases are what passed; a simulated one foretells.
        """
        ...

    def looks_at(self, name: str) -> str:
        """Where it looks for that field of the observation, and what to do if it is not found there; for messages."""
        ...

    def phases(self, action: Action, units: Units, sync_bytes: int) -> tuple[Phase, ...]:
        """The time under each load that so much of the action's work and `sync_bytes` on the air take, in this order.

        As the profile says: what happens on a body without a stopwatch, a bound on one that has one.
        """
        ...

    def spend(self, phases: Sequence[Phase]) -> None:
        """Told after the work was done, so that a simulated body can drain its battery by it."""
        ...

    def local_time_s(self, now_s: float) -> float:
        """Seconds since local midnight."""
        ...

    def close(self) -> None:
        """Let go of what it holds; a second call does nothing."""
        ...


@runtime_checkable
class PowersDown(Protocol):
    """What a platform may have beside `Platform`: it says what ends its sleep, and powers down.

    One without it stays awake while the agent waits, and hears each request.
    """

    @property
    def wakes_on(self) -> frozenset[WakeOn]:
        """The sleeps that the body can do: only {DUE}, nothing wakes it; only {REQUEST}, every request does."""
        ...

    def sleep(self, until_s: float, wake_on: WakeOn) -> bool:
        """Power down until then, or until what may end it before. False: it cannot, and the agent waits awake.

        Of the agent's thread, once what was done, learnt and heard is stored; what `infer` answered since the last tick is only
        with the next one, as are joules. A body that loses its memory in this sleep has to restart the program. It may come back early or late: the agent looks at the clock.
        """
        ...


@runtime_checkable
class HintsClock(Protocol):
    """What a platform may have beside `Platform`: it takes a hint of how fast the work that follows should be done.

    Where no clock can be set, as on a phone, this is what the low and the high one come to.
    """

    def at_clock(self, clock: ClockLevel) -> AbstractContextManager[None]:
        """Entered before an action's work and left after it, in the thread that works. It never raises."""
        ...


def wakes_on(platform: Platform) -> frozenset[WakeOn]:
    """The sleeps that a body can do: all, where it does not say, for the agent itself waits."""
    return platform.wakes_on if isinstance(platform, PowersDown) else EVERY_SLEEP


def sound_wakes_on(platform: Platform) -> frozenset[WakeOn]:
    """The same of a body that nobody has tried; `ValueError` for what is no set of one or more `WakeOn`."""
    said: object = wakes_on(platform)
    if not isinstance(said, set | frozenset) or not said or not all(isinstance(one, WakeOn) for one in said):
        raise ValueError(f"wakes_on is {said!r}; it must be a frozenset of one or more WakeOn")
    return frozenset(said)


class Workload(Protocol):
    """What a device works for: one task's requests, examples and weights. Used by one thread.

    `run` and `hear` keep nothing: `settle` says, before the next of them, whether the store has what they came to; after a
    `run` that raised, that it has not.
    Work may come back ticks later: the outcome that sends it away names it in `away`, the one that brings its results,
    or gives it up, in `back`; what is away survives the process in the store.
    """

    @property
    def task(self) -> Task:
        """What is learned and served."""
        ...

    @property
    def version(self) -> int:
        """The federation's version of the model that answers now; 0 before the first."""
        ...

    @property
    def waiting(self) -> int:
        """Requests that nobody works on yet."""
        ...

    @property
    def busy(self) -> bool:
        """Whether something is away or at work, so that a tick soon finds results."""
        ...

    @property
    def spooled(self) -> Collection[ModelUpdate]:
        """Updates without a verdict, oldest first."""
        ...

    def observe(self, now_s: float) -> Mapping[str, float]:
        """The fields of `Observation` that the body does not know: queue, examples, model."""
        ...

    def run(self, action: Action, now_s: float) -> Outcome:
        """Do the action's work, or send it away, and bring what came back since the last tick."""
        ...

    def hear(self, event: DeviceEvent, now_s: float) -> Model | None:
        """Something came from the federation → the model to store for it, if it changes."""
        ...

    def settle(self, *, stored: bool) -> None:
        """The store has what the last `run` or `hear` came to, or refused it: then only the answers count."""
        ...

    def ask(self, request: Request) -> None:
        """A request waits from now on. `CircadiaError` when there is no room."""
        ...

    def recall(self, request_id: int) -> NDArray[np.float32] | None:
        """The input of an answered request, whose label came: once; None if it is not known (any more)."""
        ...

    def learn(self, example_id: int, x: NDArray[np.float32], label: int, t_s: float) -> Sequence[int]:
        """An example to learn from, as the store has it → the ids of examples that had to go for it."""
        ...


@runtime_checkable
class AnswersAtOnce(Protocol):
    """What a workload may have beside `Workload`: answers between two ticks. One that sends its work away has them not."""

    def infer(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
        """An input of the task's shape → the probabilities of its labels, and the version that answered.

        From any thread, one call at a time, also while the agent's thread is in any other method.
        """
        ...

    def remember(self, request_id: int, x: NDArray[np.float32], t_s: float) -> None:
        """What `infer` answered at `t_s`, for its label may come; on the agent's thread."""
        ...


@runtime_checkable
class TellsLate(Protocol):
    """What a workload may have beside `Workload`: it says between two ticks whose deadline has passed."""

    def late(self, now_s: float) -> Sequence[int]:
        """Requests whose deadline has passed since the last call: they wait no longer, and the next `run` has them in `expired`."""
        ...


class EnergyMeter(Protocol):
    """Reads joules for stretches of time, later than they happened."""

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """The energy from `start_s` to `end_s`; None while that is not known yet."""
        ...

    def about(self) -> dict[str, str | float]:
        """What it is and how it is calibrated: measurements of meters that differ in this do not compare."""
        ...

    def close(self) -> None:
        """End what reads it; a second call does nothing."""
        ...


class Policy(Protocol):
    """Scores actions. Higher is likelier: the device samples from the softmax of the scores under the mask."""

    @property
    def name(self) -> str:
        """Shown in tables and stored with every run."""
        ...

    @property
    def offered(self) -> NDArray[np.bool_]:
        """(actions,) which of the catalogue's actions this policy knows."""
        ...

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(features,) values as in `circadia.observation.values` → (actions,) scores; −inf where not offered."""
        ...


@runtime_checkable
class SleepingPolicy(Protocol):
    """What a policy may have beside `Policy`: it says how long to sleep. Without it the device sleeps as its period has it."""

    @property
    def sleeps(self) -> SleepOptions | None:
        """What a sleep is chosen from, as an action is drawn; None: as without it."""
        ...

    def sleep_scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(features,) values → (options,) scores; −inf where not offered."""
        ...

    def due_s(self, x: NDArray[np.float32], action: Action) -> Sequence[float]:
        """(kinds of sleep,) seconds until something is due after that action, for sleeping until then."""
        ...


class Interpreter(Protocol):
    """A .tflite model that can be computed on one thread, its tensors allocated."""

    def get_input_details(self) -> list[dict[str, Any]]:
        """Of each input at least `index`, `shape`, `dtype` and `quantization`, a pair of scale and zero point."""
        ...

    def get_output_details(self) -> list[dict[str, Any]]:
        """The same of each output, and its `name`."""
        ...

    def set_tensor(self, tensor_index: int, value: NDArray[Any]) -> None:
        """Copy an input in."""
        ...

    def invoke(self) -> None:
        """Compute the outputs from the inputs."""
        ...

    def get_tensor(self, tensor_index: int) -> NDArray[Any]:
        """A copy of an output."""
        ...

    def get_signature_list(self) -> Mapping[str, Any]:
        """The signatures by name."""
        ...

    def get_signature_runner(self, signature_key: str) -> Any:
        """A function of named arrays to a mapping of named arrays.

        It has `get_input_details()` and `get_output_details()`: name → at least `shape` and `dtype`.
        """
        ...


class OpenModel(Protocol):
    """Opens .tflite models: `circadia.tflite.interpreter.open_interpreter`, or what another machine has."""

    def __call__(self, model: bytes, *, name: str, threads: int = 1) -> Interpreter:
        """An interpreter of a file's bytes. `ArtifactError` naming `name` when they are no usable model."""
        ...


class Federation(Protocol):
    """The link to the federation, as the agent sees it; it never blocks. `connected` and `trouble` belong to any thread."""

    @property
    def connected(self) -> bool:
        """Whether the federation can be reached now."""
        ...

    @property
    def trouble(self) -> str:
        """What is wrong with the link, in words; empty: nothing is."""
        ...

    def set_online(self, online: bool) -> None:
        """Whether the device has a network link."""
        ...

    def request(self, push: Sequence[ModelUpdate], pull: bool) -> None:
        """Send these updates, and fetch the newest model if `pull`.

        `LocalProtocolError` for an update that no message can carry; then nothing is done.
        """
        ...

    def poll(self) -> list[DeviceEvent]:
        """What arrived since the last call."""
        ...


@runtime_checkable
class CountsTraffic(Protocol):
    """What a link may have beside `Federation`: it counts what goes over it. For any thread."""

    @property
    def traffic(self) -> Traffic:
        """So far."""
        ...


class Store(Protocol):
    """What survives a SIGKILL. `StoreError` of any method leaves nothing half done behind."""

    def last_tick(self) -> LastTick | None:
        """Where an earlier run ended; None in a new store."""
        ...

    def commit(self, record: TickRecord) -> int:
        """The whole tick in one transaction; returns its id."""
        ...

    def amend(self, tick_id: int, phases: Sequence[Phase], served: Sequence[Served]) -> None:
        """Work that was done between this tick and the next joins it. Kept with the next commit, or on `close`."""
        ...

    def paces(self) -> list[Pace]:
        """How long work took on this body, as the ticks brought it."""
        ...

    def sensors(self) -> frozenset[str]:
        """The keys of the sensors that have ever answered."""
        ...

    def note_sensors(self, keys: Collection[str]) -> None:
        """They have answered."""
        ...

    def settle(self, tick_id: int, reading: EnergyReading) -> None:
        """Attach the energy of a tick; once."""
        ...

    def unsettled(self) -> list[tuple[int, float, float]]:
        """(tick id, start, end) of the ticks that have ended and have no energy yet, oldest first."""
        ...

    def add_examples(
        self, rows: Iterable[tuple[Any, int, float]], truths: Mapping[int, int] | None = None
    ) -> list[int]:
        """(x, label, time of arrival) rows → their ids, and request → true label; a SIGKILL takes neither."""
        ...

    def mark_evicted(self, evicted: Iterable[int]) -> None:
        """The example buffer let these ids go."""
        ...

    def examples(self) -> list[StoredExample]:
        """Those that were not evicted, oldest first."""
        ...

    def device(self) -> str:
        """The device's name in the federation, as it began with this store; empty: nobody has said it yet."""
        ...

    def keep_device(self, name: str) -> None:
        """Say it, once and for all."""
        ...

    def verdicts(self) -> list[StoredUpdate]:
        """Every update that is known, and what became of it, the oldest first."""
        ...

    def next_request_id(self) -> int:
        """Above the id of every request that is known, and of those that were reserved."""
        ...

    def reserve_request_ids(self, below: int) -> None:
        """Ids below it may be given before the store knows of their requests. The last call counts."""
        ...

    def check_task(self, task: TaskIdentity, parameters: int) -> None:
        """`ConfigError` as of `claim`; nothing is kept."""
        ...

    def claim(self, task: TaskIdentity, parameters: int) -> None:
        """It belongs to this task, of so many weights, from now on; `ConfigError` names the difference when it belongs to another."""
        ...

    def load_model(self) -> Model | None:
        """The weights as they were last stored; None in a new store."""
        ...

    def spooled(self) -> list[ModelUpdate]:
        """The updates that are not acknowledged, oldest first."""
        ...

    def away(self) -> list[Away]:
        """The work that went away and did not come back, longest away first."""
        ...

    def save_model(self, model: Model) -> None:
        """The weights outside a tick: a version that arrived from the federation."""
        ...

    def acknowledge(self, update_id: str, accepted: bool, reason: str) -> None:
        """Delete the update's payload; its row stays as the record that it was made and what became of it."""
        ...

    def close(self) -> None:
        """Write what is left to write; a second call does nothing."""
        ...

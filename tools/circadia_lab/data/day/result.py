"""What a demonstration found, arm by arm; the report and the summary are made from this alone."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A quantity over the simulated day; `t_s` counts from midnight."""

    t_s: list[float] = field(default_factory=list)
    value: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """An action and how long its tick lasted, sleep after it included."""

    t_s: float
    duration_s: float
    busy_s: float
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Joules:
    """Who drew them, and which of them the battery paid; simulated. NaN where the body could not be played again."""

    work_j: float = math.nan
    """The agent's: waking up, serving, training, radio, and being awake for it."""
    rest_j: float = math.nan
    """Asleep, or awake with nothing to do."""
    user_j: float = math.nan
    """Screen and applications."""
    battery_work_j: float = math.nan
    """Of the agent's, what the battery paid: not its charger, nor its panel."""
    battery_j: float = math.nan
    """The same of all three."""
    battery_s: float = math.nan
    """Seconds in which the battery paid anything."""

    @property
    def device_j(self) -> float:
        """All that was drawn."""
        return self.work_j + self.rest_j + self.user_j


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceResult:
    """One device's day."""

    name: str
    profile: str
    drift: str
    """For example `rotation 35°`, `contrast 0.4`, `class mix`, `none`."""
    battery_soc: Series
    charging: Series
    """0 or 1 at each tick."""
    stays: list[Stay]
    version: Series
    staleness_s: Series
    """Age of the installed model version at each tick."""
    latency_s: list[float]
    """Of each served request."""
    served: int
    expired: int
    served_correct: int
    """Served requests whose answer was right."""
    served_accuracy: Series
    """Share of right answers among the requests served in each window of the day."""
    accuracy_common: Series
    """Of the installed weights, on held-out images under all devices' conditions at that time."""
    accuracy_own: Series
    """Of the installed weights, on held-out images with this device's own classes and condition."""
    energy_j: dict[str, float]
    """Simulated joules of the ticks, by action mode: sleep, serve, train, and `awake`-like shares under their mode."""
    energy_by_load_j: dict[str, float]
    """Simulated joules by load (DEEP_SLEEP, TRAIN_HIGH, …)."""
    cumulative_j: Series
    training_steps: int
    updates: dict[str, int]
    """made, accepted, rejected, waiting."""
    overruns: int
    restarts: int = 0
    unanswered: int = 0
    """Requests that neither were served nor expired in the queue: nobody was there, or the day ended."""
    joules: Joules = Joules()
    battery_agent_j: Series = field(default_factory=Series)
    """Of the agent's joules, what the battery has paid since midnight, at each tick; simulated."""
    capacity_j: float = math.nan
    """Of the full battery."""
    recovery_s: float | None = None
    """As the arm's, of this device's accuracy on the common set, against all arms' level of the same device."""

    @property
    def asked(self) -> int:
        """Requests of its users."""
        return self.served + self.expired + self.unanswered

    @property
    def battery_hours(self) -> float:
        """How long a full battery lasts at the mean drain of the time in which it paid; NaN if it never did."""
        watts = self.joules.battery_j / self.joules.battery_s if self.joules.battery_s > 0 else 0.0
        return self.capacity_j / watts / 3600 if watts > 0 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A change of the world."""

    t_s: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """One policy's day with the whole fleet."""

    arm: str
    """Its name."""
    policy: str
    """What its devices ran: `default`, `separate`, a rule's name, or a file."""
    day_s: float
    """Simulated time that was covered; less than a day after Ctrl-C."""
    wall_s: float
    devices: list[DeviceResult]
    drifts: list[Drift]
    incidents: list[Drift]
    """Kills and restarts under --chaos, by simulated time."""
    versions: Series
    """When each version of the federation was published."""
    federated_accuracy: float
    """Mean over devices, installed weights at the end, on the common held-out set."""
    federated_accuracy_own: float
    """The same on each device's own distribution."""
    own_accuracy: float
    """Training replayed from each device's log without federation, common held-out set."""
    own_accuracy_own: float
    centralised_accuracy: float
    """One model on all shards, as many steps as all devices took together, common held-out set."""
    centralised_accuracy_own: float
    accuracy: Series
    """Mean of the devices' accuracy_common over the day."""
    joules: Series
    """Sum of the devices' cumulative joules at the same times."""
    recovery_s: float | None
    """From the drift until accuracy stays for an hour within two points of one level for all arms; None if it is not seen
    to. See `circadia_lab.data.day.recovery`."""
    served: int
    expired: int
    energy_j: dict[str, float]
    """Simulated, by action mode."""
    updates_made: int
    updates_lost: int
    """Made, but neither accepted nor rejected with a reason after the queues were drained."""
    overruns: int
    complete: bool = True
    unanswered: int = 0
    battery_agent_j: Series = field(default_factory=Series)
    """Sum of the devices' at the times of `joules`."""

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists."""
        return asdict(self)

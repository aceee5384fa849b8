"""The simulated body: the `Platform` port over the physics, with real outcomes in place of modelled ones.

Time below is local: seconds since the midnight of the first day.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.energy.battery import energy_j
from circadia.errors import ConfigError, MeterError, StoreError
from circadia.observation import COLUMN, DAY_S
from circadia.physics import dynamics
from circadia.physics.params import LOADS, make_params
from circadia.physics.phases import phases_of
from circadia.physics.surroundings import income_j
from circadia.platforms.account import Account
from circadia.platforms.timeline import Stretch, Timeline
from circadia.platforms.world import CELL_S, World
from circadia.types import EnergyReading, Link, Load, Observation, Phase, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from circadia.energy.profile import DeviceProfile
    from circadia.physics.scenario import Scenario
    from circadia.physics.state import Drained, State
    from circadia.types import Action, Units, WakeOn

BODY = (
    "dt_s",
    "battery_soc",
    "charging",
    "temperature_c",
    "thermal_headroom",
    "power_save",
    "user_active",
    "cpu_load",
    "link",
    "link_bytes_per_s",
    "day_sine",
    "day_cosine",
    "charge_forecast",
    "wake_up_j",
    "radio_session_j",
    "sleep_w",
    "training_step_j",
)
"""The fields of an observation that a body knows; the others stay NaN."""
REMEMBERED_S = 2 * DAY_S
"""How long the meter can still be asked."""
_JITTER_STREAM = 1
_NOBODY = (1 / 3, 1 / 3, 1 / 3)


class SimulatedPlatform:
    """A device of that profile in that scenario. Its owner's thread calls everything but `link` and `link_at`."""

    stopwatch = None
    """Durations come from the profile, never from a loaded machine's time."""

    def __init__(
        self,
        profile: DeviceProfile,
        scenario: Scenario,
        seed: int,
        *,
        initial_soc: float = 0.8,
        midnight_s: float = 0.0,
        broken: frozenset[str] = frozenset(),
    ) -> None:
        """`midnight_s`: the agent's clock at a local midnight; `broken`: fields that read NaN, to test with."""
        if not 0 <= initial_soc <= 1:
            raise ConfigError(f"simulated platform: initial_soc {initial_soc} must lie in [0, 1]")
        if seed < 0:
            raise ConfigError(f"simulated platform: seed {seed} must not be negative")
        if not broken <= frozenset(BODY):
            raise ConfigError(
                f"simulated platform: no such field to break: {sorted(broken - frozenset(BODY))}"
            )
        self.profile = profile
        self.scenario = _personal(scenario, seed)
        self.params = make_params(profile, self.scenario)
        self.timeline = Timeline(REMEMBERED_S)
        self.account = Account()
        self._world = World(self.params, seed)
        self._midnight_s = midnight_s
        self._initial_soc = initial_soc
        self._broken = broken
        self._pending: deque[Phase] = deque()
        self._state: State | None = None
        self._observed_s = math.nan
        self._link = Link.NONE
        self._docked = False

    # The port

    def observe(self, now_s: float) -> Observation:
        """Advance the body to `now_s` and look at it. The first call puts it there as it was told to be."""
        local_s = self._local_s(now_s)
        state = self._advanced(local_s)._replace(dt_s=np.float64(local_s - self._observed_s))
        self._state, self._observed_s = state, local_s
        self._link = Link(int(state.link))
        row = dynamics.observe(state, self.params, _NOBODY, np)
        seen = {name: float(row[COLUMN[name]]) for name in BODY}
        return Observation(**(seen | dict.fromkeys(self._broken, math.nan)))

    def looks_at(self, name: str) -> str:
        """Nowhere: its sensors are part of the simulation."""
        return f"the simulated {name} is broken" if name in self._broken else "simulated"

    def supports(self, action: Action) -> bool:
        """Whether the profile's device can do it at all."""
        return self.profile.can(action)

    def phases(self, action: Action, units: Units, sync_bytes: int) -> tuple[Phase, ...]:
        """Wake-up, the work at its clock, the radio; without a link the radio takes the slower link's time."""
        return phases_of(action, units, sync_bytes, self._link, self.params)

    def spend(self, phases: Sequence[Phase]) -> None:
        """They begin now, or when the earlier ones are over; the battery pays as time passes."""
        for phase in phases:
            if not (math.isfinite(phase.duration_s) and phase.duration_s >= 0):
                raise ConfigError(f"phase {phase.load.name} lasts {phase.duration_s} s: it cannot be spent")
        self._pending.extend(phases)

    def local_time_s(self, now_s: float) -> float:
        """Seconds since local midnight, in [0, 86,400)."""
        return (now_s - self._midnight_s) % DAY_S

    @property
    def wakes_on(self) -> frozenset[WakeOn]:
        """The sleeps that the profile's device can do."""
        return self.profile.sleep.wakes_on

    def sleep(self, _until_s: float, _wake_on: WakeOn) -> bool:
        """False: its time passes by the clock, and the agent waits."""
        return False

    def close(self) -> None:
        """Nothing to let go of."""

    # The rest of the body

    @property
    def link(self) -> Link:
        """As last observed; `Link.NONE` before."""
        return self._link

    def link_at(self, now_s: float) -> Link:
        """The link at any time; for the network's shell, which does not wait for a tick."""
        return Link(int(self._world.at(now_s - self._midnight_s).link))

    def dock(self) -> None:
        """Put it on an unmetered link for good: after a simulated day, so that what waits can be delivered."""
        self._docked = True

    def snapshot(self) -> dict[str, Any]:
        """What a new process needs to go on: plain numbers and texts. Empty before the first observation."""
        if self._state is None:
            return {}
        return {
            "profile": self.profile.name,
            "local_s": float(self._state.time_s),
            "battery_j": float(self._state.battery_j),
            "temperature_c": float(self._state.temperature_c),
            "pending": [[phase.load.name, phase.duration_s] for phase in self._pending],
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on from a snapshot; the battery pays for the time since. `StoreError` names what is wrong with it."""
        if not snapshot:
            return
        if snapshot.get("profile") != self.profile.name:
            raise StoreError(f"body of a {snapshot.get('profile')!r} cannot go on as a {self.profile.name!r}")
        local_s, battery_j, temperature_c = (
            _restored(snapshot, key) for key in ("local_s", "battery_j", "temperature_c")
        )
        if not 0 <= battery_j <= self.params.capacity_j:
            raise StoreError(f"body's snapshot: battery_j {battery_j} is not within the battery's capacity")
        pending = deque(_restored_phases(snapshot.get("pending")))
        start = dynamics.initial_state(self.params, np.float64(0), local_s)
        self._state = start._replace(battery_j=np.float64(battery_j), temperature_c=np.float64(temperature_c))
        self._pending, self._observed_s = pending, local_s

    def resume(self, t_s: float, seen: Observation, spent: Sequence[Phase]) -> None:
        """Go on from a stored tick: what was seen when it began, and the phases that followed."""
        battery_j = float(energy_j(np.float64(seen.battery_soc), self.params.battery, np))
        self.restore(
            {
                "profile": self.profile.name,
                "local_s": t_s - self._midnight_s,
                "battery_j": min(battery_j, float(self.params.capacity_j)),
                "temperature_c": seen.temperature_c,
                "pending": [[phase.load.name, phase.duration_s] for phase in spent],
            }
        )

    @property
    def metered_until_s(self) -> float:
        """The agent's time up to which the energy is known; −inf before the first observation."""
        return -math.inf if self._state is None else float(self._state.time_s) + self._midnight_s

    def joules(self, start_s: float, end_s: float) -> tuple[dict[Load, float], float]:
        """Energy by load between two of the agent's times, and the seconds that nothing is known of."""
        return self.timeline.joules(start_s - self._midnight_s, end_s - self._midnight_s)

    def stretches(self, start_s: float, end_s: float) -> list[Stretch]:
        """What was drawn when, between two of the agent's times."""
        shift_s = self._midnight_s
        return [
            stretch._replace(start_s=stretch.start_s + shift_s, end_s=stretch.end_s + shift_s)
            for stretch in self.timeline.within(start_s - shift_s, end_s - shift_s)
        ]

    # Time passes

    def _local_s(self, now_s: float) -> float:
        local_s = now_s - self._midnight_s
        if not math.isfinite(local_s):
            raise ConfigError(f"simulated platform: the time {now_s} is not a number")
        if local_s < self._observed_s:
            raise ConfigError(f"simulated platform: the clock ran back by {self._observed_s - local_s:.6g} s")
        return local_s

    def _advanced(self, until_s: float) -> State:
        if self._state is None:
            return self._in_world(dynamics.initial_state(self.params, np.float64(self._initial_soc), until_s))
        state = self._state
        now_s = float(state.time_s)
        while now_s < until_s:
            cell_end_s = (math.floor(now_s / CELL_S) + 1) * CELL_S
            end_s = min(cell_end_s, until_s)
            state = self._drained(self._in_world(state), end_s)
            now_s = end_s
        return self._in_world(state)

    def _in_world(self, state: State) -> State:
        around = self._world.at(float(state.time_s))
        return state._replace(
            user_active=np.float64(around.user_active),
            link=np.float64(Link.FREE if self._docked else around.link),
            clearness=np.float64(around.clearness),
        )

    def _drained(self, state: State, end_s: float) -> State:
        """The body at `end_s`, in the same cell."""
        start_s = float(state.time_s)
        spent = self._due(end_s - start_s)
        durations = np.zeros(LOADS)
        for phase in spent:
            durations[phase.load] += phase.duration_s
        dt_s = end_s - start_s
        income = income_j(state, dt_s, self.params, np)
        body = dynamics.drain(state, durations, dt_s, income, self.params, np)
        self.account = self.account.and_then(spent, body, float(self.params.charge_efficiency))
        self._record(start_s, end_s, spent, body)
        return state._replace(
            time_s=np.float64(end_s), battery_j=body.battery_j, temperature_c=body.temperature_c
        )

    def _due(self, seconds: float) -> list[Phase]:
        """What of the pending phases falls into the next `seconds`; the last one may be cut in two."""
        due = []
        while self._pending and seconds > 0:
            phase = self._pending.popleft()
            now = min(phase.duration_s, seconds)
            due.append(Phase(load=phase.load, duration_s=now))
            seconds -= now
            if phase.duration_s > now:
                self._pending.appendleft(Phase(load=phase.load, duration_s=phase.duration_s - now))
        return due

    def _record(self, start_s: float, end_s: float, spent: Iterable[Phase], body: Drained) -> None:
        """Lay the delivered powers along the time line, in the order of the phases, rest last."""
        power_w = _powers(body.energy_j, body.durations_s)
        for phase in spent:
            stop_s = min(start_s + phase.duration_s, end_s)
            self.timeline.add(Stretch(start_s, stop_s, phase.load, power_w[phase.load]))
            start_s = stop_s
        if start_s < end_s:
            rest = Load.DEEP_SLEEP if self.profile.can_deep_sleep else Load.AWAKE
            self.timeline.add(Stretch(start_s, end_s, rest, power_w[rest]))


class SimulatedMeter:
    """The `EnergyMeter` port over the very phases that drained a simulated body's battery.

    It reads what the loads drew, not what the user's screen did; its sum over time is the battery's loss to the loads.
    """

    def __init__(self, platform: SimulatedPlatform) -> None:
        self._platform = platform

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """None until the body has been observed at `end_s` or later."""
        if not start_s <= end_s:
            raise MeterError(f"simulated meter: asked for the time from {start_s} to {end_s} s")
        if end_s > self._platform.metered_until_s:
            return None
        by_load, gap_s = self._platform.joules(start_s, end_s)
        return EnergyReading(
            energy_j=sum(by_load.values()),
            duration_s=end_s - start_s,
            source=Source.SIMULATED,
            gap_s=gap_s,
            lost_s=gap_s,
            by_load=by_load,
        )

    def about(self) -> dict[str, str | float]:
        """The profile that it integrates."""
        return {"meter": "simulated", "profile": self._platform.profile.name}

    def close(self) -> None:
        """Nothing to end."""


def _personal(scenario: Scenario, seed: int) -> Scenario:
    """The scenario with this device's own bedtime and morning."""
    shift = np.random.default_rng([seed, _JITTER_STREAM, _JITTER_STREAM]).standard_normal(2)
    return scenario.shifted(*(float(x) * scenario.plug_jitter_s for x in shift))


def _powers(energy_j: NDArray[np.float64], durations_s: NDArray[np.float64]) -> list[float]:
    powers: list[float] = np.divide(
        energy_j, durations_s, out=np.zeros_like(energy_j), where=durations_s > 0
    ).tolist()
    return powers


def _restored(snapshot: Mapping[str, Any], key: str) -> float:
    value = snapshot.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise StoreError(f"body's snapshot: {key} is {value!r}, not a number")
    return float(value)


def _restored_phases(rows: Any) -> Iterable[Phase]:
    try:
        phases = [Phase(load=Load[name], duration_s=float(seconds)) for name, seconds in rows]
    except (TypeError, ValueError, KeyError) as error:
        raise StoreError(f"body's snapshot: pending phases {rows!r} cannot be read") from error
    if any(not (math.isfinite(p.duration_s) and p.duration_s >= 0) for p in phases):
        raise StoreError(f"body's snapshot: pending phases {rows!r} have an impossible duration")
    return phases

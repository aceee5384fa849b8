"""A kiosk: a body that lives outside of Circadia's tree. It hangs on the mains, is always online and never hot."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from circadia.observation import DAY_S
from circadia.physics.params import make_params
from circadia.physics.phases import phases_of
from circadia.physics.scenario import scenario_for
from circadia.plugs import PlatformConfig, PlatformContext, PlatformPlug
from circadia.types import Action, Link, Load, Observation, Phase, Units


@dataclass(frozen=True, slots=True, kw_only=True)
class KioskConfig(PlatformConfig):
    kind: str = "kiosk"
    room_c: float = 22.0


class Kiosk:
    def __init__(self, config: KioskConfig, context: PlatformContext) -> None:
        self._room_c, self._profile, self._midnight_s = config.room_c, context.profile, context.midnight_s
        self.stopwatch, self.looks_at = None, "a kiosk's own {}".format  # it foretells
        self.supports = context.profile.can  # as the port says: (action) → bool
        self._params = make_params(context.profile, scenario_for(context.profile))
        self._spent: deque[tuple[float, float, Load]] = deque(maxlen=1000)
        self._born_s, self._free_s, self.metered_until_s = inf, -inf, -inf

    def observe(self, now_s: float) -> Observation:
        self._born_s, self.metered_until_s = min(self._born_s, now_s), now_s
        return Observation(
            battery_soc=1, charging=1, temperature_c=self._room_c, thermal_headroom=1, link=Link.FREE
        )

    def phases(self, action: Action, units: Units, sync_bytes: int) -> tuple[Phase, ...]:
        return phases_of(action, units, sync_bytes, Link.FREE, self._params)

    def spend(self, phases: Sequence[Phase]) -> None:
        for phase in phases:  # one after the other, the first when the earlier work is done
            self._free_s = (start_s := max(self._free_s, self.metered_until_s)) + phase.duration_s
            self._spent.append((start_s, self._free_s, phase.load))

    def local_time_s(self, now_s: float) -> float:
        return (now_s - self._midnight_s) % DAY_S

    def joules(self, start_s: float, end_s: float) -> tuple[dict[Load, float], float]:
        gap_s = min(max(self._born_s - start_s, 0.0), end_s - start_s)  # of which nothing is known
        seconds = defaultdict(float, {Load.AWAKE: end_s - start_s - gap_s})
        for begun_s, done_s, load in self._spent:
            seconds[load] += (worked_s := max(min(done_s, end_s) - max(begun_s, start_s), 0.0))
            seconds[Load.AWAKE] -= worked_s
        return {load: self._profile.power_w(load) * s for load, s in seconds.items()}, gap_s

    def close(self) -> None: ...


KIOSK = PlatformPlug(config=KioskConfig, build=Kiosk, virtual=True)

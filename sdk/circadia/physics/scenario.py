"""A scenario: what a device's day looks like around it. Hours, people, links, weather and demand.

The physics takes a scenario's numbers as arrays; nothing here draws or keeps time.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia.federation.codecs import POLL_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from circadia.energy.profile import DeviceProfile

HOURS = 24
Day = tuple[float, ...]
"""One number for each hour of the local day."""


def _day(*spans: tuple[int, float]) -> Day:
    """((hours, value), …) → 24 values."""
    return tuple(value for hours, value in spans for _ in range(hours))


# a person's day
_USER = _day((7, 0.02), (1, 0.2), (10, 0.16), (5, 0.3), (1, 0.12))
_FREE = _day((8, 0.97), (9, 0.08), (1, 0.5), (6, 0.95))
_METERED = _day((8, 0.02), (9, 0.72), (1, 0.4), (6, 0.03))
_REQUESTS = _day((7, 0.5), (1, 10.0), (10, 12.0), (5, 24.0), (1, 6.0))
_EXAMPLES = _day((7, 2.0), (16, 24.0), (1, 6.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A device's surroundings; the defaults are a person's phone. Times of day in seconds since midnight."""

    name: str = "phone"
    # the charger
    plug_in_s: float = 23 * 3600.0
    """When the device goes on its charger."""
    unplug_s: float = 7.25 * 3600
    """When it comes off; earlier than `plug_in_s`: on the next morning."""
    plug_jitter_s: float = 2400.0
    """One standard deviation between devices of both times."""
    # the user
    user_share: Day = _USER
    """Share of the time, by hour, that somebody uses the device; below 1."""
    user_hold_s: float = 240.0
    """Mean time between the draws of who uses it; a session lasts hold / (1 − share)."""
    cpu_load_idle: float = 0.02
    cpu_load_user: float = 0.35
    power_save_soc: float = 0.15
    """Off the charger the operating system saves power below this state of charge."""
    # the links
    link_free: Day = _FREE
    """Share of the time, by hour, with an unmetered link."""
    link_metered: Day = _METERED
    """The same for a metered link; what is left of 1 is without a link."""
    link_hold_s: float = 900.0
    # the weather
    ambient_c: float = 23.0
    ambient_swing_c: float = 0.0
    """Half the way between the coldest (03:00) and the warmest (15:00) of a day."""
    sunrise_s: float = 6 * 3600.0
    sunset_s: float = 18 * 3600.0
    clear_w_m2: float = 1000.0
    """Irradiance at noon under a clear sky."""
    clearness_mean: float = 0.56
    """TMY3 Greensboro: 4.29 kWh/m² a day of the 7.64 that the clear-sky sine above gives."""
    clearness_sd: float = 0.25
    """TMY3 Greensboro: standard deviation over the days 1.93 kWh/m²."""
    clearness_hold_s: float = 6 * 3600.0
    """Correlation time of the clouds."""
    # demand
    requests_per_hour: Day = _REQUESTS
    deadline_s: float = 60.0
    """How long a request waits; as in the agent's configuration."""
    examples_per_hour: Day = _EXAMPLES
    """Labelled examples that arrive by themselves."""
    feedback_share: float = 0.25
    """Served requests whose label comes back."""
    versions_per_hour: float = 2.0
    """Rounds of the federation."""
    # sizes
    batch_examples: float = 16.0
    """Examples in one training step."""
    queue_limit: float = 256.0
    example_limit: float = 512.0
    spool_limit: float = 16.0
    model_bytes: float = 400_000.0
    """A pulled model."""
    update_bytes: float = 100_392.0
    """A pushed update: 100,000 parameters in int8 blocks of 1,024."""
    poll_bytes: float = POLL_BYTES
    """A pull, even one without news."""

    def __post_init__(self) -> None:
        for f in fields(self):
            _check(self.name, f.name, getattr(self, f.name))
        for hour, (free, metered) in enumerate(zip(self.link_free, self.link_metered, strict=True)):
            if free + metered > 1:
                raise ConfigError(f"scenario {self.name}: link_free + link_metered exceed 1 at hour {hour}")
        if max(self.user_share) >= 1:
            raise ConfigError(f"scenario {self.name}: user_share must stay below 1")
        if not 0 <= self.sunrise_s < self.sunset_s <= HOURS * 3600:
            raise ConfigError(f"scenario {self.name}: sunset_s must follow sunrise_s within a day")

    def shifted(self, plug_in_by_s: float, unplug_by_s: float) -> Scenario:
        """The same day for a person who plugs in and unplugs that much later."""
        day_s = HOURS * 3600
        return replace(
            self,
            plug_in_s=(self.plug_in_s + plug_in_by_s) % day_s,
            unplug_s=(self.unplug_s + unplug_by_s) % day_s,
        )


_SHARES = frozenset(
    {
        "user_share",
        "link_free",
        "link_metered",
        "feedback_share",
        "clearness_mean",
        "cpu_load_idle",
        "cpu_load_user",
        "power_save_soc",
    }
)
_POSITIVE = frozenset(
    {
        "user_hold_s",
        "link_hold_s",
        "clearness_hold_s",
        "deadline_s",
        "batch_examples",
        "queue_limit",
        "example_limit",
        "spool_limit",
    }
)


def _check(scenario: str, key: str, value: Any) -> None:
    if isinstance(value, str):
        return
    numbers = value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple) and len(value) != HOURS:
        raise ConfigError(f"scenario {scenario}: {key} needs {HOURS} values, one an hour, not {len(value)}")
    low = -60.0 if key == "ambient_c" else 0.0
    high = 1.0 if key in _SHARES else math.inf
    for number in numbers:
        if not (low <= number <= high and math.isfinite(number)) or (key in _POSITIVE and number == 0):
            raise ConfigError(f"scenario {scenario}: {key} = {number!r} is out of range")


PHONE = Scenario()
"""A person's phone: on the charger at night, at home on Wi-Fi in the evening, on the move by day."""
BOARD = Scenario(
    name="board",
    plug_jitter_s=0.0,
    user_share=(0.0,) * HOURS,
    cpu_load_user=0.02,
    link_free=(0.93,) * HOURS,
    link_metered=(0.0,) * HOURS,
    link_hold_s=3600.0,
    ambient_c=18.0,
    ambient_swing_c=6.0,
    requests_per_hour=_day((6, 3.0), (14, 20.0), (4, 8.0)),
    examples_per_hour=_day((6, 4.0), (14, 24.0), (4, 8.0)),
)
"""A board outdoors with a panel: no user, one link with outages."""
SCENARIOS = {scenario.name: scenario for scenario in (PHONE, BOARD)}


def scenario_for(profile: DeviceProfile) -> Scenario:
    """The one that fits the profile: a panel means outdoors."""
    return BOARD if profile.harvest is not None else PHONE


def scenario_named(name: str) -> Scenario:
    """A shipped scenario; `ConfigError` if there is none of that name."""
    if name not in SCENARIOS:
        raise ConfigError(f"unknown scenario {name!r}; there are {', '.join(SCENARIOS)}")
    return SCENARIOS[name]


def load_scenario(path: Path) -> Scenario:
    """Read a TOML file whose keys are `Scenario`'s fields; what is absent keeps its default."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"scenario {path}: {error}") from error
    return scenario_from(table, str(path))


def scenario_from(table: Mapping[str, Any], where: str) -> Scenario:
    """A parsed table → `Scenario`; `base = "board"` starts from that one. `ConfigError` names the key."""
    changes = dict(table)
    base = scenario_named(str(changes.pop("base", PHONE.name)))
    known = asdict(base)
    for key, value in changes.items():
        if key not in known:
            near = get_close_matches(key, list(known), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
            raise ConfigError(f"{where}: unknown key {key!r}{hint}")
        changes[key] = _typed(value, known[key], f"{where}: {key}")
    return replace(base, **changes)


def _typed(value: Any, like: Any, where: str) -> Any:
    if isinstance(like, str):
        if isinstance(value, str):
            return value
    elif isinstance(like, tuple):
        if isinstance(value, list) and all(_is_number(x) for x in value):
            return tuple(float(x) for x in value)
    elif _is_number(value):
        return float(value)
    wanted = (
        "a text" if isinstance(like, str) else "a list of numbers" if isinstance(like, tuple) else "a number"
    )
    raise ConfigError(f"{where}: {value!r} is not {wanted}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

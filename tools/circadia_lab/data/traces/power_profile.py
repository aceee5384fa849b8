"""Vendors' own figures of a phone's currents: Android's `power_profile.xml`.

The units are those of source.android.com/docs/core/power/values: mA, mAh, mV and kHz in the file, SI here. They are
declared, not measured. `python -m circadia_lab.data.traces.derived_profile` makes a device profile of such a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from circadia.errors import ConfigError
from circadia_lab.data.traces.android_xml import Items, read_items

A_PER_MA, V_PER_MV, HZ_PER_KHZ, HZ_PER_MHZ = 1e-3, 1e-3, 1e3, 1e6
C_PER_MAH = 3.6
MOST_CORES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Cores that share a clock."""

    cores: int
    cluster_a: float
    """As soon as one of its cores runs; 0 where the file declares none."""
    speeds_hz: tuple[float, ...]
    """Rising; those that a figure is declared for."""
    core_a: tuple[float, ...]
    """Of one core at each speed."""
    speeds_without_figure: int = 0
    """Speeds that the file lists beyond its figures, as sargo's does; left out."""

    def core_a_at(self, speed_hz: float) -> float:
        """What a core draws at that speed; `ConfigError` lists the speeds there are."""
        for speed, current_a in zip(self.speeds_hz, self.core_a, strict=True):
            if abs(speed - speed_hz) < HZ_PER_KHZ:
                return current_a
        there = ", ".join(f"{speed / HZ_PER_MHZ:g}" for speed in self.speeds_hz)
        raise ConfigError(f"no speed of {speed_hz / HZ_PER_MHZ:g} MHz among this cluster's: {there} MHz")


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerProfile:
    """Currents out of the battery, except for the radio's, which are at `wifi_v`."""

    where: str
    """The file, for messages."""
    battery_c: float
    suspend_a: float
    idle_a: float
    """On top of `suspend_a`, awake with nothing to do."""
    active_a: float
    """On top of both, with any core running."""
    clusters: tuple[Cluster, ...]
    screen_on_a: float
    """At the least brightness."""
    screen_full_a: float
    """On top of it at the greatest."""
    wifi_idle_a: float
    wifi_rx_a: float
    wifi_tx_a: float
    wifi_v: float

    def cluster_of(self, core: int) -> int:
        """The cluster of the processor core of that number, as in cpu4; `ConfigError` if there is none."""
        first = 0
        for index, cluster in enumerate(self.clusters):
            if first <= core < first + cluster.cores:
                return index
            first += cluster.cores
        raise ConfigError(f"{self.where}: no core {core}; there are 0 to {first - 1}")


def read_power_profile(path: str | Path) -> PowerProfile:
    """Read the file; `ConfigError` names file and item: missing, negative, none where some is needed, no number."""
    items = read_items(Path(path))
    battery_c = items.one("battery.capacity") * C_PER_MAH
    if battery_c <= 0:
        raise ConfigError(f"{items.where}: battery.capacity is 0; it must be positive")
    wifi_v = items.one("wifi.controller.voltage") * V_PER_MV
    if wifi_v <= 0:
        raise ConfigError(f"{items.where}: wifi.controller.voltage is 0; it must be positive")
    return PowerProfile(
        where=items.where,
        battery_c=battery_c,
        suspend_a=items.one("cpu.suspend") * A_PER_MA,
        idle_a=items.one("cpu.idle") * A_PER_MA,
        active_a=items.one("cpu.active") * A_PER_MA,
        clusters=_clusters(items),
        screen_on_a=_screen_a(items, "screen.on"),
        screen_full_a=_screen_a(items, "screen.full"),
        wifi_idle_a=items.one("wifi.controller.idle") * A_PER_MA,
        wifi_rx_a=items.one("wifi.controller.rx") * A_PER_MA,
        wifi_tx_a=items.one("wifi.controller.tx") * A_PER_MA,
        wifi_v=wifi_v,
    )


def _screen_a(items: Items, name: str) -> float:
    """From Android 12 on the items count the displays."""
    counted = f"{name}.display0"
    return items.one(counted if counted in items.values else name) * A_PER_MA


def _clusters(items: Items) -> tuple[Cluster, ...]:
    counts = items.many("cpu.clusters.cores")
    if any(count != int(count) or not 1 <= count <= MOST_CORES for count in counts):
        raise ConfigError(f"{items.where}: cpu.clusters.cores is {counts}; must be whole, 1 to {MOST_CORES}")
    return tuple(_cluster(items, index, int(count)) for index, count in enumerate(counts))


def _cluster(items: Items, index: int, cores: int) -> Cluster:
    speeds = items.many(f"cpu.core_speeds.cluster{index}")
    powers = items.many(f"cpu.core_power.cluster{index}")
    if len(speeds) < len(powers):
        raise ConfigError(
            f"{items.where}: cpu.core_power.cluster{index} has {len(powers)} values for {len(speeds)} speeds"
        )
    if speeds[0] <= 0 or any(a >= b for a, b in pairwise(speeds)):
        raise ConfigError(f"{items.where}: cpu.core_speeds.cluster{index} must be positive and rise")
    return Cluster(
        cores=cores,
        # Newer files leave it out: the cores' figures hold it.
        cluster_a=items.one(f"cpu.cluster_power.cluster{index}", 0.0) * A_PER_MA,
        speeds_hz=tuple(speed * HZ_PER_KHZ for speed in speeds[: len(powers)]),
        core_a=tuple(power * A_PER_MA for power in powers),
        speeds_without_figure=len(speeds) - len(powers),
    )

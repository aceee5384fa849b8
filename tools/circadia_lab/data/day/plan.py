"""What a demonstration runs: devices, arms, times, and the disturbances of --chaos."""

from __future__ import annotations

from dataclasses import dataclass

DAY_S = 86_400.0

PHONES = ("pixel-3", "fairphone-4")
BOARDS = ("pi-solar", "pi-boot", "suspend-board")
"""The first two cut their power between two wakes, and boot for each."""
MIXED = "mixed"
FLEETS: dict[str, tuple[str, ...]] = {"phones": PHONES, "boards": BOARDS, MIXED: (*PHONES, *BOARDS[:2])}
"""Profiles that are dealt to the devices in turn."""
WORKS = {"task": "task", "cnn": "profile"}
"""How long work takes, in a user's word and in a device's file: as the task's own operations do, or as the network of the
profile's published durations, a CNN on 84×84 pixels."""
PERIOD_S = 300.0
"""Simulated time between ticks."""
DEADLINE_S = 300.0
BOARD_DEADLINE_S = 3600.0
"""How long a request waits at a phone, whose user does, and at a board, whose measurements are there for the day."""
FEDERATION = "demo"
EXAMPLES = 1024
"""Size of the example buffer."""
BUFFER = 4
"""Updates that make a new version of the federation's model …"""
RATE = 0.5
"""Step of the federation's model along the mean of the updates."""
BUFFER_TIMEOUT_S = 1800.0
"""… or this much simulated time after the first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The choices of one run; the same for all arms."""

    devices: int = 8
    minutes: float = 3.0
    """Wall time that each arm's day takes."""
    seed: int = 0
    chaos: bool = False
    fleet: str = MIXED
    """Of `FLEETS`."""
    work: str = "task"
    """Of `WORKS`."""
    fast: bool = False
    """Played in one process, on a clock that is moved: without waiting, and without a broker."""

    @property
    def day_s(self) -> float:
        """Simulated time that an arm covers."""
        return DAY_S

    @property
    def scale(self) -> float:
        """Simulated seconds per second."""
        return self.day_s / (60.0 * self.minutes)

    def profile(self, index: int) -> str:
        """The profile of a device."""
        profiles = FLEETS[self.fleet]
        return profiles[index % len(profiles)]

    def deadline_s(self, index: int) -> float:
        """How long a device's requests wait."""
        return BOARD_DEADLINE_S if self.profile(index) in BOARDS else DEADLINE_S

    def device_seed(self, index: int) -> int:
        """Of a device's chances: who uses it, its links and clouds, its draws."""
        return self.seed * 1000 + index

    def initial_soc(self, index: int) -> float:
        """How full a device's battery is at midnight."""
        return 0.5 + 0.4 * (index * 5 % self.devices) / self.devices

    def name(self, index: int) -> str:
        """The name of a device in the federation."""
        return f"{self.profile(index)}-{index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A kill -9, and the restart some time later."""

    target: str
    """`device` (the first one) or `broker`."""
    kill_s: float
    restart_s: float


CHAOS = (
    Incident(target="device", kill_s=3.0 * 3600, restart_s=3.5 * 3600),
    Incident(target="broker", kill_s=5.0 * 3600, restart_s=5.75 * 3600),
    Incident(target="device", kill_s=13.0 * 3600, restart_s=14.0 * 3600),
    Incident(target="broker", kill_s=20.0 * 3600, restart_s=21.0 * 3600),
)

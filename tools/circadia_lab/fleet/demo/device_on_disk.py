"""What belongs to one device of an arm: its configuration, its store, its body as it was at midnight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia.config import load_config
from circadia.learning.task_file import load_task
from circadia.physics.scenario import scenario_for
from circadia.platforms.kinds import SimulatedConfig
from circadia.platforms.simulated import SimulatedPlatform
from circadia.wiring import profile_of

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_lab.data.day.plan import Plan


class DeviceOnDisk:
    """One device's files in the arm's folder."""

    def __init__(self, plan: Plan, index: int, folder: Path, config: str) -> None:
        """Writes its configuration."""
        self.name = plan.name(index)
        self.profile = plan.profile(index)
        self.store = folder / f"{self.name}.db"
        self.config = folder / f"{self.name}.toml"
        self.restarts = 0
        self.config.write_text(config, encoding="utf-8")

    def body(self) -> SimulatedPlatform:
        """Its body as it was at midnight."""
        config = load_config(self.config)
        assert isinstance(config.platform, SimulatedConfig)
        profile = profile_of(config.platform, load_task(config.agent.task))
        own = config.platform
        return SimulatedPlatform(profile, scenario_for(profile), own.seed, initial_soc=own.initial_soc)

from __future__ import annotations

from circadia.energy.profile_file import shipped_profile
from circadia.physics.scenario import scenario_for
from circadia.platforms.linux import LinuxPlatform
from circadia.platforms.simulated import SimulatedPlatform
from circadia.testing.platform import PlatformContract

FILES = {
    "sys/class/power_supply/BAT0/type": "Battery",
    "sys/class/power_supply/BAT0/capacity": "73",
    "sys/class/power_supply/BAT0/status": "Discharging",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "41250",
    "sys/class/net/wlan0/operstate": "up",
    "sys/class/net/wlan0/device/vendor": "0x14e4",
    "proc/stat": "cpu  100 0 100 800 0 0 0 0 0 0",
}


class TestPhone(PlatformContract):
    profile = "pixel-3"

    def make(self) -> SimulatedPlatform:
        profile = shipped_profile(self.profile)
        return SimulatedPlatform(profile, scenario_for(profile), seed=5)


class TestSlowerPhone(TestPhone):
    profile = "fairphone-4"


class TestSolarBoard(TestPhone):
    profile = "pi-solar"


class TestThisMachine(PlatformContract):
    def make(self) -> LinuxPlatform:
        return LinuxPlatform(shipped_profile("pi-solar"), mains=True)


class TestKernelsFiles(PlatformContract):
    def make(self) -> LinuxPlatform:
        for name, line in FILES.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(line + "\n", encoding="ascii")
        return LinuxPlatform(shipped_profile("pi-solar"), root=self.folder)

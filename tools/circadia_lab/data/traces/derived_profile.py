"""A device profile from a vendor's power profile, and from a base for all that the vendor does not declare."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.energy.profile import Curve, Quantity, sections
from circadia.energy.profile_file import (
    dump_profile,
    load_profile,
    parse_profile,
    shipped_profile,
    shipped_profiles,
)
from circadia.errors import CircadiaError, ConfigError
from circadia_lab.data.traces.power_profile import C_PER_MAH, HZ_PER_MHZ, read_power_profile
from circadia_lab.data.traces.source_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia.energy.profile import DeviceProfile
    from circadia_lab.data.traces.power_profile import Cluster, PowerProfile

NOMINAL_V = 3.85
"""A phone's lithium-cobalt cell, at which the mA are taken."""
USER_PROCESSOR_A = 0.064
"""What applications in use draw, as in pixel-3: an estimate."""
HIGH_HZ = {"pixel-3": 2649.6e6, "fairphone-4": 2208e6}
"""The shipped phones' high clocks, which their durations are for."""
AGEING = 0.05
"""How far a cell's capacity may be off, as a share: an estimate."""
OTHER_CORE = 0.2
"""How far another core's work per clock may be off, as a share: an estimate."""


def profile_from(
    power_profile: PowerProfile,
    base: DeviceProfile,
    *,
    core: int,
    low_hz: float,
    high_hz: float,
    name: str,
    base_high_hz: float | None = None,
) -> DeviceProfile:
    """A phone that works on one core, of the number `core`, at two of its clusters' clocks.

    Powers and the battery's capacity come from the vendor's figures, durations from `base` by the ratio of the clocks,
    all else from `base` unchanged; every source says so. An uncertainty is the base's share of the value, and for
    durations `OTHER_CORE` besides. `ConfigError` names a core, a clock or a figure that does not do.
    """
    base_high_hz = base_high_hz or HIGH_HZ.get(base.name)
    if base_high_hz is None:
        raise ConfigError(f"device profile {base.name}: its high clock is not known; give base_high_hz")
    if not low_hz < high_hz:
        raise ConfigError(f"low_hz {low_hz:g} must be below high_hz {high_hz:g}")
    made = _Derivation(power_profile, base, power_profile.cluster_of(core), low_hz, high_hz, base_high_hz)
    profile = replace(
        _inherited(base),
        name=name,
        description=made.description,
        power=replace(base.power, **made.powers()),
        duration=replace(_marked(base.duration, base.name), **made.durations()),
        battery=replace(_marked(base.battery, base.name), capacity_c=made.capacity(), capacity_wh=None),
        user=replace(_marked(base.user, base.name), active_w=made.user()),
    )
    return parse_profile(dump_profile(profile), name)


def _inherited(base: DeviceProfile) -> DeviceProfile:
    return replace(base, **{key: _marked(section, base.name) for key, section in sections(base)})


def _marked(section: Any, base: str) -> Any:
    """The section with sources that say whose they are."""
    entries = {f.name: getattr(section, f.name) for f in fields(section)}
    changed = {
        key: replace(entry, source=f"as {base}: {entry.source}")
        for key, entry in entries.items()
        if isinstance(entry, Quantity | Curve)
    }
    return replace(section, **changed)


def _mhz(speed_hz: float) -> str:
    return f"{speed_hz / HZ_PER_MHZ:g} MHz"


@dataclass(frozen=True, slots=True)
class _Derivation:
    """The arithmetic, with the words for the sources."""

    xml: PowerProfile
    base: DeviceProfile
    cluster: int
    low_hz: float
    high_hz: float
    base_high_hz: float

    @property
    def description(self) -> str:
        mah = self.xml.battery_c / C_PER_MAH
        clocks = f"low clock = {_mhz(self.low_hz)}, high clock = {_mhz(self.high_hz)}"
        return f"Phone with a {mah:g} mAh battery; {clocks}, one core of cluster {self.cluster}"

    def powers(self) -> dict[str, Quantity]:
        low, high = self._working(self.low_hz), self._working(self.high_hz)
        awake = self._awake()
        return {
            "deep_sleep_w": self._deep_sleep(),
            "awake_w": self._power("awake_w", *awake),
            "wake_up_w": self._wake_up(awake[0], high[0]),
            "serve_low_w": self._power("serve_low_w", *low),
            "serve_high_w": self._power("serve_high_w", *high),
            "train_low_w": self._power(
                "train_low_w", low[0], "as serve_low_w; the memory's share is not declared"
            ),
            "train_high_w": self._power(
                "train_high_w", high[0], "as serve_high_w; the memory's share is not declared"
            ),
            "radio_w": self._radio(awake[0]),
        }

    def durations(self) -> dict[str, Quantity]:
        return {
            f"{work}_{level}_s": self._duration(work, speed_hz)
            for work in ("train_step", "serve_request")
            for level, speed_hz in (("low", self.low_hz), ("high", self.high_hz))
        }

    def capacity(self) -> Quantity:
        source = f"profile: battery.capacity {self.xml.battery_c / C_PER_MAH:g} mAh; {AGEING:.0%} for ageing is an estimate"
        return _rounded(self.xml.battery_c, AGEING, source)

    def user(self) -> Quantity:
        current_a = self.xml.screen_on_a + self.xml.screen_full_a / 2 + USER_PROCESSOR_A
        source = (
            f"profile: screen.on {self.xml.screen_on_a * 1e3:g} + half of screen.full {self.xml.screen_full_a * 1e3:g} "
            f"+ about {USER_PROCESSOR_A * 1e3:g} mA of processor, an estimate, at {NOMINAL_V} V"
        )
        return _rounded(current_a * NOMINAL_V, _share(self.base.user.active_w), source)

    def _resting(self) -> tuple[float, str]:
        """Suspend and idle current; where no suspend current is declared, the base's."""
        suspend_a, note = self.xml.suspend_a, ""
        if suspend_a == 0:
            suspend_a = self.base.power.deep_sleep_w.value / NOMINAL_V
            note = f" ({self.base.name}'s, for 0 is declared)"
        words = f"suspend {suspend_a * 1e3:.3g}{note} + idle {self.xml.idle_a * 1e3:g} + active {self.xml.active_a * 1e3:g}"
        return suspend_a + self.xml.idle_a + self.xml.active_a, words

    def _running(self, cluster: Cluster, speed_hz: float) -> tuple[float, str]:
        resting_a, words = self._resting()
        core_a = cluster.core_a_at(speed_hz)
        words += f" + cluster's {cluster.cluster_a * 1e3:g} + core {core_a * 1e3:g} mA at {_mhz(speed_hz)}"
        return (resting_a + cluster.cluster_a + core_a) * NOMINAL_V, words

    def _awake(self) -> tuple[float, str]:
        little = self.xml.clusters[0]
        return self._running(little, little.speeds_hz[0])

    def _working(self, speed_hz: float) -> tuple[float, str]:
        return self._running(self.xml.clusters[self.cluster], speed_hz)

    def _power(self, key: str, value_w: float, words: str) -> Quantity:
        source = f"profile: {words}; times {NOMINAL_V} V" if "mA" in words else f"profile: {words}"
        return _rounded(value_w, _share(getattr(self.base.power, key)), source)

    def _deep_sleep(self) -> Quantity:
        base = self.base.power.deep_sleep_w
        if self.xml.suspend_a == 0:
            return replace(base, source=f"as {self.base.name}, for the profile declares 0: {base.source}")
        source = f"profile: cpu.suspend {self.xml.suspend_a * 1e3:g} mA; times {NOMINAL_V} V"
        return _rounded(self.xml.suspend_a * NOMINAL_V, _share(base), source)

    def _wake_up(self, awake_w: float, high_w: float) -> Quantity:
        """As far between awake and the working core as the base's."""
        power = self.base.power
        span_w = power.serve_high_w.value - power.awake_w.value
        if span_w <= 0:
            raise ConfigError(
                f"device profile {self.base.name}: power.serve_high_w must exceed power.awake_w"
            )
        place = (power.wake_up_w.value - power.awake_w.value) / span_w
        source = f"estimate: {place:.0%} of the way from awake_w to serve_high_w, as {self.base.name}"
        return _rounded(awake_w + place * (high_w - awake_w), _share(power.wake_up_w), source)

    def _radio(self, awake_w: float) -> Quantity:
        rx_a, tx_a, volts = self.xml.wifi_rx_a, self.xml.wifi_tx_a, self.xml.wifi_v
        source = (
            f"profile: Wi-Fi at {volts:g} V, mean of rx {rx_a * 1e3:g} and tx {tx_a * 1e3:g} mA, plus awake_w"
        )
        return _rounded((rx_a + tx_a) / 2 * volts + awake_w, _share(self.base.power.radio_w), source)

    def _duration(self, work: str, speed_hz: float) -> Quantity:
        base: Quantity = getattr(self.base.duration, f"{work}_high_s")
        source = (
            f"{self.base.name}'s {base.value:g} s at {_mhz(self.base_high_hz)} times the clocks' ratio "
            f"{self.base_high_hz / HZ_PER_MHZ:g} / {speed_hz / HZ_PER_MHZ:g}; what else differs between the cores is "
            f"left out, {OTHER_CORE:.0%} for it an estimate; {self.base.name}'s: {base.source}"
        )
        share = (_share(base) ** 2 + OTHER_CORE**2) ** 0.5
        return _rounded(base.value * self.base_high_hz / speed_hz, share, source)


def _share(quantity: Quantity) -> float:
    return quantity.uncertainty / quantity.value if quantity.value else 0.0


def _rounded(value: float, share: float, source: str) -> Quantity:
    """To five and two digits."""
    return Quantity(value=float(f"{value:.5g}"), uncertainty=float(f"{value * share:.2g}"), source=source)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m circadia_lab.data.traces.derived_profile XML --core N --low-hz HZ --high-hz HZ --name NAME --out FILE`."""
    args = _parser().parse_args(arguments)
    try:
        _write(args)
    except CircadiaError as error:
        print(f"derived_profile: error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m circadia_lab.data.traces.derived_profile",
        description="Make a device profile of an Android power_profile.xml.",
    )
    parser.add_argument("xml", type=Path)
    parser.add_argument("--base", default="pixel-3", help="profile with all that the file does not say")
    parser.add_argument(
        "--base-high-hz", type=float, help="the base's high clock, if it is not a shipped one"
    )
    parser.add_argument("--core", type=int, required=True, help="number of the core that works, as in cpu4")
    parser.add_argument("--low-hz", type=float, required=True, help="its low clock, one that the file has")
    parser.add_argument("--high-hz", type=float, required=True, help="its high clock, one that the file has")
    parser.add_argument("--name", required=True)
    parser.add_argument("--origin", default="", help="where the file is from, for the first lines")
    parser.add_argument(
        "--note", action="append", default=[], help="one more of the first lines; may be repeated"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    return parser


def _write(args: argparse.Namespace) -> None:

    profile = profile_from(
        read_power_profile(args.xml),
        _base(args.base),
        core=args.core,
        low_hz=args.low_hz,
        high_hz=args.high_hz,
        name=args.name,
        base_high_hz=args.base_high_hz,
    )
    text = _heading(args) + dump_profile(profile)
    write_whole(args.out, lambda file: file.write(text.encode()))


def _base(name: str) -> DeviceProfile:
    return shipped_profile(name) if name in shipped_profiles() else load_profile(name)


def _heading(args: argparse.Namespace) -> str:
    lines = [
        f'"profile" below is {args.origin or args.xml.name}:',
        "declared figures, not measurements.",
        f"Made by `python -m circadia_lab.data.traces.derived_profile XML --base {args.base} --core {args.core}",
        f"--low-hz {args.low_hz / HZ_PER_MHZ:g}e6 --high-hz {args.high_hz / HZ_PER_MHZ:g}e6 --name {args.name} --out FILE`.",
        *args.note,
    ]
    return "".join(f"# {line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())

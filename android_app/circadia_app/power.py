"""Watts out of a phone's battery, whose maker does not say in which unit and with which sign the current comes.

The current is to be in µA and positive while the battery charges. Makers give mA, turn the sign, give no sign at all, 0,
or the smallest number that there is; some repeat an old number for a minute. So nothing is believed before it is proven:

    g = ΔQ / ∫ raw dt        over a stretch in which the charge counter changed several times

is ±10⁻⁶ A where `raw` is in µA and ±10⁻³ A where it is in mA, three decades apart. Where there is no counter, the level in
per cent of the profile's capacity stands for it. A number that no phone's current in mA can be proves µA at once. Whoever
is not plugged in discharges, whatever the sign says: that tells the sign, once numbers of both signs have come; who gives
only one sign may give none, and says nothing while it is plugged in. Until all that is proven, and wherever evidence
contradicts itself, power is NaN: never a guess.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass

MISSING = frozenset({-(2**63), -(2**31), 2**31 - 1, 2**63 - 1, 0})
"""What stands for no number, of a long and of an int. A current of exactly 0 is what a maker gives who does not measure."""
MILLI, MICRO = 1e-3, 1e-6
UNITS = {MICRO: "µA", MILLI: "mA"}
MOST_A = 50.0
"""No phone's battery carries more: above so many mA a number is in µA."""
PROOFS = 3
"""Numbers that prove something: different ones above it µA, those of either sign that there is a sign."""
DECADES = 0.6
"""How far from a unit g may lie, as a power of 10: load that changes faster than the counter makes up to a factor of 4."""
CHANGES, SHORTEST_S = 4, 120.0
"""Of the counter in one stretch, and how long that lasts at least."""
AGREEING = 2
"""Stretches that say the same prove it; as many that say otherwise take the proof back."""
LONGEST_LOOK_S = 90.0
"""Between two looks; what flowed in a longer time is not known."""
LONGEST_SUSPEND_S = 1.0
"""Between two looks: more, and the counter counted what no number of the current tells of."""
SETTLE_S = 60.0
"""After a plug was put in or pulled the current may still be the one before."""
HOUR_S = 3600.0
SMALLEST_AH, LARGEST_AH = 0.05, 60.0
"""Batteries of watches and of tablets."""
LOWEST_V, HIGHEST_V = 2.0, 20.0
REMEMBERED = 16
"""Stretches behind the published uncertainty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The battery's numbers as the system gives them; None where it gives none."""

    t_s: float
    """On a clock that never jumps, and that stands still while the phone is suspended."""
    current: int | None
    charge: int | None
    """The charge counter: to be in µAh."""
    voltage: int | None
    """To be in mV."""
    plugged: bool | None
    soc: float
    """0 to 1, or NaN."""
    suspended_s: float = 0.0
    """For how long the phone was suspended so far, from any beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What a look came to."""

    power_w: float
    """Out of the battery: negative while it charges; NaN until unit and sign are proven."""
    current_a: float
    """The same of the current."""
    voltage_v: float
    unit: str
    """Of the system's current: `µA`, `mA`, or empty until it is proven."""
    sign: int = 0
    """Of the system's current while the battery charges: 1 or −1; 0 until it is proven, or where there is none."""
    uncertainty: float
    """Of the current, relative, as its stretches against the counter say; NaN where only a rule proves the unit."""
    why: str
    """In words, why power is NaN; empty where it is not."""


class CurrentReader:
    """Learns unit and sign from looks, in the order of their time."""

    def __init__(self, capacity_ah: float = math.nan) -> None:
        """`capacity_ah`: the battery's by its profile, right to a factor of 2; NaN: the level proves nothing."""
        self._capacity_ah = capacity_ah
        self._unit = math.nan
        self._signs: dict[bool, Counter[int]] = {False: Counter(), True: Counter()}
        """By plugged or not: how many numbers were negative (−1) and positive (1)."""
        self._large: set[int] = set()
        self._stretch: _Stretch | None = None
        self._plugged: bool | None = None
        self._settled_s = -math.inf
        self._before: Look | None = None
        self._last_raw: int | None = None
        self._verdicts: deque[float] = deque(maxlen=AGREEING)
        self._ratios: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def unit(self) -> str:
        """`µA`, `mA`, or empty."""
        return UNITS.get(self._unit, "")

    @property
    def uncertainty(self) -> float:
        """How far ∫ I dt lies from the counter, relative: the mean's distance and the spread, root of the squares' sum."""
        if len(self._ratios) < AGREEING:
            return math.nan
        mean = math.fsum(self._ratios) / len(self._ratios)
        variance = math.fsum((ratio - mean) ** 2 for ratio in self._ratios) / len(self._ratios)
        return math.hypot(mean - 1, math.sqrt(variance))

    def look(self, seen: Look) -> Power:
        """Learn from it → the power now."""
        self._notice_plug(seen)
        raw = sound(seen.current)
        if raw is not None:
            self._notice_large(raw)
            self._notice_sign(seen, raw)
            self._follow(seen, raw)
        else:
            self._stretch = None
        self._before = seen
        voltage_v = volts(seen.voltage)
        current_a, why = self._discharge_a(seen, raw)
        if not why and math.isnan(voltage_v):
            why = "the system gives no voltage"
        return Power(
            power_w=math.nan if why else current_a * voltage_v,
            current_a=current_a,
            voltage_v=voltage_v,
            unit=self.unit,
            sign=self._charging_sign,
            uncertainty=self.uncertainty,
            why=why,
        )

    def _notice_plug(self, seen: Look) -> None:
        if seen.plugged is not self._plugged:
            if self._before is not None:
                self._settled_s = seen.t_s + SETTLE_S
            self._plugged, self._stretch = seen.plugged, None

    def _notice_large(self, raw: int) -> None:
        if MOST_A / MILLI < abs(raw) <= MOST_A / MICRO and math.isnan(self._unit):
            self._large.add(raw)
            if len(self._large) >= PROOFS:
                self._unit = MICRO

    def _notice_sign(self, seen: Look, raw: int) -> None:
        if self._plugged is not None and seen.t_s >= self._settled_s:
            self._signs[self._plugged][1 if raw > 0 else -1] += 1

    @property
    def _charging_sign(self) -> int:
        """1 where positive numbers charge, −1 where they discharge; 0 as long as the numbers may have no sign."""
        out = self._signs[False]
        signed = all(out[sign] + self._signs[True][sign] >= PROOFS for sign in (1, -1))
        usual = max((1, -1), key=out.__getitem__)
        return -usual if signed and out[usual] >= PROOFS and out[usual] > 9 * out[-usual] else 0

    def _follow(self, seen: Look, raw: int) -> None:
        """Carry the stretch on to this look, and judge it once it is long enough."""
        charge_c, step_c = self._charge_c(seen)
        before = self._before
        if before is None or not math.isfinite(charge_c) or seen.t_s < self._settled_s:
            self._stretch = None
            return
        gap_s = seen.t_s - before.t_s
        slept_s = seen.suspended_s - before.suspended_s
        if not 0 <= gap_s <= LONGEST_LOOK_S or slept_s > LONGEST_SUSPEND_S:
            self._stretch = None
            return
        if self._stretch is None:
            self._stretch = _Stretch(charge_c=charge_c, step_c=step_c)
            return
        self._stretch.go_on(gap_s, (raw + (sound(before.current) or raw)) / 2, charge_c)
        if self._stretch.done:
            self._judge(self._stretch)
            self._stretch = _Stretch(charge_c=charge_c, step_c=step_c, begun=True)

    def _charge_c(self, seen: Look) -> tuple[float, float]:
        """The battery's charge, and the least difference that says something; NaN where neither counter nor level tells."""
        counted_ah = ampere_hours(seen.charge, seen.soc)
        if math.isfinite(counted_ah):
            return counted_ah * HOUR_S, 0.0
        return seen.soc * self._capacity_ah * HOUR_S, 0.01 * self._capacity_ah * HOUR_S

    def _judge(self, stretch: _Stretch) -> None:
        if stretch.raw_s == 0 or stretch.moved_c == 0:
            return
        g = stretch.moved_c / stretch.raw_s
        unit = next((one for one in UNITS if abs(math.log10(abs(g) / one)) <= DECADES), math.nan)
        if math.isnan(unit):
            return
        self._verdicts.append(unit)
        if len(self._verdicts) < AGREEING or len(set(self._verdicts)) > 1:
            return
        if unit != self._unit:
            self._unit = unit
            self._ratios.clear()
        self._ratios.append(abs(g) / unit)
        if (sign := self._charging_sign) and (g > 0) != (sign > 0):
            self._signs = {False: Counter(), True: Counter()}

    def _discharge_a(self, seen: Look, raw: int | None) -> tuple[float, str]:
        """Amperes out of the battery; or NaN, and why."""
        if why := self._unusable(seen, raw):
            return math.nan, why
        assert raw is not None
        size_a, sign = abs(raw) * self._unit, self._charging_sign
        if sign:
            current_a = -sign * raw * self._unit
            if not self._plugged and current_a < 0:
                return math.nan, "it is not plugged in and the system's current charges it"
            return current_a, ""
        if self._plugged:
            return (
                math.nan,
                "it is plugged in, and it is not known yet whether the system's current has a sign",
            )
        return size_a, ""

    def _unusable(self, seen: Look, raw: int | None) -> str:
        """Why no current can be told from a look; empty: it can."""
        if raw is None:
            return "the system gives no current"
        if math.isnan(self._unit):
            return "it is not known yet in which unit the system gives the current"
        if self._plugged is None:
            return "the system does not say whether it is plugged in"
        if seen.t_s < self._settled_s:
            return "the plug has just been put in or pulled"
        size_a = abs(raw) * self._unit
        return f"{size_a:.0f} A is no phone's current" if size_a > MOST_A else ""


class _Stretch:
    """Charge and the current's numbers from one change of the counter on."""

    def __init__(self, *, charge_c: float, step_c: float, begun: bool = False) -> None:
        """`begun`: the counter has just changed; else its next change is the beginning."""
        self._first_c = self._last_c = charge_c
        self._step_c, self._begun = step_c, begun
        self._changes = 0
        self._lasts_s = 0.0
        self.raw_s = 0.0
        """∫ raw dt up to the last change …"""
        self.moved_c = 0.0
        """… and the charge that came in up to then."""
        self._pending_raw_s = self._pending_s = 0.0

    def go_on(self, gap_s: float, raw: float, charge_c: float) -> None:
        """So many seconds later."""
        if self._begun:
            self._pending_raw_s += raw * gap_s
            self._pending_s += gap_s
        if charge_c == self._last_c:
            return
        self._last_c = charge_c
        if not self._begun:
            self._begun, self._first_c = True, charge_c
            return
        self._changes += 1
        self.raw_s += self._pending_raw_s
        self._lasts_s += self._pending_s
        self._pending_raw_s = self._pending_s = 0.0
        self.moved_c = charge_c - self._first_c

    @property
    def done(self) -> bool:
        """Whether it says enough: of a counter several changes, of a level in per cent two."""
        changes = CHANGES if self._step_c == 0 else 2
        return self._changes >= changes and self._lasts_s >= SHORTEST_S


def sound(number: int | None) -> int | None:
    """The number, or None for one of those that stand for none."""
    return None if number is None or number in MISSING else number


def volts(raw: int | None) -> float:
    """A battery's voltage that was given in mV, in µV, or in V; NaN for what is neither."""
    number = sound(raw)
    if number is None:
        return math.nan
    for unit in (MILLI, MICRO, 1.0):
        if LOWEST_V <= number * unit <= HIGHEST_V:
            return number * unit
    return math.nan


def ampere_hours(raw: int | None, soc: float) -> float:
    """A charge counter in µAh or in mAh, whichever makes a battery of it; NaN for what makes none, or what could be both."""
    number = sound(raw)
    if number is None or number < 0:
        return math.nan
    whole = number / soc if math.isfinite(soc) and soc > 0.02 else math.nan
    if math.isnan(whole):
        return number * MICRO if number * MILLI > LARGEST_AH else math.nan
    fitting = [unit for unit in UNITS if SMALLEST_AH <= whole * unit <= LARGEST_AH]
    return number * fitting[0] if len(fitting) == 1 else math.nan

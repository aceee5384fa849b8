"""`circadia meter demo`: play, show, sum up."""

from __future__ import annotations

import json
import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from circadia.ending import ending
from circadia.errors import ConfigError
from circadia.wiring import make_policy
from circadia.writing import whole_text
from circadia_lab.meter.arrivals import Arrivals
from circadia_lab.meter.lines import Lines
from circadia_lab.meter.live_device import LiveDevice
from circadia_lab.meter.target import check_target
from circadia_lab.meter.words import joules, small_joules

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from circadia_lab.meter.screen import Screen

REQUESTS_PER_S, EXAMPLES_PER_S = 0.5, 0.8
"""Real seconds."""
REDRAW_S, LOOK_S = 0.2, 0.02
OUT_S = 3.0
"""The cable stays out for so long, …"""
PULL_S = 15.0
"""… from then on if nobody says when the demonstration ends."""
SHORTEST_S, SHORTEST_UNPLUG_S = 3.0, 10.0
FASTEST = 100.0


def run(
    *,
    policy: str,
    seconds: float | None,
    speed: float,
    seed: int,
    unplug: bool,
    html: Path | None,
    json_file: Path | None,
) -> int:
    """Until `seconds` have passed, SIGTERM or Ctrl-C; 0. Errors name the option that is wrong before anything starts."""
    _check(seconds, speed, seed, unplug=unplug)
    for option, file in (("--html", html), ("--json", json_file)):
        check_target(option, file)
    make_policy(policy)
    print("the firmware measures a simulated shunt: all watts and joules are simulated", flush=True)
    with LiveDevice(policy=policy, speed=speed, seed=seed) as device:
        arrivals = Arrivals(
            device.host.now_s(), seed, requests_per_s=REQUESTS_PER_S, examples_per_s=EXAMPLES_PER_S
        )
        play = _Play(device, arrivals, seconds, _pull_s(seconds) if unplug else None)
        with _display(policy) as display, heard(display.news), ending() as stop:
            play.run(display, stop)
        found = play.figures(policy, seed)
        if html is not None:
            from circadia_lab.meter.demo_page import write_demo_page

            write_demo_page(device, found, html)
    _report(found, html, json_file)
    return 0


def _check(seconds: float | None, speed: float, seed: int, *, unplug: bool) -> None:
    least_s = SHORTEST_UNPLUG_S if unplug else SHORTEST_S
    if seconds is not None and not least_s <= seconds < float("inf"):
        raise ConfigError(
            f"--seconds is {seconds:g}; it must be {least_s:g} or more{' with --unplug' if unplug else ''}"
        )
    if not 1 <= speed <= FASTEST:
        raise ConfigError(f"--speed is {speed:g}; it must lie between 1 and {FASTEST:g}")
    if seed < 0:
        raise ConfigError(f"--seed is {seed}; it must not be negative")


def _pull_s(seconds: float | None) -> float:
    return PULL_S if seconds is None else (seconds - OUT_S) / 2


def _display(policy: str) -> Screen | Lines:
    from rich.console import Console

    from circadia_lab.meter.screen import Screen

    console = Console()
    if console.is_terminal and not console.is_dumb_terminal:
        return Screen(console, policy)
    return Lines()


class _Play:
    """One demonstration."""

    def __init__(
        self, device: LiveDevice, arrivals: Arrivals, seconds: float | None, pull_s: float | None
    ) -> None:
        self._device, self._arrivals = device, arrivals
        self._seconds = float("inf") if seconds is None else seconds
        self._pull_s = float("inf") if pull_s is None else pull_s
        self._put_back_s = self._pull_s + OUT_S
        self._start_s = device.clock.host_s(device.origin_s)
        self._drawn_s = 0.0

    @property
    def passed_s(self) -> float:
        """Real seconds since the first decision; negative before."""
        return self._device.host.now_s() - self._start_s

    def run(self, display: Screen | Lines, stop: threading.Event) -> None:
        """To the end, or until `stop` is set."""
        while self.passed_s < self._seconds and not stop.is_set():
            self._turn(display)
        self._end(display)

    def _turn(self, display: Screen | Lines) -> None:
        device = self._device
        self._move_cable(display)
        self._arrivals.deliver(device.agent, device.host.now_s())
        if device.due:
            for decision in device.tick():
                display.settled(decision)
        if time.monotonic() - self._drawn_s > REDRAW_S:
            display.update(device)
            self._drawn_s = time.monotonic()
        time.sleep(LOOK_S)

    def _move_cable(self, display: Screen | Lines) -> None:
        cable = self._device.cable
        if self._pull_s <= self.passed_s < self._put_back_s:
            if not cable.out:
                display.news(f"the cable is pulled for {OUT_S:g} s; this board has power of its own")
                cable.pull()
        elif cable.out:
            display.news("the cable is back; what flowed meanwhile is in the meter's sums")
            cable.put_back()

    def _end(self, display: Screen | Lines) -> None:
        if self._device.cable.out:
            self._device.cable.put_back()
        for decision in self._device.finish():
            display.settled(decision)
        display.update(self._device)

    def figures(self, policy: str, seed: int) -> dict[str, Any]:
        """After `run`."""
        from circadia_lab.meter.summary import figures

        return figures(self._device, self._arrivals, policy=policy, seed=seed, seconds=self.passed_s)


class _Ear(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())


@contextmanager
def heard(tell: Callable[[str], None]) -> Iterator[None]:
    """Warnings of the log go there instead of into the display."""
    ear, root = _Ear(tell), logging.getLogger()
    root.addHandler(ear)
    try:
        yield
    finally:
        root.removeHandler(ear)


def _report(found: dict[str, Any], html: Path | None, json_file: Path | None) -> None:
    actions = [key.removeprefix("ticks_") for key in found if key.startswith("ticks_")]
    for action in sorted(actions, key=lambda name: -found[f"energy_j_{name}"]):
        count, total_j = found[f"ticks_{action}"], found[f"energy_j_{action}"]
        print(f"{action:<28} {count:4} ticks {joules(total_j):>12}  {joules(total_j / count):>10} a tick")
    print(
        f"sum of {found['settled']} ticks {joules(found['energy_j'])}, simulated; the meter's accumulator "
        f"{joules(found['accumulator_j'])}, closure {small_joules(found['closure_j'])}; the simulated body drew "
        f"{joules(found['body_j'])}"
    )
    print(
        f"{found['samples']:,} samples, {found['lost_samples']:,} lost on the line, gaps {found['gap_s']:.1f} s; "
        f"clock bound {found['clock_bound_us']} µs; connections {found['connections']}; "
        f"board behind by {found['board_behind_s'] * 1e3:.0f} ms at most"
    )
    if json_file is not None:
        with whole_text(json_file) as file:
            file.write(json.dumps(found, indent=2, allow_nan=False) + "\n")
        print(f"summary: {json_file}")
    if html is not None:
        print(f"page: {html}")

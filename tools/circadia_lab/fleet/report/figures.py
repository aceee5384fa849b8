"""The report’s figures in the page’s order. Without data they say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

from circadia_lab.fleet.report.accuracy import accuracy
from circadia_lab.fleet.report.actions import actions
from circadia_lab.fleet.report.battery import battery
from circadia_lab.fleet.report.distributions import distributions
from circadia_lab.fleet.report.energy import energy
from circadia_lab.fleet.report.federation import federation
from circadia_lab.fleet.report.paid import paid
from circadia_lab.fleet.report.references import references
from circadia_lab.fleet.report.worth import accuracy_against_joules
from circadia_lab.page.plate import Plate
from circadia_lab.page.style import RC
from circadia_lab.page.svg import svg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from circadia_lab.data.day.result import ArmResult


def plates(arms: Sequence[ArmResult]) -> list[Plate]:
    """All figures of the report, in the page's order. Needs an arm at least."""
    with mpl.rc_context(RC):
        return [_plate(arms, name, *parts) for name, parts in _PLATES.items()]


def _plate(
    arms: Sequence[ArmResult],
    name: str,
    title: str,
    caption: str,
    draw: Callable[[Sequence[ArmResult]], Figure],
) -> Plate:
    return Plate(name=name, title=title, caption=caption, svg=svg(draw(arms), name, f"{title}. {caption}"))


_PLATES: dict[str, tuple[str, str, Callable[[Sequence[ArmResult]], Figure]]] = {
    "accuracy": (
        "Accuracy over the day",
        (
            "Look at how deep the mean (thick) falls at the drift and how long it takes to come back; thin lines are the "
            "devices, crosses and triangles kills and restarts."
        ),
        accuracy,
    ),
    "joules": (
        "Accuracy against energy",
        (
            "Look at the height of the curves above one another: accuracy that the same simulated joules bought, and right the "
            "same battery joules; rings mark 06:00, 12:00, 18:00 and 24:00, diamonds the drift: an arm whose ring is further right has spent more by "
            "then."
        ),
        accuracy_against_joules,
    ),
    "references": (
        "What the federation adds",
        (
            "Look at where the filled dot lies relative to learning alone on the same log (ring) and one model on all data with "
            "as many steps as all devices took together (diamond); axes do not start at zero."
        ),
        references,
    ),
    "battery": (
        "Battery of each device",
        (
            "Look at how low each battery gets and what the arms differ by; shaded while the device charges, dashed at the "
            "drift."
        ),
        battery,
    ),
    "paid": (
        "What the batteries paid",
        (
            "Look at how much of the agent’s work each battery paid, which charger and panel did not, and at what that makes of "
            "the hours that a full battery lasts, users and rest included."
        ),
        paid,
    ),
    "actions": (
        "Actions over the day",
        (
            "Look at where training (violet) happens relative to serving (green) and to the night; each device has a ribbon "
            "for each arm, and work shorter than a minute and a half is drawn that wide to be seen."
        ),
        actions,
    ),
    "energy": (
        "Energy by action (simulated joules)",
        "Look at the share that is not sleep; every figure comes from the devices’ energy profiles, none from a meter.",
        energy,
    ),
    "distributions": (
        "Latency and staleness",
        (
            "Look at the rings, median and 95th percentile of what was answered; where a latency curve ends below 100 %, the "
            "rest of the requests expired."
        ),
        distributions,
    ),
    "federation": (
        "The federation",
        "Look at the distance between a thin line and the thick one above it: how many versions that device is behind.",
        federation,
    ),
}

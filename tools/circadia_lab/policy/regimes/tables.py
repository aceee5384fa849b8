"""The regimes as text: what each way of deciding costs, and where each number is from."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from circadia_lab.policy.regimes.figures import SLACK_S, figures
from circadia_lab.policy.regimes.regime import Sourced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from circadia_lab.policy.regimes.arms import Row
    from circadia_lab.policy.regimes.regime import Body

ABSENT = "–"
HEAD = {
    "coupling_lte_device": "saved by deciding together, MCU with LTE-M, against two controllers",
    "coupling_board_device": "saved by deciding together, board of 22.5 J a boot, against two controllers",
    "coupling_phone": "saved by deciding together, phone, against two controllers",
    "wake_board_device": "saved by choosing when to wake, board of 22.5 J a boot, against a tick of 300 s",
}
NOTE = (
    "Modelled: no device took part. Joules of the agent a day under the same limits; device: with sleep, requests' own work "
    "and everything else. Optima are certified; slack is simulated, with its standard error."
)


def joules(value: float) -> str:
    """Three or four figures."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}" if value >= 100 else f"{value:#.3g}"


def percent(share: float) -> str:
    """With as many decimals as say something."""
    return f"{100 * share:.2f} %" if abs(share) < 0.01 else f"{100 * share:.1f} %"


def text(rows: Sequence[Row]) -> str:
    """All of it."""
    return "\n".join([*arms(rows), "", *head(rows), "", *bodies(rows), "", NOTE])


def arms(rows: Sequence[Row]) -> Iterator[str]:
    """A line a regime."""
    columns = ("J a day", "rule", "sep. 15 min", "separate", "300 s", "device, sep.", "300 s")
    yield f"{'regime':52}" + "".join(f"{name:>13}" for name in columns)
    for row in rows:
        yield f"{row.regime.title:52}" + "".join(f"{cell:>13}" for cell in cells(row))


def cells(row: Row) -> tuple[str, ...]:
    """Joules of the arms and the device's shares."""
    shifted = row.with_slack(SLACK_S)
    return (
        joules(row.joint.joules),
        joules(row.rule.joules) if row.rule else ABSENT,
        f"{joules(shifted.joules.value)} ±{shifted.joules.error:.1g}" if shifted else ABSENT,
        joules(row.apart.joules),
        joules(row.fixed.joules),
        percent(row.saved(row.apart.joules)),
        percent(row.saved(row.fixed.joules)),
    )


def head(rows: Sequence[Row]) -> Iterator[str]:
    """The figures that are asked for."""
    found = figures(rows)
    for key, words in HEAD.items():
        if key in found:
            yield f"{key:24}{percent(found[key]):>10}  {words}"
    yield f"{'gap_max':24}{found['gap_max']:10.0e}  the widest certified gap, relative"


def bodies(rows: Sequence[Row]) -> Iterator[str]:
    """Each body's numbers with their sources."""
    seen: dict[str, Body] = {row.regime.body.name: row.regime.body for row in rows}
    for body in seen.values():
        yield f"{body.name}:"
        for part in fields(body):
            found = getattr(body, part.name)
            if isinstance(found, Sourced):
                yield f"  {part.name:12}{found.value:12g}  {found.source}"

"""What several figures of the report show alike: the arms' colours, and where the world changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.lines import Line2D

from circadia_lab.page.style import INK, arm_colour, clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from circadia_lab.data.day.result import ArmResult, Drift


def mark_drifts(ax: Axes, drifts: Iterable[Drift], *, label: bool = True) -> None:
    """A dashed line where the world changed, if the axes reach it; the label stands at the top."""
    for drift in (drift for drift in drifts if drift.t_s <= ax.get_xlim()[1]):
        ax.axvline(drift.t_s, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1.5)
        if label:
            ax.annotate(
                f"drift {clock(drift.t_s)}",
                (drift.t_s, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=8,
                color=INK,
            )


def arm_handles(arms: Sequence[ArmResult]) -> list[Artist]:
    """The key to the arms' colours."""
    return [Line2D([], [], color=arm_colour(i), linewidth=3.2, label=arm.arm) for i, arm in enumerate(arms)]

"""All pictures of an evaluation, for the page as SVG and for the README as PNG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl

from circadia.writing import whole_file
from circadia_lab.page.style import RC
from circadia_lab.policy.evaluation.pictures.days import days
from circadia_lab.policy.evaluation.pictures.front import front, of_oracle, of_scenario
from circadia_lab.policy.evaluation.pictures.learning import learning
from circadia_lab.policy.evaluation.pictures.limits import limits
from circadia_lab.policy.evaluation.pictures.maps import maps
from circadia_lab.policy.evaluation.pictures.scenarios import gains, utilities_by_scenario
from circadia_lab.policy.evaluation.pictures.simplex import triangles
from circadia_lab.policy.evaluation.result import coupling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.figure import Figure

    from circadia_lab.policy.evaluation.evaluation import Evaluation

DPI = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure on the page."""

    name: str
    """Of its anchor and file."""
    title: str
    caption: str
    """What to look at."""
    figure: Figure


def pictures(evaluation: Evaluation) -> list[Picture]:
    """Those that there is something to show for, in the page's order."""
    with mpl.rc_context(RC):
        return [*_of_scenarios(evaluation), *_of_policy(evaluation)]


def write_pngs(evaluation: Evaluation, folder: Path) -> list[Path]:
    """`NAME.png` each, written whole; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for picture in pictures(evaluation):
        paths.append(folder / f"{picture.name}.png")
        write_png(picture.figure, paths[-1])
    return paths


def write_png(figure: Figure, path: Path, dpi: int = DPI) -> None:
    """Whole or not at all."""
    with mpl.rc_context(RC), whole_file(path) as file:
        figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})


def _of_scenarios(evaluation: Evaluation) -> Iterator[Picture]:
    head = evaluation.head
    if head:
        yield Picture(
            name="utilities",
            title="Utility by scenario",
            caption="Look for rules right of the blue disc: there a rule wins. What breaks limits is hollow and no rival.",
            figure=utilities_by_scenario(evaluation.scenarios),
        )
        yield Picture(
            name="advantage",
            title="Under which preferences it is ahead",
            caption=(
                "Utility of ours less that of the best rule that keeps all limits there, in thousandths, in a triangle of "
                "preferences; blue: ours is ahead, orange: a rule is, ×: ours breaks a limit, grey: no rule keeps them."
            ),
            figure=triangles(evaluation.scenarios),
        )
        yield Picture(
            name="front",
            title=f"Pareto front in {head.name}",
            caption=(
                "One mark for each preference, means over seeds; hollow: breaks a limit. The line joins what none of ours "
                "beats in that pair of objectives; what breaks limits may lie outside the frame."
            ),
            figure=front(of_scenario(head), head.name),
        )
    if evaluation.oracle:
        yield Picture(
            name="certified-front",
            title="Pareto front beside the certified optimum",
            caption=(
                "Exact averages on a grid problem made of the same physics; rings are the optimum, certified from both "
                "sides; hollow marks break a limit."
            ),
            figure=front(of_oracle(evaluation.oracle), evaluation.oracle.grid),
        )
    if head:
        yield Picture(
            name="limits",
            title=f"Costs against their limits in {head.name}",
            caption="Blue keeps the limit, orange breaks it, by the factor that stands there; medians over training seeds.",
            figure=limits(head),
        )
    if any(coupling(scenario) for scenario in evaluation.scenarios):
        yield Picture(
            name="coupling-gain",
            title="What deciding together is worth, by scenario",
            caption="An interval that holds 0 shows no difference.",
            figure=gains(evaluation.scenarios),
        )


def _of_policy(evaluation: Evaluation) -> Iterator[Picture]:
    if evaluation.curves:
        yield Picture(
            name="learning",
            title="Learning curves",
            caption=(
                "Median over the training seeds and their range, while training, exploration included; dashed: the limit. "
                "The policy that is kept is judged apart, on devices of its own."
            ),
            figure=learning(evaluation.curves),
        )
    if evaluation.action_maps:
        yield Picture(
            name="action-maps",
            title="What it does when",
            caption=(
                "Noon, a free link, not charging, nobody uses the device; colours mix by the chances of the actions, before "
                "the shield forbids any."
            ),
            figure=maps(evaluation.action_maps),
        )
    if evaluation.days:
        yield Picture(
            name="day",
            title="A day in the life",
            caption="The same simulated day for every policy: requests, user, links and sky come at the same time.",
            figure=days(evaluation.days),
        )

"""The evaluation as one HTML file that needs nothing else: no network, no scripts, no fonts; light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl

from circadia_lab.page.page import rendered, write
from circadia_lab.page.style import GRID, INK, MUTED, PAPER, RC
from circadia_lab.page.svg import svg
from circadia_lab.policy.evaluation import confidence
from circadia_lab.policy.evaluation.evaluation import OURS
from circadia_lab.policy.evaluation.figures import REFERENCE
from circadia_lab.policy.evaluation.pictures.album import pictures
from circadia_lab.policy.evaluation.result import summary
from circadia_lab.policy.evaluation.tables import Table, tables
from circadia_lab.policy.evaluation.verdict import lead, tiles

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_lab.policy.evaluation.evaluation import Evaluation

ORDER = (
    "utilities", "arms-0", "advantage", "rules-win", "certified-front", "certified", "front", "limits",
    "limits-by-kind", "binding", "by-preference", "coupling-gain", "coupling", "transfer", "foretold", "learning", "action-maps", "day",
)  # fmt: skip
"""Of the parts that have a place; the others follow."""
PAGE_COLOURS = {INK: "ink", MUTED: "muted", GRID: "line", "#b8c0ca": "axis", PAPER: "paper"}
"""Colours that follow the page's, light or dark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section: a picture or a table."""

    name: str
    title: str
    caption: str
    svg: str = ""
    table: Table | None = None


def write_page(evaluation: Evaluation, path: Path) -> None:
    """Write the page, whole or not at all; folders are made."""
    write(render(evaluation), path)


def render(evaluation: Evaluation) -> str:
    """The page."""
    return rendered(
        "policy/evaluation/page.html",
        title="Circadia: the policy, evaluated",
        lead=lead(evaluation),
        notes=evaluation.notes,
        facts=facts(evaluation),
        tiles=tiles(evaluation),
        parts=parts(evaluation),
        ours=OURS,
        method=method(evaluation),
        commands="\n".join(evaluation.commands),
        summary=summary(evaluation),
    )


def parts(evaluation: Evaluation) -> list[Part]:
    """Pictures and tables in the page's order."""
    found = [
        Part(name=table.name, title=table.title, caption=table.caption, table=table)
        for table in tables(evaluation)
    ]
    for picture in pictures(evaluation):
        with mpl.rc_context(RC):
            text = themed(svg(picture.figure, picture.name, f"{picture.title}. {picture.caption}"))
        found.append(Part(name=picture.name, title=picture.title, caption=picture.caption, svg=text))
    place = {name: i for i, name in enumerate(ORDER)}
    return sorted(found, key=lambda part: place.get(part.name, len(place)))


def themed(text: str) -> str:
    """An SVG whose ink, grid and paper are the page's."""
    for colour, name in PAGE_COLOURS.items():
        text = text.replace(f": {colour}", f": var(--{name})")
    return text


def facts(evaluation: Evaluation) -> list[tuple[str, str]]:
    """(name, value) of what was run."""
    conditions = evaluation.conditions
    scenarios = evaluation.scenarios
    found = [
        ("Scenarios", ", ".join(scenario.name for scenario in scenarios)),
        ("Preferences", "21, in steps of a fifth" if scenarios or evaluation.oracle else ""),
        ("Training seeds", str(len(scenarios[0].ours.plays)) if scenarios else ""),
        (
            "Played",
            f"{conditions.per_device} copies of each device for {conditions.days:g} days after {conditions.warm_up_days:g}, "
            f"seed {conditions.seed}" if scenarios else "",
        ),
        ("Grid", f"{evaluation.oracle.grid}, {evaluation.oracle.states:,} states" if evaluation.oracle else ""),
        ("Wall time", f"{evaluation.seconds / 60:.1f} min"),
        ("Machine", evaluation.machine),
        ("Date", evaluation.date),
        ("Versions", ", ".join(f"{name} {version}" for name, version in evaluation.versions.items())),
    ]  # fmt: skip
    return [(name, value) for name, value in found if value]


def method(evaluation: Evaluation) -> list[str]:
    """What was simulated, modelled and computed, and how."""
    found = []
    if evaluation.scenarios:
        found += [
            (
                "Devices, batteries, heat, links, users, requests and the federation’s versions are simulated from profiles and "
                "scenarios; no phone and no meter took part. Accuracy is modelled: a closed form of the model’s and the data’s "
                "freshness, fitted to real federated runs. The shield is in the loop: it masks actions before one is drawn."
            ),
            (
                "Every policy meets the same chance: draws belong to a device and a moment, so that bursts, users, links and "
                "clouds come at the same time under each. Averages are Σ reward / Σ time over all copies. Battery life is a full "
                "battery over the mean drain of device and user, without charger or sun; joules per served request are those of "
                "the agent’s loads, deep sleep included."
            ),
            (
                "Utility is the mean over the 21 preferences of weights · average rewards (freshness of the model in service; "
                "minus the mean latency in deadlines, a lost request counting one; minus quarters of the battery a day, a tenth of "
                "the joules while something charges). A cost violates its limit if its average is above it, strictly; what does so "
                f"under more than one preference of 21 is no rival. Intervals: 95 %, {confidence.METHOD}."
            ),
            (
                f"Hypervolume is that of the 21 average rewards above {REFERENCE} (nothing fresh, every request lost, a whole "
                "battery a day), as a share of the box up to (1, 0, 0). Latency and age quantiles come from histograms of twenty "
                "bins a decade. The floor is crossed if the phases of an action end below it that began above."
            ),
        ]
    if evaluation.oracle:
        found.append(
            "The certified optimum is that of a grid problem enumerated from the same physics: column generation bounds it "
            "from both sides. Networks are evaluated on it exactly, through the chain’s stationary distribution."
        )
    return found

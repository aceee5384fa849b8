"""The report as one HTML file that needs nothing else: no network, no scripts, no fonts."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import circadia
from circadia.errors import ConfigError
from circadia_lab.fleet.report.figures import plates
from circadia_lab.fleet.report.fleet import names
from circadia_lab.fleet.report.headline import headline
from circadia_lab.fleet.report.sheets import devices_sheet, kinds_sheet, seeds_sheet
from circadia_lab.fleet.report.verdict import duration, lead, tiles
from circadia_lab.page.page import rendered, write
from circadia_lab.page.style import clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from circadia_lab.data.day.result import ArmResult


def write_report(arms: Sequence[ArmResult], summary: dict[str, Any], path: Path) -> None:
    """Write the page to `path`, whole or not at all; folders are made.

    `summary` is embedded as JSON, NaN as null. Of its top level, `seed`, `date`, `machine` and `versions` (name →
    version) appear in the header where they are given. `ConfigError` without an arm.
    """
    write(render(arms, summary), path)


def render(arms: Sequence[ArmResult], summary: dict[str, Any]) -> str:
    """The page."""
    if not arms:
        raise ConfigError("report: there is no arm to report on; run one at least")
    sheets = [kinds_sheet(arms), devices_sheet(arms)]
    if len(summary.get("runs", ())) > 1:
        sheets.insert(0, seeds_sheet(summary))
    return rendered(
        "fleet/report/page.html",
        title="Circadia: one simulated day",
        facts=facts(arms, summary),
        lead=headline(summary["arms"]) if "arms" in summary else lead(arms),
        more=lead(arms) if "arms" in summary else "",
        notes=notes(arms, summary),
        tiles=tiles(arms),
        parts=[*plates(arms), *sheets],
        summary=summary,
    )


def facts(arms: Sequence[ArmResult], summary: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of what was run."""
    versions = summary.get("versions") or {
        "circadia": circadia.__version__,
        "Python": platform.python_version(),
    }
    found = [
        ("Devices", f"{len(names(arms))} processes"),
        ("Work as of", {"task": "the task", "cnn": "a CNN, 84×84 pixels"}.get(summary.get("work", ""), "")),
        ("Seed", ", ".join(map(str, summary.get("seeds", [summary.get("seed", "")])))),
        ("Simulated day", ", ".join(dict.fromkeys(f"{clock(0)}–{clock(arm.day_s)}" for arm in arms))),
        ("Wall time", " + ".join(duration(arm.wall_s) for arm in arms)),
        ("Drift", "; ".join(f"{clock(drift.t_s)} {drift.what}" for drift in arms[0].drifts)),
        ("Policies", ", ".join(dict.fromkeys(arm.policy for arm in arms))),
        ("Machine", str(summary.get("machine", ""))),
        ("Date", str(summary.get("date", ""))),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    return [(name, value) for name, value in found if value]


def notes(arms: Sequence[ArmResult], summary: dict[str, Any]) -> list[str]:
    """What a reader has to know about this run beside its figures."""
    seeds = summary.get("seeds", [])
    whole = summary.get("whole_seeds", seeds)
    found = []
    if len(seeds) > 1:
        found.append(
            f"The first sentences and the table of seeds are of {len(whole)} seeds, medians; everything else shows seed "
            f"{seeds[0]}."
        )
    found += [f"Seed {seed} was stopped: no median has it." for seed in seeds if whole and seed not in whole]
    found += [f"{arm.arm} was stopped at {clock(arm.day_s)}; its figures cover that part of the day." for arm in arms
             if not arm.complete]  # fmt: skip
    for arm in arms:
        if arm.incidents:
            told = ", ".join(f"{clock(incident.t_s)} {incident.what}" for incident in arm.incidents)
            found.append(f"{arm.arm}: {told}.")
    found.append(
        "Batteries, heat and links are simulated. A battery pays what charger and panel do not at that moment: a phone on its "
        "charger draws no battery joules, and what is charged later takes none back. Joules without that word are all that "
        "the devices drew."
    )
    if len(arms) == 1:
        found.append("There is one arm only: nothing to compare it with.")
    return found

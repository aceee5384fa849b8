"""A field test's result as one HTML file that needs nothing else."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from circadia_lab.field.analysis.contrast import WATTS
from circadia_lab.field.analysis.words import WHOSE, aa_verdict, change
from circadia_lab.field.report.plates import plates
from circadia_lab.field.report.tables import arms_table, periods_table, reasons_table
from circadia_lab.page.page import rendered, script_hash, write
from circadia_lab.page.tile import Tile

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_field.bundle import Bundle
    from circadia_lab.field.analysis.analysis import Analysis, Versus


def write_report(analysis: Analysis, result: dict[str, Any], bundle: Bundle, path: Path) -> None:
    """Write the page, whole or not at all."""
    script = resources.files("circadia_lab.page").joinpath("zoom.js").read_text(encoding="utf-8")
    page = rendered(
        "field/report/page.html",
        title=f"Field test: {' or '.join(analysis.plan.arms)}",
        source=analysis.source,
        lead=lead(analysis),
        notes=notes(analysis),
        facts=facts(analysis, bundle),
        tiles=tiles(analysis),
        parts=[
            *plates(analysis),
            reasons_table(analysis),
            arms_table(result),
            periods_table(analysis),
        ],
        script=script,
        script_hash=script_hash(script),
        summary=result,
    )
    write(page, path)


def lead(analysis: Analysis) -> str:
    """In one sentence."""
    gains = [
        f"{-one.contrast(what).comparison.change:.1%} of {WHOSE[what]} against {one.other}"  # type: ignore[union-attr]
        for one in analysis.versus[1:]
        for what in WATTS
        if one.announced(what)
    ]
    first = analysis.plan.first_arm
    if gains:
        return f"{first} saves {' and '.join(gains)} ({analysis.source})."
    return f"No gain of {first} is announced. Below stands what was found, and what stands against it."


def notes(analysis: Analysis) -> list[str]:
    """What a reader has to know beside the figures."""
    found = []
    if analysis.source != "measured":
        found.append(
            f"The joules of this test are {analysis.source}: it shows that the method works, not what a device saves."
        )
    planned = len(analysis.plan.schedule())
    if len(analysis.periods) < planned:
        found.append(
            f"{len(analysis.periods)} of {planned} periods are done: nothing is announced before the end."
        )
    if analysis.void:
        found.append(f"{analysis.void} attempts at a period lost too much of their time and were made again.")
    if failed := [one for one in analysis.periods if one.errors]:
        found.append(
            f"Parts of the agent failed {sum(one.errors for one in failed)} times, in period "
            f"{', '.join(str(one.place + 1) for one in failed)}; what they lost is not in these figures."
        )
    found += [f"{what[0].upper()}{what[1:]}." for what in analysis.changed]
    if len(analysis.versus) > 2:
        found.append("Each comparison is a test of its own at 5 %.")
    return found


def facts(analysis: Analysis, bundle: Bundle) -> list[tuple[str, str]]:
    """(name, value) of what was run."""
    plan, versions = analysis.plan, bundle.pins["versions"]
    meter = analysis.periods[0].meter
    told = ", ".join(
        f"{key} {value}"
        for key, value in meter.items()
        if key in {"board", "device_id", "firmware", "shunt_ohm"}
    )
    return [
        ("Arms", ", ".join(f"{arm} ({policy})" for arm, policy in plan.arms.items())),
        ("Plan, SHA-256", plan.digest),
        (
            "Periods",
            f"{len(analysis.periods)} of {len(plan.schedule())}, {plan.hours:g} h each after {plan.washout_h:g} h",
        ),
        ("Pairs", f"{plan.aa_pairs} A/A, {plan.pairs} a comparison, {plan.order}"),
        ("Looked for", f"{plan.effect:.0%} of the agent’s joules, {plan.agent_share:.0%} of the device’s"),
        ("Asked", f"{plan.requests_per_h:g} requests an hour, {plan.deadline_s:g} s each"),
        ("Meter", told or str(meter.get("meter", ""))),
        ("Machine", str(bundle.pins["machine"])),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]


def tiles(analysis: Analysis) -> list[Tile]:
    """The A/A phase, then all kinds of joules of every comparison."""
    aa, *others = analysis.versus
    compared = [one.comparison for one in aa.contrasts if one.comparison is not None]
    seen = any(one.seen for one in aa.contrasts)
    found = [
        Tile(
            title="A/A phase",
            value="alarm" if seen else "no difference" if compared else "not yet",
            note=aa_verdict(aa, analysis.source).removeprefix("A/A: "),
            verdict="bad" if seen else "good" if compared else "",
        )
    ]
    return found + [_tile(analysis, one, what) for one in others for what in WATTS]


def _tile(analysis: Analysis, one: Versus, what: str) -> Tile:
    contrast, announced = one.contrast(what), one.announced(what)
    against = [reason.name for reason in one.reasons[what] if not reason.holds]
    return Tile(
        title=f"{analysis.plan.first_arm} against {one.other}: {WHOSE[what]}",
        value=change(contrast) if contrast.comparison is not None else "not yet",
        note=f"a gain ({analysis.source})" if announced else f"no gain announced: {', '.join(against)}",
        verdict="good" if announced else "",
    )

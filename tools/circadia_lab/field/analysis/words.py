"""A field test's verdicts in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia_lab.field.analysis.contrast import AGENT, BATTERY, DEVICE, WATTS

if TYPE_CHECKING:
    from circadia_lab.field.analysis.analysis import Analysis, Versus
    from circadia_lab.field.analysis.contrast import Contrast

WHOSE = {AGENT: "the agent's joules", DEVICE: "the whole device's joules", BATTERY: "the battery's joules"}


def verdicts(analysis: Analysis) -> list[str]:
    """A line for the A/A phase, and one for each kind of joules of every comparison."""
    first, *others = analysis.versus
    lines = [aa_verdict(first, analysis.source)]
    return lines + [verdict(analysis, one, what) for one in others for what in WATTS]


def aa_verdict(aa: Versus, source: str) -> str:
    """Whether the test sees what is not there."""
    one = aa.contrast(DEVICE)
    if one.comparison is None:
        return f"A/A: nothing to compare, {len(aa.pairs)} of {aa.planned} pairs"
    seen = [WHOSE[c.what] for c in aa.contrasts if c.seen]
    told = "; ".join(f"{WHOSE[c.what]} {change(c)}" for c in aa.contrasts if c.comparison is not None)
    found = (
        f"shows a difference where there is none in {' and '.join(seen)}"
        if seen
        else "no difference found, as it should be"
    )
    return f"A/A: {found}: {told} ({source})"


def verdict(analysis: Analysis, one: Versus, what: str) -> str:
    """Whether the first arm is announced to draw less, and if not, what stands against it."""
    first, contrast = analysis.plan.first_arm, one.contrast(what)
    if contrast.comparison is None:
        why = "figures that are not above 0" if len(one.pairs) == one.planned else "too few yet"
        return (
            f"{first} against {one.other}, {WHOSE[what]}: nothing to compare, "
            f"{len(one.pairs)} of {one.planned} pairs ({why})"
        )
    told = f"{first} against {one.other}, {WHOSE[what]}: {change(contrast)} ({analysis.source})"
    if one.announced(what):
        return f"{told}: a gain, carried by the A/A phase and the error budget"
    against = "; ".join(
        f"{reason.name} ({reason.detail})" for reason in one.reasons[what] if not reason.holds
    )
    return f"{told}: no gain is announced; what does not hold: {against}"


def change(one: Contrast) -> str:
    """With its interval, error budget included."""
    assert one.comparison is not None
    return f"{one.comparison.change:+.1%} [{one.low:+.1%}, {one.high:+.1%}]"

"""What has to hold before a gain is announced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia_lab.field.analysis.comparison import Balance
    from circadia_lab.field.analysis.contrast import Contrast


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Something that has to hold before a gain is announced."""

    name: str
    holds: bool
    detail: str


def reasons_of(
    contrast: Contrast,
    *,
    pairs: int,
    planned: int,
    balances: dict[str, Balance],
    aa: tuple[Contrast, int, int] | None,
    changed: Sequence[str],
) -> tuple[Reason, ...]:
    """All of them; `aa`: what the A/A phase found by the same joules, its pairs and those planned; None for that phase."""
    found = [
        Reason(name="complete", holds=pairs == planned, detail=f"{pairs} of {planned} pairs"),
        Reason(name="pinned", holds=not changed, detail="; ".join(changed) or "nothing changed"),
    ]
    if aa is not None:
        found.append(_aa_reason(*aa))
    comparison = contrast.comparison
    if comparison is None:
        return (
            *found,
            Reason(name="seen", holds=False, detail="too few pairs, or figures that are not above 0"),
        )
    found += [
        Reason(
            name="seen",
            holds=comparison.seen and comparison.change < 0,
            detail=f"{comparison.change:+.1%} [{comparison.low:+.1%}, {comparison.high:+.1%}], p = {comparison.p:.3f}",
        ),
        Reason(
            name="error budget",
            holds=contrast.high < 0,
            detail=f"{contrast.budget:.2%} by the meter: [{contrast.low:+.1%}, {contrast.high:+.1%}]",
        ),
    ]
    missing = {"served", "latency", "accuracy"} - balances.keys()
    found += [Reason(name=name, holds=False, detail="no figure in every period") for name in sorted(missing)]
    return (*found, *(_balance_reason(name, one) for name, one in balances.items()))


def _aa_reason(aa: Contrast, pairs: int, planned: int) -> Reason:
    found = aa.comparison
    if found is None:
        return Reason(name="A/A", holds=False, detail=f"{pairs} of {planned} pairs, or figures not above 0")
    told = f"{found.change:+.1%} [{aa.low:+.1%}, {aa.high:+.1%}], p = {found.p:.3f}"
    if aa.seen:
        told = f"shows a difference where there is none: {told}"
    if pairs < planned:
        told = f"{pairs} of {planned} pairs; {told}"
    return Reason(name="A/A", holds=not aa.seen and pairs == planned, detail=told)


def _balance_reason(name: str, one: Balance) -> Reason:
    return Reason(
        name=name,
        holds=one.kept,
        detail=f"{one.verdict}: {one.difference:+.1%} [{one.low:+.1%}, {one.high:+.1%}], margin {one.margin:.0%}",
    )

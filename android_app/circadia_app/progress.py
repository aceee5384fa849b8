"""How far a field test has come, as its bundle tells it: nothing of its result, which stays closed until the end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from circadia_app.field_test import agreed, is_begun, planned
from circadia_app.viewmodels.field import Again, FieldTest, TestDay
from circadia_app.viewmodels.tokens import Origin
from circadia_field.bundle import ENDED, RESUMED, STARTED, Bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia_app.consent import Consent
    from circadia_app.folder import AppFolder
    from circadia_field.plan import Plan

HOUR_S = 3600.0


def days_planned(folder: AppFolder) -> int:
    """Of a test that can be joined, or goes on; 0: there is none."""
    plan = Bundle(folder.field_test).plan if is_begun(folder) else planned(folder)
    return 0 if plan is None else math.ceil(plan.days)


def field_of(folder: AppFolder, consent: Consent, clock_s: float) -> FieldTest | None:
    """At that reading of the agent's clock; None where none was joined yet. `ConfigError` for a bundle that was changed.

    Days lie around the one that is on, as the plan has them: a simulated body's clock begins anew with each.
    """
    joined = agreed(folder, consent)
    if is_begun(folder):
        bundle = Bundle(folder.field_test)
        plan, log, (place, attempt) = bundle.plan, bundle.log(), bundle.next_up()
    elif joined and (found := planned(folder)) is not None:
        plan, log, place, attempt = found, [], 0, 1
    else:
        return None
    since_s = consent.field_test.since_s if joined and consent.field_test is not None else math.nan
    sources = [entry["source"] for entry in log if entry["event"] == ENDED and entry.get("source")]
    return FieldTest(
        first_arm=plan.first_arm,
        names=_names(plan),
        days=tuple(_days(plan, log, place, _began_s(plan, log, place, attempt, clock_s))),
        origin=Origin(sources[-1]) if sources else None,
        agreed_s=since_s,
        place=place,
        again=tuple(
            Again(day=entry["period"], lost=float(entry.get("lost", math.nan)))
            for entry in log
            if entry["event"] == ENDED and entry.get("void")
        ),
    )


def _names(plan: Plan) -> dict[str, str]:
    """Of each arm the policy, where it has a name; of a file's the arm's own."""
    return {arm: arm.replace("-", " ") if "." in policy else policy for arm, policy in plan.arms.items()}


def _began_s(plan: Plan, log: Sequence[dict[str, Any]], place: int, attempt: int, clock_s: float) -> float:
    """When the plan's hour 0 would have been, had every day come as planned until the one that is on."""
    schedule = plan.schedule()
    if place == len(schedule):
        return clock_s - plan.days * 24 * HOUR_S
    mine = [
        entry
        for entry in log
        if entry["event"] in {STARTED, RESUMED} and (entry["period"], entry["attempt"]) == (place, attempt)
    ]
    started_s = float(mine[-1]["start_s"]) if mine and "start_s" in mine[-1] else clock_s
    return min(started_s, clock_s) - (schedule[place].start_h - plan.washout_h) * HOUR_S


def _days(plan: Plan, log: Sequence[dict[str, Any]], place: int, began_s: float) -> list[TestDay]:
    watts = {
        entry["period"]: entry.get("device_w")
        for entry in log
        if entry["event"] == ENDED and not entry.get("void")
    }
    days = []
    for number, period in enumerate(plan.schedule()):
        start_s = began_s + (period.start_h - plan.washout_h) * HOUR_S
        end_s = began_s + (period.start_h + period.hours) * HOUR_S
        drawn_w = watts.get(number) if number < place else None
        days.append(
            TestDay(
                comparison=period.comparison,
                pair=period.pair,
                arm=period.arm,
                start_s=start_s,
                end_s=end_s,
                energy_j=math.nan if drawn_w is None else float(drawn_w) * (end_s - start_s),
            )
        )
    return days

"""The regimes' figures for JSON: those at the head, then everything of each."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from circadia.types import WakeOn
from circadia_lab.policy.regimes.regime import MeanAge, Sourced, Stale
from circadia_lab.policy.regimes.rule import MINUTE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia_lab.policy.regimes.arms import Apart, Row
    from circadia_lab.policy.regimes.optimum import Optimum
    from circadia_lab.policy.regimes.regime import Regime
    from circadia_lab.policy.regimes.rule import BestDue
    from circadia_lab.policy.regimes.timers import Coalesced

SLACK_S = 15 * MINUTE_S
"""Of the timers that the table shows."""


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Shares of the device's joules that deciding together saves, unless named otherwise; nothing is measured in them."""
    named = {row.regime.name: row for row in rows}
    head: dict[str, Any] = {}
    for name in ("lte", "board", "phone"):
        if name in named:
            key = f"coupling_{name}" if name == "phone" else f"coupling_{name}_device"
            head[key] = named[name].saved(named[name].apart.joules)
    if "board" in named:
        head["wake_board_device"] = named["board"].saved(named["board"].fixed.joules)
    head["gap_max"] = max(row.largest_gap for row in rows)
    rules = [row.rule.joules / row.joint.joules - 1 for row in rows if row.rule]
    head["rule_over_optimum_max"] = max(rules, default=None)
    return {**head, "kind": "modelled", "regimes": [regime_figures(row) for row in rows]}


def regime_figures(row: Row) -> dict[str, Any]:
    """Everything of one; joules and wakes a day."""
    rivals = {
        "separate": row.apart.joules,
        "fixed_300_s": row.fixed.joules,
        **{f"separate_{found.slack_s / MINUTE_S:g}_min": found.joules.value for found in row.coalesced},
    }
    found: dict[str, Any] = {
        "name": row.regime.name,
        "title": row.regime.title,
        "gap_max": row.largest_gap,
        "base_j": row.regime.base_j,
        "joint": _optimum(row.joint),
        "separate": _apart(row.apart),
        "fixed_300_s": _optimum(row.fixed),
        "rule": _rule(row, row.rule),
        "separate_with_slack": [_coalesced(each) for each in row.coalesced],
        "saved_device": {name: row.saved(joules) for name, joules in rivals.items()},
        "saved_agent": {name: row.saved_by_agent(joules) for name, joules in rivals.items()},
        "battery_hours": {
            name: row.regime.body.capacity_j.value / (joules + row.regime.base_j) * 24
            for name, joules in {"joint": row.joint.joules, **rivals}.items()
        },
        "parameters": parameters(row.regime),
    }
    if row.menu:
        found["menu_of_five"] = _optimum(row.menu)
    if row.gamed:
        found["stale_limit_gamed"] = row.gamed._asdict()
    if row.ages:
        under = {
            "joint": row.ages.joint.joules,
            "separate": row.ages.apart.joules,
            "fixed_300_s": row.ages.fixed.joules,
        }
        base = row.regime.base_j
        found["mean_age_limit"] = {
            "at_most_s": row.ages.limit.at_most_s,
            **under,
            "saved_device": {
                name: 1 - (under["joint"] + base) / (joules + base)
                for name, joules in under.items()
                if name != "joint"
            },
        }
    return found


def parameters(regime: Regime) -> dict[str, Any]:
    """Each number with where it is from."""
    body = {part.name: getattr(regime.body, part.name) for part in fields(regime.body)}
    return {
        "body": {
            key: {"value": part.value, "source": part.source}
            for key, part in body.items()
            if isinstance(part, Sourced)
        },
        "requests_a_day": regime.requests_a_day,
        "deadline_s": regime.deadline_s,
        "wakes_on": [kind.value for kind in WakeOn if kind in regime.wakes_on],
        "remote": regime.remote,
        "answers_by_radio": regime.answers_by_radio,
        "slot_s": regime.slot_s,
        "longest_s": regime.longest_s,
        "late_at_most": regime.late,
        "age_at_most": _limit(regime.age),
    }


def _limit(age: Stale | MeanAge) -> dict[str, float]:
    if isinstance(age, Stale):
        return {"share": age.share, "after_s": age.after_s}
    return {"mean_s": age.at_most_s}


def _optimum(found: Optimum) -> dict[str, Any]:
    return {
        "joules": found.joules,
        "lower": found.lower,
        "gap": found.gap,
        "wakes": found.wakes,
        "sessions": found.sessions,
    }


def _apart(found: Apart) -> dict[str, Any]:
    return {"joules": found.joules, "serving": _optimum(found.serving), "learning": _optimum(found.learning)}


def _rule(row: Row, found: BestDue | None) -> dict[str, Any] | None:
    if found is None:
        return None
    slot_s = row.regime.slot_s
    return {
        "joules": found.joules,
        "over_optimum": found.joules / row.joint.joules - 1,
        "window_s": found.window_s,
        "mixture": [
            {
                "share": share,
                "serve_after_s": rule.serve_after * slot_s,
                "learn_after_s": rule.learn_after * slot_s,
                "look_after_s": rule.look_after * slot_s,
                "wake_on": rule.wake_on.value,
                "gated": rule.gated,
                "spared": rule.spared,
            }
            for share, rule in zip(found.shares.tolist(), found.rules, strict=True)
        ],
    }


def _coalesced(found: Coalesced) -> dict[str, Any]:
    timers = found.timers
    return {
        "slack_s": found.slack_s,
        **{
            name: mean._asdict()
            for name, mean in (("joules", found.joules), ("late", found.late), ("aged", found.aged))
        },
        "wakes": found.wakes.value,
        "serve_s": timers.serve_s,
        "learn_s": timers.learn_s,
        "wake_on": timers.wake_on.value,
    }

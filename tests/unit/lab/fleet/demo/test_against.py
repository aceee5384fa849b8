"""The first arm against the others."""

from __future__ import annotations

from typing import Any

import pytest

from circadia_lab.fleet.demo.against import DIFFERENCES, RATIOS, against


def arm(**changes: float | None) -> dict[str, Any]:
    return dict.fromkeys((*DIFFERENCES, *RATIOS), 0.5) | changes


def test_differences_and_ratios() -> None:
    found = against(
        {"circadia": arm(mean_accuracy=0.9, recovery_s=100.0), "due": arm(recovery_s=400.0), "other": arm()}
    )
    assert list(found) == ["due", "other"]
    assert found["due"]["mean_accuracy"] == pytest.approx(0.4)
    assert found["due"]["recovery_s"] == pytest.approx(0.25)
    assert found["due"]["battery_agent_j"] == 1


def test_what_was_not_seen_is_no_number() -> None:
    found = against({"circadia": arm(recovery_s=100.0), "due": arm(recovery_s=None, agent_j=0.0)})["due"]
    assert found["recovery_s"] is None
    assert found["agent_j"] is None


def test_an_arm_by_itself() -> None:
    assert against({"circadia": arm()}) == {}

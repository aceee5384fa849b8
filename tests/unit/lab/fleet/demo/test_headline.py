"""What a person feels, in two sentences."""

from __future__ import annotations

from circadia_lab.fleet.report.headline import headline


def arm(right: float | None, **hours: float | None) -> dict[str, object]:
    return {"right_of_hundred": right, "kinds": {kind: {"battery_hours": h} for kind, h in hours.items()}}


def test_answers_and_hours_of_every_arm() -> None:
    told = headline({"circadia": arm(84.4, phone=41.2, board=9.6), "due": arm(80.0, phone=40.0, board=None)})
    assert "Of 100 questions, 84 with circadia, 80 with due are answered right" in told
    assert "simulated" in told
    assert "on phone 41 h with circadia, 40 h with due; on board 10 h with circadia, – h with due" in told


def test_nothing_was_asked() -> None:
    assert "– with circadia" in headline({"circadia": arm(None, phone=None)})

"""Coverage is counted over what was told, by kind."""

from __future__ import annotations

from circadia_lab.bench.foretold import Judged, summary


def test_what_held_and_how_far_off_it_was_is_counted_by_kind() -> None:
    judged = [
        Judged(kind="joules", found=100.0, middle=110.0, low=90.0, high=130.0, before=200.0),
        Judged(kind="joules", found=100.0, middle=150.0, low=140.0, high=160.0, before=110.0),
        Judged(kind="latency", found=2.0, middle=2.0, low=1.0, high=4.0, before=2.0),
    ]
    found = summary(judged)
    assert (found["joules_told"], found["joules_held"], found["joules_nearer"]) == (2, 0.5, 0.5)
    assert (found["latency_held"], found["latency_off"], found["accuracy_told"]) == (1.0, 0.0, 0)
    assert "accuracy_held" not in found

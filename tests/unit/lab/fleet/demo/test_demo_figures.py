"""The figures of a device's day, from logs written by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from circadia.federation.aggregate.records import Version
from circadia.store.rows import StoredUpdate
from circadia_lab.fleet.demo import device_figures as figures
from circadia_lab.fleet.demo.device_log import DeviceLog, Examples, RequestRow, TickRow
from circadia_lab.fleet.demo.ledger_log import Verdicts
from circadia_lab.fleet.demo.replay import WeightPath

NO_EXAMPLES = Examples(
    ids=np.empty(0, np.int64), x=np.empty((0, 0), np.float32), labels=np.empty(0, np.int32), t_s=np.empty(0)
)


def tick(
    t_s: float, action: str, energy_j: float = math.nan, version: int = 0, **by_load_j: float
) -> TickRow:
    return TickRow(
        tick_id=int(t_s), t_s=t_s, action=action, busy_s=2.0, version=version, overrun_s=0.0, battery_soc=0.5,
        charging=math.nan, energy_j=energy_j, by_load_j=by_load_j,
    )  # fmt: skip


def day(
    *ticks: TickRow, requests: tuple[RequestRow, ...] = (), updates: tuple[StoredUpdate, ...] = ()
) -> DeviceLog:
    return DeviceLog(
        path=Path("device.db"), ticks=list(ticks), requests=list(requests), trainings=[], updates=list(updates),
        examples=NO_EXAMPLES, model=None,
    )  # fmt: skip


DAY = day(
    tick(0.0, "sleep", 3.0, DEEP_SLEEP=2.0, RADIO=1.0),
    tick(100.0, "train/high/large/sync-int8", 10.0, version=1, DEEP_SLEEP=1.0, TRAIN_HIGH=9.0),
    tick(200.0, "serve/low/small", 5.0, version=2, DEEP_SLEEP=1.5, SERVE_LOW=3.0),
    tick(300.0, "sleep", version=2),
)


def test_energy_by_mode_and_load() -> None:
    assert figures.energy_by_mode(DAY) == {"sleep": 5.5, "serve": 3.5, "train": 9.0}
    assert figures.energy_by_load(DAY) == {
        "DEEP_SLEEP": 4.5,
        "RADIO": 1.0,
        "TRAIN_HIGH": 9.0,
        "SERVE_LOW": 3.0,
    }


def test_a_wake_that_serves_and_trains_is_told_by_its_phases() -> None:
    both = tick(
        0.0,
        "serve+train/low/small+large/sync-int8",
        20.0,
        SERVE_LOW=3.0,
        TRAIN_LOW=12.0,
        WAKE_UP=1.0,
        RADIO=4.0,
    )
    assert figures.energy_by_mode(day(both)) == {"sleep": 0.0, "serve": 3.0, "train": 17.0}


def test_cumulative_energy_counts_what_was_spent_before_a_tick() -> None:
    found = figures.cumulative(DAY, 400.0)
    assert found.t_s == [0.0, 100.0, 200.0, 300.0, 400.0]
    assert found.value == [0.0, 3.0, 13.0, 18.0, 18.0]
    assert figures.cumulative(day(), 400.0).value == [0.0, 0.0]


def test_stays_last_until_the_next_tick_or_the_day_s_end() -> None:
    assert [(stay.t_s, stay.duration_s) for stay in figures.stays(DAY, 360.0)] == [
        (0.0, 100.0), (100.0, 100.0), (200.0, 100.0), (300.0, 60.0),
    ]  # fmt: skip
    assert figures.stays(day(), 360.0) == []


def test_staleness_counts_from_publication() -> None:
    versions = {
        n: Version(number=n, published_s=t_s, weights=np.zeros(1, np.float32))
        for n, t_s in ((1, 20.0), (2, 150.0))
    }
    assert figures.staleness(DAY, versions).value == [0.0, 80.0, 50.0, 150.0]


def test_silent_sensors_are_left_out() -> None:
    assert figures.charging(DAY).t_s == []
    assert figures.battery(DAY).value == [0.5] * 4


def test_served_accuracy_by_window() -> None:
    rows = [
        RequestRow(request_id=i, tick=place, label=label, latency_s=1.0, truth=None)
        for i, (place, label) in enumerate([(0, 3), (0, 4), (2, 5), (3, None)])
    ]
    log = day(
        tick(0.0, "sleep"),
        tick(100.0, "sleep"),
        tick(8000.0, "sleep"),
        tick(8100.0, "sleep"),
        requests=(*rows,),
    )
    truths = {0: 3, 1: 9, 2: 5}
    found = figures.served_accuracy(log, truths, 10_000.0)
    assert found.t_s == [3600.0, 8600.0]
    assert found.value == [0.5, 1.0]
    assert figures.right_answers(log, truths) == 2
    assert figures.latencies(log) == [1.0, 1.0, 1.0]


def update(update_id: str, accepted: bool | None, reason: str = "") -> StoredUpdate:
    return StoredUpdate(update_id=update_id, created_s=0.0, accepted=accepted, reason=reason)


def test_the_ledger_has_the_last_word_on_updates() -> None:
    log = day(
        updates=(
            update("known", True),
            update("unheard", None),
            update("gone", True),
            update("refused", False, "norm"),
            update("refused without a word", False),
            update("waits", None),
        )
    )
    verdicts = Verdicts(accepted=frozenset({("a", "known"), ("a", "unheard"), ("b", "waits")}))
    assert figures.updates(log, "a", verdicts) == {"made": 6, "accepted": 2, "rejected": 1, "waiting": 3}


def test_a_path_of_weights_ends_with_the_day() -> None:
    zero, one, two, three = (np.full(2, value, np.float32) for value in range(4))
    path = WeightPath(zero)
    path.put(10.0, one)
    path.put(20.0, two)
    assert path.at(9.9) is zero
    assert path.at(10.0) is one
    path.end(15.0, three)
    assert path.at(14.9) is one
    assert path.at(99.0) is three

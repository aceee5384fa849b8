"""What every `Store` promises."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import SLEEP, action_named
from circadia.errors import ConfigError
from circadia.learning.identity import TaskIdentity
from circadia.practice import Practice
from circadia.testing.contract import Contract
from circadia.types import (
    Away,
    Decision,
    EnergyReading,
    Load,
    Model,
    ModelUpdate,
    Observation,
    Outcome,
    Pace,
    Personal,
    Phase,
    Served,
    Source,
    TickRecord,
    Training,
)

if TYPE_CHECKING:
    from circadia.ports import Store

PHASES = (Phase(load=Load.TRAIN_LOW, duration_s=2.5), Phase(load=Load.RADIO, duration_s=0.25))
READING = EnergyReading(energy_j=1.5, duration_s=60.0, source=Source.SIMULATED)
UPDATE = ModelUpdate(
    update_id="ab" * 16,
    task="cd" * 32,
    base_version=3,
    examples=16,
    codec="int8",
    payload=b"\1\2",
    created_s=5.0,
)
TASK = TaskIdentity(model="cd" * 32, labels=("still", "moving"), input_shape=(3,))
WORK = Away(work_id="w", requests=(7, 9), sent_s=1.0, due_s=90.0, note=b"note")


def tick(t_s: float, outcome: Outcome | None = None) -> TickRecord:
    """One that slept unless an outcome says otherwise."""
    return TickRecord(
        t_s=t_s,
        observation=Observation(battery_soc=0.5, temperature_c=21.0, dt_s=60.0),
        decision=Decision(proposed=action_named("train/low/small"), action=SLEEP),
        outcome=outcome or Outcome(phases=PHASES),
        version=3,
    )


def answer(request_id: int) -> Served:
    """To that request."""
    probabilities = np.array([0.25, 0.75], np.float32)
    return Served(
        request_id=request_id,
        label=1,
        label_name="b",
        confidence=0.75,
        probabilities=probabilities,
        latency_s=0.5,
        version=0,
    )


def model(version: int = 3) -> Model:
    """Weights that can be told apart."""
    return Model(
        version=version,
        published_s=12.0,
        base=np.arange(4, dtype=np.float32),
        weights=np.arange(4, dtype=np.float32) + version,
        unsent_examples=8,
        unsent_ids=frozenset({3, 2**40}),
        unsent_left=5,
        practice=Practice(16.0, 30.0),
        personal=Personal(
            weights=np.full(4, 0.5, np.float32), share=0.5, losses=(1.5, 0.25, 2.0), scored=3.5
        ),
    )


class StoreContract(Contract):
    """Inherit it and say how a store is opened."""

    def make(self) -> Store:
        """The test's one store: a second call, when the first was closed, opens the same again."""
        raise NotImplementedError

    def again(self, store: Store) -> Store:
        """Close it, and open it again."""
        store.close()
        return self.make()

    def test_a_new_one_is_empty(self) -> None:
        store = self.make()
        assert store.last_tick() is None
        assert store.load_model() is None
        assert [store.unsettled(), store.examples(), store.spooled(), store.away()] == [[], [], [], []]
        assert store.next_request_id() == 1
        store.close()

    def test_the_name_that_a_device_began_with_stays(self) -> None:
        store = self.make()
        assert store.device() == ""
        store.keep_device("porch")
        store.keep_device("cellar")
        store = self.again(store)
        assert store.device() == "porch"
        store.close()

    def test_verdicts_are_remembered(self) -> None:
        store = self.make()
        for number in range(3):
            update = replace(UPDATE, update_id=f"{number:032x}", created_s=float(number))
            store.commit(tick(float(number), Outcome(update=update)))
        store.acknowledge(f"{0:032x}", accepted=True, reason="")
        store.acknowledge(f"{1:032x}", accepted=False, reason="norm: too large")
        store = self.again(store)
        found = store.verdicts()
        store.close()
        assert [one.accepted for one in found] == [True, False, None]
        assert [one.reason for one in found] == ["", "norm: too large", ""]

    def test_the_last_tick_is_where_a_device_goes_on(self) -> None:
        store = self.make()
        first, second = store.commit(tick(60.0)), store.commit(tick(120.0))
        assert second > first
        store = self.again(store)
        last = store.last_tick()
        assert last is not None
        assert (last.tick_id, last.t_s, last.phases) == (second, 120.0, PHASES)
        assert last.observation.battery_soc == pytest.approx(0.5)
        assert math.isnan(last.observation.charging)
        assert store.commit(tick(180.0)) > second
        store.close()

    def test_a_tick_that_has_ended_is_settled_once(self) -> None:
        store = self.make()
        first, second = store.commit(tick(60.0)), store.commit(tick(120.0))
        assert store.unsettled() == [(first, 60.0, 120.0)]
        store.settle(first, READING)
        assert store.unsettled() == []
        store = self.again(store)
        assert store.unsettled() == []
        store.commit(tick(150.0))
        assert store.unsettled() == [(second, 120.0, 150.0)]
        store.close()

    def test_weights_come_with_the_tick_that_made_them(self) -> None:
        store = self.make()
        training = Training(
            steps=1, examples=1, loss=0.5, batches=np.array([[1, -1]]), weights=model().weights
        )
        ids = store.add_examples([(np.ones(3), 2, 10.0), (np.zeros(3), 1, 11.0)])
        store.commit(tick(60.0, Outcome(phases=PHASES, training=training, model=model(), update=UPDATE)))
        store = self.again(store)
        _same(store.load_model(), model())
        assert store.spooled() == [UPDATE]
        assert [(e.example_id, e.label, e.used) for e in store.examples()] == [
            (ids[0], 2, True),
            (ids[1], 1, False),
        ]
        np.testing.assert_array_equal(store.examples()[0].x, np.ones(3))
        store.close()

    def test_it_belongs_to_the_first_task_that_claims_it(self) -> None:
        store = self.make()
        store.claim(TASK, 4)
        store = self.again(store)
        store.claim(TASK, 4)
        for other, what in (
            (
                dataclasses.replace(TASK, labels=("moving", "still")),
                "labels moving, still instead of still, moving",
            ),
            (dataclasses.replace(TASK, input_shape=(3, 1)), r"input of shape \[3, 1\] instead of \[3\]"),
            (dataclasses.replace(TASK, scaling="x / 255"), "scaling 'x / 255' instead of ''"),
            (dataclasses.replace(TASK, model="ef" * 32), "model file efefefefefef… instead of cdcdcdcdcdcd…"),
        ):
            with pytest.raises(ConfigError, match=f"belongs to another task: {what}; take that task"):
                store.claim(other, 4)
        store.claim(TASK, 4)
        store.close()

    def test_what_was_learned_before_a_task_claimed_it_has_to_be_that_tasks(self) -> None:
        store = self.make()
        store.commit(tick(60.0, Outcome(phases=PHASES, model=model(), update=UPDATE)))
        store.add_examples([(np.ones(3), 1, 10.0)])
        for other, parameters, what in (
            (
                dataclasses.replace(TASK, model="ef" * 32),
                4,
                "last update is for the model file cdcdcdcdcdcd…",
            ),
            (TASK, 5, "holds 4 weights, this task has 5"),
            (
                dataclasses.replace(TASK, input_shape=(4,)),
                4,
                "an example of 3 numbers with label 1, this task takes 4",
            ),
        ):
            with pytest.raises(ConfigError, match=what):
                store.claim(other, parameters)
            with pytest.raises(ConfigError, match=what):
                store.check_task(other, parameters)
        store.check_task(
            dataclasses.replace(TASK, scaling="x / 255"), 4
        )  # which does not make it that task's
        store.claim(TASK, 4)
        store = self.again(store)
        with pytest.raises(ConfigError, match="labels moving, still instead of still, moving"):
            store.claim(dataclasses.replace(TASK, labels=("moving", "still")), 4)
        store.close()

    def test_a_version_from_outside_takes_the_place_of_the_weights(self) -> None:
        store = self.make()
        store.save_model(model(3))
        store.save_model(model(4))
        store = self.again(store)
        _same(store.load_model(), model(4))
        store.close()

    @pytest.mark.parametrize("accepted", [True, False])
    def test_an_acknowledged_update_leaves_the_spool(self, *, accepted: bool) -> None:
        store = self.make()
        store.commit(tick(60.0, Outcome(phases=PHASES, update=UPDATE)))
        store.acknowledge("nobody's", accepted, "")
        assert store.spooled() == [UPDATE]
        for _ in range(2):
            store.acknowledge(UPDATE.update_id, accepted, "late")
        store = self.again(store)
        assert store.spooled() == []
        store.close()

    def test_evicted_examples_do_not_come_back(self) -> None:
        store = self.make()
        first, second = store.add_examples([(np.ones(3), 2, 10.0), (np.zeros(3), 1, 11.0)])
        store.mark_evicted([first])
        store = self.again(store)
        assert [example.example_id for example in store.examples()] == [second]
        store.close()

    def test_no_request_id_is_given_twice(self) -> None:
        store = self.make()
        store.commit(tick(60.0, Outcome(phases=PHASES, served=(answer(4),), expired=(5,))))
        assert store.next_request_id() == 6
        store.add_examples([(np.ones(3), 2, 10.0)], {4: 2})
        store.commit(tick(120.0, Outcome(phases=PHASES, away=(WORK,))))
        store = self.again(store)
        assert store.next_request_id() == 10
        for below in (2**42, 100):  # for a run, and at its end for what it gave
            store.reserve_request_ids(below)
            store = self.again(store)
            assert store.next_request_id() == below
        store.close()

    def test_what_is_away_stays_known_until_it_is_back(self) -> None:
        store = self.make()
        store.commit(tick(60.0, Outcome(phases=PHASES, away=(WORK,))))
        store = self.again(store)
        assert store.away() == [WORK]
        store.commit(tick(120.0, Outcome(phases=PHASES, back=(WORK.work_id, "nobody's"))))
        store = self.again(store)
        assert store.away() == []
        store.close()

    def test_work_between_two_ticks_joins_the_earlier_one(self) -> None:
        store = self.make()
        first = store.commit(tick(60.0))
        more = (Phase(load=Load.SERVE_HIGH, duration_s=0.5),)
        store.amend(first, more, (answer(7),))
        store.amend(first, more, ())
        store.add_examples([(np.ones(3), 2, 10.0)], {7: 2})  # its label may come before the next tick
        store = self.again(store)
        last = store.last_tick()
        assert last is not None
        both = Phase(load=Load.SERVE_HIGH, duration_s=1.0)
        assert (last.tick_id, last.phases) == (first, (*PHASES, both))
        assert store.next_request_id() == 8
        second = store.commit(tick(120.0))
        store.amend(second, more, ())
        store.amend(10**6, more, ())  # of a tick that has gone: nothing
        third = store.commit(tick(180.0))
        store.amend(third, more, ())
        store = self.again(store)
        last = store.last_tick()
        assert last is not None
        assert (last.tick_id, last.phases) == (third, PHASES + more)
        store.close()

    def test_how_long_work_took_is_known_after_a_restart(self) -> None:
        store = self.make()
        assert store.paces() == []
        for samples in (1, 2):
            pace = Pace(action="train/low/small", samples=samples, unit_s=0.25 * samples)
            store.commit(dataclasses.replace(tick(60.0 * samples), paces=(pace,)))
        store = self.again(store)
        assert store.paces() == [pace]
        store.close()

    def test_a_sensor_that_has_answered_is_known_for_good(self) -> None:
        store = self.make()
        assert store.sensors() == frozenset()
        for keys in (("battery", "network"), ("battery",), ()):
            store.note_sensors(keys)
        store = self.again(store)
        assert store.sensors() == {"battery", "network"}
        store.close()

    def test_it_may_be_closed_twice(self) -> None:
        store = self.make()
        store.close()
        store.close()


def _same(found: Model | None, wanted: Model) -> None:
    assert found is not None
    for name in ("version", "published_s", "unsent_examples", "unsent_ids", "unsent_left", "practice"):
        assert getattr(found, name) == getattr(wanted, name), name
    np.testing.assert_array_equal(found.base, wanted.base)
    np.testing.assert_array_equal(found.weights, wanted.weights)
    if wanted.personal is None:
        assert found.personal is None
        return
    assert found.personal is not None
    np.testing.assert_array_equal(found.personal.weights, wanted.personal.weights)
    for name in ("share", "losses", "scored"):
        assert getattr(found.personal, name) == getattr(wanted.personal, name), name

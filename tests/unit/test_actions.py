"""The catalogue: places and names that are stable for ever, and what is known of each action."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from circadia.actions import CATALOGUE, FACTS, INDEX, NAMES, SLEEP, action_named, facts_of, units_of
from circadia.errors import ArtifactError, ConfigError
from circadia.federation.codecs import CODECS
from circadia.types import Action, ClockLevel, Load, Mode, Work

PINNED = (
    "sleep",
    "sleep/sync-pull",
    "sleep/sync-int8",
    "serve/low/small",
    "serve/low/small/sync-pull",
    "serve/low/large",
    "serve/low/large/sync-pull",
    "serve/high/small",
    "serve/high/small/sync-pull",
    "serve/high/large",
    "serve/high/large/sync-pull",
    "train/low/small",
    "train/low/small/sync-int8",
    "train/low/large",
    "train/low/large/sync-int8",
    "train/high/small",
    "train/high/small/sync-int8",
    "train/high/large",
    "train/high/large/sync-int8",
    "sleep/push-int8",
    "serve/low/small/sync-int8",
    "serve/low/small/push-int8",
    "serve/high/small/sync-int8",
    "serve/high/small/push-int8",
    "serve/low/large/sync-int8",
    "serve/low/large/push-int8",
    "serve/high/large/sync-int8",
    "serve/high/large/push-int8",
    "train/low/small/sync-pull",
    "train/low/small/push-int8",
    "train/high/small/sync-pull",
    "train/high/small/push-int8",
    "train/low/large/sync-pull",
    "train/low/large/push-int8",
    "train/high/large/sync-pull",
    "train/high/large/push-int8",
    "serve+train/low/small+small",
    "serve+train/low/small+small/sync-pull",
    "serve+train/low/small+small/sync-int8",
    "serve+train/low/small+small/push-int8",
    "serve+train/high/small+small",
    "serve+train/high/small+small/sync-pull",
    "serve+train/high/small+small/sync-int8",
    "serve+train/high/small+small/push-int8",
    "serve+train/low/small+large",
    "serve+train/low/small+large/sync-pull",
    "serve+train/low/small+large/sync-int8",
    "serve+train/low/small+large/push-int8",
    "serve+train/high/small+large",
    "serve+train/high/small+large/sync-pull",
    "serve+train/high/small+large/sync-int8",
    "serve+train/high/small+large/push-int8",
    "serve+train/low/large+small",
    "serve+train/low/large+small/sync-pull",
    "serve+train/low/large+small/sync-int8",
    "serve+train/low/large+small/push-int8",
    "serve+train/high/large+small",
    "serve+train/high/large+small/sync-pull",
    "serve+train/high/large+small/sync-int8",
    "serve+train/high/large+small/push-int8",
    "serve+train/low/large+large",
    "serve+train/low/large+large/sync-pull",
    "serve+train/low/large+large/sync-int8",
    "serve+train/low/large+large/push-int8",
    "serve+train/high/large+large",
    "serve+train/high/large+large/sync-pull",
    "serve+train/high/large+large/sync-int8",
    "serve+train/high/large+large/push-int8",
)
"""Append here what the catalogue gains; nothing else may ever change."""


def test_names_and_places_are_those_of_every_version_before() -> None:
    assert NAMES == PINNED
    assert [INDEX[name] for name in PINNED] == list(range(len(PINNED)))


@pytest.mark.parametrize("name", PINNED)
def test_a_name_is_its_action(name: str) -> None:
    action = action_named(name)
    assert action.name == name
    mode, *rest = name.split("/")
    assert action.mode.value == mode.split("+")[-1]
    assert action.syncs is name.rpartition("/")[2].startswith(("sync-", "push-"))
    assert (action.push, action.pull) == (
        "int8" if name.endswith("int8") else None,
        "sync-" in name,
    )
    if action.works:
        amounts = [work.value for work in (action.serve, action.train) if work]
        assert rest[:2] == [action.clock.value, "+".join(amounts)]


def test_what_pushes_does_so_in_a_codec_that_there_is() -> None:
    assert {action.push for action in CATALOGUE} - {None} <= set(CODECS)


def test_pushing_alone_has_a_name_of_its_own() -> None:
    assert Action(push="int8").name == "sleep/push-int8"


def test_the_table_says_of_each_action_what_the_action_says() -> None:
    for i, action in enumerate(CATALOGUE):
        assert FACTS.names[i] == action.name
        assert FACTS.modes[i].tolist() == [action.mode is mode for mode in Mode]
        assert (FACTS.serves[i], FACTS.trains[i]) == (action.serve is not None, action.train is not None)
        assert FACTS.works[i] == (action != SLEEP)
        assert FACTS.high[i] == (action.clock is ClockLevel.HIGH)
        assert (FACTS.pushes[i], FACTS.pulls[i]) == (action.push is not None, action.pull)
        assert (FACTS.syncs[i], FACTS.codecs[i]) == (action.syncs, action.push)
        assert FACTS.only_pushes[i] == (action.push is not None and action.train is None)
        assert (FACTS.answers[i], FACTS.steps[i]) == units_of(action)
        assert FACTS.work_load[i].sum() == len(action.works)
    low, high = (INDEX[f"train/{clock}/large"] for clock in ("low", "high"))
    assert (FACTS.steps[low], FACTS.answers[low]) == (32, 0)
    assert FACTS.work_load[[low, high]].argmax(-1).tolist() == [Load.TRAIN_LOW, Load.TRAIN_HIGH]


def test_the_table_of_another_catalogue_begins_with_sleep_and_names_each_once() -> None:
    train = Action(train=Work.LARGE)
    assert facts_of((SLEEP, train)).steps.tolist() == [0, 32]
    assert all(len(getattr(facts_of((SLEEP, train)), f.name)) == 2 for f in dataclasses.fields(FACTS))
    with pytest.raises(ConfigError, match="begins with sleep"):
        facts_of((train, SLEEP))
    with pytest.raises(ConfigError, match="train/low/large"):
        facts_of((SLEEP, train, train))
    with pytest.raises(ConfigError, match="begins with sleep"):
        facts_of(())


def test_facts_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        FACTS.works[0] = True
    assert not np.any(FACTS.works[:1])


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ArtifactError, match="serve/remote"):
        action_named("serve/remote")

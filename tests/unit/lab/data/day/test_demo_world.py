"""The demonstration's world: shards, conditions, drift, streams, held-out sets."""

from __future__ import annotations

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_lab.data.day.condition import CLASSES, Condition, rotate
from circadia_lab.data.day.plan import BOARD_DEADLINE_S, BOARDS, DAY_S, DEADLINE_S, Plan
from circadia_lab.data.day.world import (
    DRIFT_S,
    HELD_OUT_OWN,
    KINDS,
    RARE,
    SMALLEST_SHARD,
    ExampleEvent,
    RequestEvent,
    World,
    world_of,
)

DEVICES = 8


@pytest.fixture(scope="module")
def world() -> World:
    return World(3, DEVICES)


def test_shards_part_the_images(world: World) -> None:
    rows = np.concatenate(world.shards)
    assert sorted(rows) == list(range(len(world.train_y)))
    assert min(len(shard) for shard in world.shards) >= SMALLEST_SHARD


def test_shards_differ_in_their_classes(world: World) -> None:
    counts = np.array([np.bincount(world.train_y[shard], minlength=CLASSES) for shard in world.shards])
    shares = counts / counts.sum(0)
    assert shares.max(0).mean() > 2 / DEVICES  # most of a class lies on few devices


def test_a_seed_fixes_everything(world: World) -> None:
    again, other = World(3, DEVICES), World(4, DEVICES)
    for device in range(DEVICES):
        first, second = world.stream(device), again.stream(device)
        assert [event.t_s for event in first] == [event.t_s for event in second]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))
        assert [event.t_s for event in first] != [event.t_s for event in other.stream(device)]
    assert np.array_equal(world.held_out(DAY_S)[0], again.held_out(DAY_S)[0])


@pytest.mark.parametrize("device", range(DEVICES))
def test_a_stream_is_sorted_and_within_the_day(world: World, device: int) -> None:
    events = world.stream(device)
    t_s = np.array([event.t_s for event in events])
    assert (np.diff(t_s) >= 0).all()
    assert t_s[0] == 0
    assert t_s[-1] < DAY_S
    images = np.stack([event.image for event in events])
    assert images.shape[1:] == (8, 8, 1)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert len({image.tobytes() for image in images}) == len(images)


def test_the_numbers_of_a_day(world: World) -> None:
    for device in range(DEVICES):
        events = world.stream(device)
        requests = [event for event in events if isinstance(event, RequestEvent)]
        examples = [event for event in events if isinstance(event, ExampleEvent)]
        assert 300 <= len(requests) <= 500
        assert 60 <= sum(event.t_s == 0 for event in examples) <= 100
        assert 150 <= sum(event.t_s > 0 for event in examples) <= 300
        told = sum(event.feedback_after_s is not None for event in requests) / len(requests)
        assert 0.4 < told < 0.6
        by_day = sum(7.5 * 3600 <= event.t_s < 23 * 3600 for event in requests) / len(requests)
        assert by_day > 0.6


def test_events_show_images_of_the_device_s_own_shard(world: World) -> None:
    for device in range(DEVICES):
        own = set(world.train_y[world.shards[device]].tolist())
        assert {event.label for event in world.stream(device)} <= own


def test_conditions_change_at_the_drift_and_not_before(world: World) -> None:
    for device in range(DEVICES):
        before, after = world.condition(device, DRIFT_S - 1e-6), world.condition(device, DRIFT_S)
        assert before == world.condition(device, 0.0)
        assert after == world.condition(device, DAY_S)
        turned = after.rotation_deg - before.rotation_deg
        match world.kind(device):
            case "rotation":
                assert 16 <= turned <= 22
            case "contrast":
                assert turned == 0
                assert after.contrast < before.contrast / 1.5
            case _:
                assert sorted({*before.class_weights, *after.class_weights}) == [RARE, 1.0]
                assert all(a != b for a, b in zip(before.class_weights, after.class_weights, strict=True))
    (drift,) = world.drifts
    assert drift.t_s == DRIFT_S
    assert all(kind in drift.what for kind in KINDS)
    assert world.phase(DRIFT_S - 1e-6) == 0
    assert world.phase(DRIFT_S) == 1


def test_boards_have_longer_deadlines_and_the_same_day() -> None:
    plan = Plan(devices=3, seed=3)
    assert [plan.profile(i) in BOARDS for i in range(3)] == [False, False, True]
    world, plain = world_of(plan), World(3, 3)
    for device in range(3):
        pairs = list(zip(world.stream(device), plain.stream(device), strict=True))
        assert [one.t_s for one, _ in pairs] == [other.t_s for _, other in pairs]
        deadlines = {one.deadline_s for one, _ in pairs if isinstance(one, RequestEvent)}
        assert deadlines == {BOARD_DEADLINE_S if device == 2 else DEADLINE_S}
    with pytest.raises(ConfigError, match="2 deadlines"):
        World(3, 3, deadlines_s=(1.0, 2.0))


def test_a_class_mix_shows_in_the_stream(world: World) -> None:
    device = KINDS.index("class mix")
    common = {
        label for label, weight in enumerate(world.condition(device, 0.0).class_weights) if weight == 1.0
    }
    events = world.stream(device)
    for early in (True, False):
        labels = [event.label for event in events if (event.t_s < DRIFT_S) == early]
        assert (sum(label in common for label in labels) / len(labels) > 0.5) == early


def test_the_common_set_holds_every_test_image_under_several_conditions(world: World) -> None:
    x, y = world.held_out(0.0)
    assert x.shape == (4 * len(world.test_y), 8, 8, 1)
    assert np.array_equal(np.bincount(y), 4 * np.bincount(world.test_y))
    later, _ = world.held_out(DRIFT_S - 1.0)
    assert np.array_equal(x, later)
    drifted, same = world.held_out(DRIFT_S)
    assert np.array_equal(y, same)
    changed = (x != drifted).reshape(len(x), -1).mean(1) > 0.5
    assert 0.5 < changed.mean() < 0.9  # class mix changes no image


def test_an_own_set_follows_the_device_s_classes(world: World) -> None:
    for device in range(DEVICES):
        x, y = world.held_out(0.0, device)
        assert x.shape == (HELD_OUT_OWN, 8, 8, 1)
        assert set(y.tolist()) <= set(world.train_y[world.shards[device]].tolist())
    device = KINDS.index("class mix")
    early, late = (np.bincount(world.held_out(t_s, device)[1], minlength=CLASSES) for t_s in (0.0, DAY_S))
    assert np.minimum(early, late).sum() < HELD_OUT_OWN / 2


@pytest.mark.parametrize("devices", [1, 2, 3, 40])
def test_other_fleets(devices: int) -> None:
    world = World(0, devices)
    assert sorted(np.concatenate(world.shards)) == list(range(len(world.train_y)))
    assert min(len(shard) for shard in world.shards) >= len(world.train_y) // (2 * max(devices, 17))
    assert len(world.held_out(DAY_S)[1]) == min(devices, 4) * len(world.test_y)
    assert world.stream(devices - 1)


@pytest.mark.parametrize(("seed", "devices"), [(-1, 8), (0, 0), (0, 5000)])
def test_a_world_that_cannot_be(seed: int, devices: int) -> None:
    with pytest.raises(ConfigError, match=f"world of {devices} devices"):
        World(seed, devices)


def test_a_quarter_turn_is_numpy_s() -> None:
    images = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)
    turned = rotate(images, 90.0, np.zeros((3, 2)))
    assert np.allclose(turned, np.rot90(images, axes=(1, 2)), atol=1e-6)


def test_a_shift_moves_down_and_right_and_fills_with_nothing() -> None:
    image = np.zeros((1, 8, 8), np.float32)
    image[0, 2, 3] = image[0, 7, 7] = 1
    moved = rotate(image, 0.0, np.array([[1.0, 2.0]]))
    expected = np.zeros((8, 8))
    expected[3, 5] = 1
    assert np.allclose(moved[0], expected, atol=1e-6)


def test_contrast_and_brightness() -> None:
    images = np.zeros((200, 8, 8, 1), np.float32)
    images[:, 3:5, 3:5] = 1
    seen = Condition(contrast=0.5, brightness=0.25).render(images, np.random.default_rng(0))
    assert seen[:, 0, 0].mean() == pytest.approx(0.25, abs=0.01)
    assert seen.max() < 0.95


def test_later_days_bring_further_drifts() -> None:
    world = World(3, 4, drifts_s=(DAY_S / 4, 1.5 * DAY_S), days=2)
    assert [world.phase(t_s) for t_s in (0, DAY_S / 4, DAY_S, 1.5 * DAY_S)] == [0, 1, 1, 2]
    for device in range(4):
        conditions = [world.condition(device, t_s) for t_s in (0, DAY_S, 2 * DAY_S)]
        assert len(set(conditions)) == 3
        assert world.kind(device, 1) != world.kind(device, 2)
        t_s = np.array([event.t_s for event in world.stream(device)])
        assert (np.diff(t_s) >= 0).all()
        assert (t_s == 0).any()
        assert DAY_S <= t_s[-1] < 2 * DAY_S
    assert len(world.drifts) == 2


def test_the_first_drift_is_the_same_with_or_without_a_second() -> None:
    one, two = World(3, 4), World(3, 4, drifts_s=(DRIFT_S, 1.5 * DAY_S), days=2)
    for device in range(4):
        assert one.condition(device, DAY_S) == two.condition(device, DAY_S)


def test_cameras_may_be_turned_apart() -> None:
    near, far = World(3, 4), World(3, 4, apart_deg=20.0)
    turned = [
        [far.condition(i, t_s).rotation_deg - near.condition(i, t_s).rotation_deg for i in range(4)]
        for t_s in (0.0, DAY_S - 1)
    ]
    np.testing.assert_allclose(turned, [[-30.0, -10.0, 10.0, 30.0]] * 2)


def test_a_world_may_stay_as_it_is() -> None:
    world = World(3, 2, drifts_s=())
    assert world.condition(0, 0) == world.condition(0, DAY_S)
    assert world.drifts == ()


@pytest.mark.parametrize(("drifts_s", "days"), [((5.0, 5.0), 1), ((9.0, 5.0), 1), ((), 0)])
def test_drifts_rise_and_there_is_a_day(drifts_s: tuple[float, ...], days: int) -> None:
    with pytest.raises(ConfigError, match="drifts"):
        World(3, 2, drifts_s=drifts_s, days=days)

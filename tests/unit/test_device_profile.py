"""Device profiles: what is shipped is sound, and every kind of bad file names file, key and reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from circadia.actions import CATALOGUE, SLEEP, action_named
from circadia.energy.profile import Quantity, Rest, profile_fields, quantities
from circadia.energy.profile_file import (
    dump_profile,
    load_profile,
    parse_profile,
    shipped_profile,
    shipped_profiles,
    with_quantities,
)
from circadia.errors import ConfigError
from circadia.types import Load, WakeOn

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = shipped_profiles()
GOOD = dump_profile(shipped_profile("pixel-3"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_survive_a_round_trip(name: str) -> None:
    profile = shipped_profile(name)
    assert profile.name == name
    assert parse_profile(dump_profile(profile), "copy.toml") == profile


@pytest.mark.parametrize("name", SHIPPED)
def test_every_number_says_where_it_comes_from_and_how_far_it_is_off(name: str) -> None:
    for key, quantity in quantities(shipped_profile(name)).items():
        assert len(quantity.source) > 10, key
        assert quantity.uncertainty > 0 or quantity.value == 0, key


def test_the_devices_are_there() -> None:
    assert SHIPPED == ("fairphone-4", "mcu-lte-m", "pi-boot", "pi-solar", "pixel-3", "suspend-board")


def test_pixel_figures_match_the_vendors_milliamperes() -> None:
    pixel = shipped_profile("pixel-3")
    assert pixel.power_w(Load.DEEP_SLEEP) == pytest.approx(5.6e-3 * 3.85, rel=0.01)
    assert pixel.power_w(Load.TRAIN_HIGH) == pytest.approx(
        (253.77 + 21.89 + 5.29 + 5.6 + 5.2) * 3.85e-3, rel=0.01
    )
    percent_per_hour = 100 * pixel.power_w(Load.TRAIN_HIGH) * 3600 / pixel.capacity_j
    assert 9 < percent_per_hour < 10.5
    assert pixel.capacity_j == pytest.approx(2.915 * 3600 * 3.85, rel=0.01)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_clocks_keep_one_ratio_for_training_and_serving(name: str) -> None:
    duration = shipped_profile(name).duration
    train = duration.train_step_low_s.value / duration.train_step_high_s.value
    serve = duration.serve_request_low_s.value / duration.serve_request_high_s.value
    assert train == pytest.approx(serve, rel=0.02)
    assert train > 1.4


def replaced(line: str, by: str) -> str:
    text, count = re.subn(rf"(?m)^{re.escape(line)}.*$", lambda _: by, GOOD)
    assert count == 1, line
    return text


def entry(key: str, value: str = "1.0", uncertainty: str = "0.1", source: str = '"estimate"') -> str:
    return f"{key} = {{ value = {value}, uncertainty = {uncertainty}, source = {source} }}"


BAD = {
    "unknown key": (replaced("awake_w", entry("awak_w")), ["power.awak_w", "did you mean 'awake_w'"]),
    "unknown section": (GOOD + "\n[radiation]\n", ["radiation", "unknown key"]),
    "missing key": (replaced("awake_w", ""), ["power.awake_w", "missing"]),
    "missing section": (GOOD.replace("[thermal]", "[user]", 1).split("[user]")[0], ["thermal", "missing"]),
    "bare number": (replaced("awake_w", "awake_w = 0.1"), ["power.awake_w", "value, uncertainty, source"]),
    "no source": (
        replaced("awake_w", "awake_w = { value = 1.0, uncertainty = 0.1 }"),
        ["power.awake_w", "has no source"],
    ),
    "empty source": (
        replaced("awake_w", entry("awake_w", source='" "')),
        ["power.awake_w", "source is empty"],
    ),
    "nan": (replaced("awake_w", entry("awake_w", "nan")), ["power.awake_w", "must be a number"]),
    "infinite": (replaced("awake_w", entry("awake_w", "inf")), ["power.awake_w", "out of range"]),
    "a text": (replaced("awake_w", entry("awake_w", '"much"')), ["power.awake_w", "must be a number"]),
    "a truth": (replaced("awake_w", entry("awake_w", "true")), ["power.awake_w", "must be a number"]),
    "negative power": (replaced("awake_w", entry("awake_w", "-1.0")), ["power.awake_w", "out of range", "W"]),
    "negative uncertainty": (
        replaced("awake_w", entry("awake_w", "1.0", "-0.1")),
        ["power.awake_w.uncertainty", "out of range"],
    ),
    "negative capacity": (
        replaced("capacity_c", entry("capacity_c", "-10494.0")),
        ["battery.capacity_c", "-10494.0 C is out of range"],
    ),
    "no capacity": (replaced("capacity_c", ""), ["battery", "exactly one of capacity_c and capacity_wh"]),
    "two capacities": (
        replaced("capacity_c", entry("capacity_c", "10494.0") + "\n" + entry("capacity_wh", "11.0")),
        ["battery", "exactly one of capacity_c and capacity_wh"],
    ),
    "low clock faster": (
        replaced("train_step_low_s", entry("train_step_low_s", "1.0")),
        ["duration.train_step_low_s", "beats the high clock"],
    ),
    "deep sleep above idle": (replaced("deep_sleep_w", entry("deep_sleep_w", "1.0")), ["power.deep_sleep_w"]),
    "wrong format": (replaced("format", 'format = "circadia.device-profile/9"'), ["format", "/9"]),
    "no clocks": (replaced("clocks", "clocks = []"), ["clocks"]),
    "clock nobody knows": (replaced("clocks", 'clocks = ["turbo"]'), ["clocks", "turbo"]),
    "name is a number": (replaced("name", "name = 3"), ["name", "must be a str"]),
    "curve that falls": (
        replaced(
            "open_circuit_v",
            "open_circuit_v = { soc = [0, 1], value = [4, 3], uncertainty = 0, source = 'x' }",
        ),
        ["battery.open_circuit_v.value", "does not fall"],
    ),
    "curve not from 0 to 1": (
        replaced(
            "open_circuit_v",
            "open_circuit_v = { soc = [0, 0.9], value = [3, 4], uncertainty = 0, source = 'x' }",
        ),
        ["battery.open_circuit_v.soc", "rise from 0 to 1"],
    ),
    "curve of unequal lengths": (
        replaced(
            "open_circuit_v", "open_circuit_v = { soc = [0, 1], value = [3], uncertainty = 0, source = 'x' }"
        ),
        ["battery.open_circuit_v", "two points or more"],
    ),
    "curve of texts": (
        replaced(
            "open_circuit_v", "open_circuit_v = { soc = 'all', value = [3], uncertainty = 0, source = 'x' }"
        ),
        ["battery.open_circuit_v.soc", "list of numbers"],
    ),
    "nothing charges": (
        re.sub(r"\[charger\]\ncharge_w.*\n", "", GOOD),
        ["charger", "nothing charges this battery"],
    ),
    "truncated": (GOOD[: len(GOOD) // 2], ["not valid TOML"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_name_file_key_and_reason(case: str) -> None:
    text, parts = BAD[case]
    with pytest.raises(ConfigError) as caught:
        parse_profile(text, "mine.toml")
    for part in ["mine.toml", *parts]:
        assert part in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        load_profile(tmp_path / "absent.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.toml"):
        load_profile(binary)


def test_a_file_loads_like_its_text(tmp_path: Path) -> None:
    path = tmp_path / "pixel.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_profile(str(path)) == shipped_profile("pixel-3")


def test_unknown_profiles_list_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"pixel-4.*fairphone-4"):
        shipped_profile("pixel-4")


def test_the_schema_lists_every_number_that_a_profile_has() -> None:
    schema = {field.key for field in profile_fields()}
    for name in SHIPPED:
        assert set(quantities(shipped_profile(name))) <= schema
    assert all(field.unit and field.doc and field.low < field.high for field in profile_fields())


def test_a_calibration_replaces_numbers_and_is_checked_like_a_file() -> None:
    pixel = shipped_profile("pixel-3")
    measured = Quantity(value=1.31, uncertainty=0.02, source="measured, 40 pairs")
    fitted = with_quantities(pixel, {"power.train_high_w": measured})
    assert fitted.power.train_high_w == measured
    assert fitted.power.train_low_w == pixel.power.train_low_w
    with pytest.raises(ConfigError, match=r"power.train_hihg_w.*did you mean"):
        with_quantities(pixel, {"power.train_hihg_w": measured})
    with pytest.raises(ConfigError, match=r"power.train_high_w.*out of range"):
        with_quantities(pixel, {"power.train_high_w": Quantity(value=-1, uncertainty=0, source="x")})


def test_a_device_without_a_clock_control_cannot_do_the_other_clock() -> None:
    slow = parse_profile(replaced("clocks", 'clocks = ["low"]'), "slow.toml")
    assert slow.can(SLEEP)
    assert slow.can(action_named("train/low/large"))
    assert not slow.can(action_named("train/high/large"))
    assert all(shipped_profile("pixel-3").can(action) for action in CATALOGUE)


def with_sleep(text: str, can_deep_sleep: str = "true") -> str:
    given = GOOD.replace("can_deep_sleep = true", f"can_deep_sleep = {can_deep_sleep}")
    return given.replace("[power]", f"[sleep]\n{text}\n\n[power]")


def test_what_a_body_does_in_sleep() -> None:
    assert parse_profile(GOOD, "old.toml").sleep == Rest(off=False, wakes_on=frozenset(WakeOn))
    assert parse_profile(with_sleep("off = true"), "off.toml").sleep.wakes_on == {WakeOn.DUE}
    told = parse_profile(with_sleep('off = true\nwakes_on = ["request", "due"]'), "woken.toml")
    assert told.sleep == Rest(off=True, wakes_on=frozenset({WakeOn.DUE, WakeOn.REQUEST}))
    assert parse_profile(dump_profile(told), "copy.toml") == told
    assert "[sleep]" not in GOOD, "what earlier versions read stays as it was"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("of = true", ["sleep.of", "did you mean 'off'"]),
        ("off = 1", ["sleep.off", "true or false"]),
        ("wakes_on = []", ["sleep.wakes_on", "'due', 'deadline', 'request'"]),
        ('wakes_on = ["light"]', ["sleep.wakes_on", "'light'"]),
        ('wakes_on = "due"', ["sleep.wakes_on", "'due'"]),
    ],
)
def test_a_wrong_sleep_names_itself(text: str, told: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        parse_profile(with_sleep(text), "mine.toml")
    assert all(words in str(error.value) for words in ["mine.toml", *told])


def test_a_body_that_is_off_needs_the_joules_of_its_boot() -> None:
    for key in ("wake_up_w", "wake_up_s"):
        text = re.sub(
            rf"(?m)^{key} = {{ value = [^,]*,", f"{key} = {{ value = 0.0,", with_sleep("off = true")
        )
        with pytest.raises(ConfigError, match=r"0 J to boot.*power\.wake_up_w.*duration\.wake_up_s"):
            parse_profile(text, "mine.toml")
        parse_profile(text.replace("off = true", "off = false"), "mine.toml")
    with pytest.raises(ConfigError, match=r"stays awake .* is never off"):
        parse_profile(with_sleep("off = true", can_deep_sleep="false"), "mine.toml")


def test_the_shipped_devices_can_be_batched() -> None:
    assert {len(shipped_profile(name).battery.open_circuit_v.soc) for name in SHIPPED} == {12}

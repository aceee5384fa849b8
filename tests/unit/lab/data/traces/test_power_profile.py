"""Android power profiles: what is read, what is refused, and the device profile made of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from circadia.energy.profile import quantities
from circadia.energy.profile_file import dump_profile, load_profile, parse_profile, shipped_profile
from circadia.errors import ConfigError
from circadia_lab.data.traces.derived_profile import main, profile_from
from circadia_lab.data.traces.power_profile import read_power_profile

if TYPE_CHECKING:
    from pathlib import Path

    from circadia.energy.profile import DeviceProfile

# The Pixel 3's figures (LineageOS android_device_google_crosshatch at f9e0ef68), as far as they are used.
PIXEL_3 = """<?xml version="1.0" encoding="utf-8"?>
<device name="Android">
    <!-- All values are in mA except as noted -->
    <item name="battery.capacity">2915</item>
    <array name="cpu.clusters.cores"><value>4</value> <!-- little --><value>4</value></array>
    <item name="cpu.suspend">5.6</item>
    <item name="cpu.idle">5.2</item>
    <item name="cpu.active">21.89</item>
    <item name="cpu.cluster_power.cluster0">1.30</item>
    <item name="cpu.cluster_power.cluster1">5.29</item>
    <array name="cpu.core_speeds.cluster0"><value>300000</value><value>1766400</value></array>
    <array name="cpu.core_speeds.cluster1"><value>1363200</value><value>2649600</value></array>
    <array name="cpu.core_power.cluster0"><value>2.27</value><value>26.45</value></array>
    <array name="cpu.core_power.cluster1"><value>56.90</value><value>253.77</value></array>
    <item name="screen.on">95</item>
    <item name="screen.full">306</item>
    <item name="wifi.controller.idle">79</item>
    <item name="wifi.controller.rx">125</item>
    <item name="wifi.controller.tx">350</item>
    <item name="wifi.controller.voltage">3700</item>
</device>
"""
LOW_HZ, HIGH_HZ = 1363.2e6, 2649.6e6


def written(folder: Path, text: str) -> Path:
    path = folder / "power_profile.xml"
    path.write_text(text, encoding="utf-8")
    return path


def derived(folder: Path, text: str = PIXEL_3, core: int = 4) -> DeviceProfile:
    xml = read_power_profile(written(folder, text))
    return profile_from(
        xml, shipped_profile("pixel-3"), core=core, low_hz=LOW_HZ, high_hz=HIGH_HZ, name="mine"
    )


def test_values_are_si(tmp_path: Path) -> None:
    xml = read_power_profile(written(tmp_path, PIXEL_3))
    assert xml.battery_c == pytest.approx(10494)
    assert xml.suspend_a == pytest.approx(5.6e-3)
    assert xml.wifi_v == pytest.approx(3.7)
    assert [cluster.cores for cluster in xml.clusters] == [4, 4]
    assert xml.clusters[1].speeds_hz == pytest.approx((LOW_HZ, HIGH_HZ))
    assert xml.clusters[1].core_a_at(HIGH_HZ) == pytest.approx(0.25377)
    assert [xml.cluster_of(core) for core in (0, 3, 4, 7)] == [0, 0, 1, 1]


def test_the_newer_layout(tmp_path: Path) -> None:
    newer = (
        PIXEL_3.replace("screen.on", "screen.on.display0")
        .replace("screen.full", "screen.full.display0")
        .replace('<item name="cpu.cluster_power.cluster0">1.30</item>', "")
        .replace("<item", '<array name="wifi.controller.tx_levels">1</array><item', 1)
    )
    xml = read_power_profile(written(tmp_path, newer))
    assert xml.screen_full_a == pytest.approx(0.306)
    assert [cluster.cluster_a for cluster in xml.clusters] == pytest.approx([0, 5.29e-3])


def test_speeds_beyond_the_figures_are_left_out(tmp_path: Path) -> None:
    longer = PIXEL_3.replace("<value>2649600</value>", "<value>2649600</value><value>2700000</value>")
    cluster = read_power_profile(written(tmp_path, longer)).clusters[1]
    assert cluster.speeds_without_figure == 1
    with pytest.raises(ConfigError, match=r"2700 MHz among this cluster's: 1363\.2, 2649\.6"):
        cluster.core_a_at(2700e6)


@pytest.mark.parametrize(
    "name",
    [
        "battery.capacity",
        "cpu.clusters.cores",
        "cpu.suspend",
        "cpu.idle",
        "cpu.active",
        "cpu.core_speeds.cluster1",
        "cpu.core_power.cluster0",
        "screen.on",
        "screen.full",
        "wifi.controller.idle",
        "wifi.controller.rx",
        "wifi.controller.tx",
        "wifi.controller.voltage",
    ],
)
def test_a_missing_item_is_named(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, PIXEL_3.replace(f'"{name}"', '"some.other"'))
    with pytest.raises(ConfigError, match=rf"power_profile\.xml: {name} is missing"):
        read_power_profile(path)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (">2915<", ">0<", ["battery.capacity is 0"]),
        (">2915<", ">-5<", ["battery.capacity is negative: -5"]),
        (">2915<", ">many<", ["line 4", "battery.capacity", "'many' is not a number"]),
        (">2915<", ">nan<", ["line 4", "battery.capacity", "'nan'"]),
        (">2915<", "><", ["battery.capacity is missing"]),
        (">3700<", ">0<", ["wifi.controller.voltage is 0"]),
        (">5.6<", ">-5.6<", ["cpu.suspend is negative"]),
        ("<value>2.27<", "<value>-2.27<", ["cpu.core_power.cluster0 is negative"]),
        ("<value>4</value> <", "<value>4.5</value> <", ["cpu.clusters.cores", "whole"]),
        ("<value>4</value> <", "<value>0</value> <", ["cpu.clusters.cores", "whole"]),
        (
            "<value>2.27</value>",
            "<value>1</value><value>2</value>",
            ["core_power.cluster0 has 3 values for 2"],
        ),
        ("<value>1766400<", "<value>300000<", ["cpu.core_speeds.cluster0", "rise"]),
        ("cpu.idle", "cpu.suspend", ["line 7", "there before: 'cpu.suspend'"]),
        ('<item name="cpu.idle">', "<item>", ["line 7", "no name"]),
        ("<device name", "<phone name", ["line 2", "<phone>"]),
        ("</device>", "", ["not valid XML"]),
        ("<device", '<!DOCTYPE device [<!ENTITY a "1">]>\n<device', ["line 2", "DOCTYPE"]),
        ("<device", '<!DOCTYPE device SYSTEM "file:///etc/hostname">\n<device', ["line 2", "DOCTYPE"]),
    ],
)
def test_bad_files_name_the_item(tmp_path: Path, old: str, new: str, parts: list[str]) -> None:
    assert old in PIXEL_3
    path = written(tmp_path, PIXEL_3.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_power_profile(path)
    for part in ["power_profile.xml", *parts]:
        assert part in str(caught.value)


def test_the_shipped_profile_comes_out_again(tmp_path: Path) -> None:
    shipped, made = quantities(shipped_profile("pixel-3")), quantities(derived(tmp_path))
    assert shipped.keys() == made.keys()
    for key, quantity in shipped.items():
        # The shipped numbers are rounded to two or three digits.
        assert made[key].value == pytest.approx(quantity.value, rel=5e-3), key
        if not key.startswith("duration"):
            assert made[key].uncertainty == pytest.approx(quantity.uncertainty, rel=0.02), key


def test_every_number_says_where_it_comes_from(tmp_path: Path) -> None:
    made = derived(tmp_path)
    assert parse_profile(dump_profile(made), "again") == made
    found = quantities(made)
    words = (
        "suspend 5.6 + idle 5.2 + active 21.89 + cluster's 5.29 + core 253.77 mA at 2649.6 MHz; times 3.85 V"
    )
    assert found["power.serve_high_w"].source == f"profile: {words}"
    assert found["battery.capacity_c"].source.startswith("profile: battery.capacity 2915 mAh")
    assert found["charger.charge_w"].source.startswith("as pixel-3: ")
    for key, quantity in found.items():
        assert quantity.source.startswith(("profile: ", "pixel-3's ", "as pixel-3: ", "estimate: ")), key


def test_a_slower_core_takes_longer(tmp_path: Path) -> None:
    xml = read_power_profile(written(tmp_path, PIXEL_3))
    base = shipped_profile("pixel-3")
    made = profile_from(xml, base, core=0, low_hz=300e6, high_hz=1766.4e6, name="little")
    steps = made.duration.train_step_high_s, made.duration.train_step_low_s
    assert steps[0].value == pytest.approx(3.5 * 2649.6 / 1766.4, rel=1e-4)
    assert steps[1].value == pytest.approx(3.5 * 2649.6 / 300, rel=1e-4)
    share = base.duration.train_step_high_s.uncertainty / 3.5
    assert steps[0].uncertainty / steps[0].value == pytest.approx((share**2 + 0.2**2) ** 0.5, rel=0.05)


def test_no_suspend_current_is_not_believed(tmp_path: Path) -> None:
    found = quantities(derived(tmp_path, PIXEL_3.replace(">5.6<", ">0<")))
    assert found["power.deep_sleep_w"].value == 0.0216
    assert "the profile declares 0" in found["power.deep_sleep_w"].source
    assert "pixel-3's, for 0 is declared" in found["power.awake_w"].source


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    xml, base = read_power_profile(written(tmp_path, PIXEL_3)), shipped_profile("pixel-3")
    with pytest.raises(ConfigError, match="no core 8; there are 0 to 7"):
        profile_from(xml, base, core=8, low_hz=LOW_HZ, high_hz=HIGH_HZ, name="x")
    with pytest.raises(ConfigError, match="no speed of 2000 MHz"):
        profile_from(xml, base, core=4, low_hz=LOW_HZ, high_hz=2000e6, name="x")
    with pytest.raises(ConfigError, match="below high_hz"):
        profile_from(xml, base, core=4, low_hz=HIGH_HZ, high_hz=LOW_HZ, name="x")
    with pytest.raises(ConfigError, match="pi-solar: its high clock is not known"):
        profile_from(xml, shipped_profile("pi-solar"), core=4, low_hz=LOW_HZ, high_hz=HIGH_HZ, name="x")


def test_the_command_writes_a_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = written(tmp_path, PIXEL_3), tmp_path / "mine.toml"
    clocks = ["--low-hz", "1363.2e6", "--high-hz", "2649.6e6"]
    arguments = [str(path), "--core", "4", *clocks, "--name", "mine", "--out", str(out)]
    assert main(arguments) == 0
    assert load_profile(out) == derived(tmp_path)
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == ["mine.toml", "power_profile.xml"]
    before = out.read_bytes()
    assert main([*arguments, "--core", "9"]) == 2
    assert "error: power_profile.xml: no core 9" in capsys.readouterr().err
    assert out.read_bytes() == before

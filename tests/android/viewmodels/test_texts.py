"""Both languages say the same, and write numbers, times and dates as they should."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import circadia_app
from circadia.errors import ConfigError
from circadia.reasons import Ends, Held
from circadia.sensors import SENSORS
from circadia.types import LIMITS, Source
from circadia_app.exits import REASONS
from circadia_app.texts import LANGUAGES, Texts, clock, texts_of
from circadia_app.viewmodels.tokens import Origin

EN, DE = texts_of("en"), texts_of("de-AT")
NOT_IN_THE_APP = re.compile(
    r"\b(tick|policy|shield|federation|aggregate|inference|staleness|int8|epoch|A/A|I'm|we|our|my phone)\b",
    re.IGNORECASE,
)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_the_languages_have_the_same_keys_and_places() -> None:
    assert DE.language == "de"
    assert EN.words.keys() == DE.words.keys()
    differ = [key for key in EN.words if places(EN.words[key]) != places(DE.words[key])]
    singular = [key for key in differ if not key.endswith(".one")]
    assert singular == []


def test_every_key_that_code_names_is_there_and_no_other() -> None:
    folder = Path(circadia_app.__file__).parent
    code = "\n".join(file.read_text() for kind in ("py", "kv") for file in folder.rglob(f"*.{kind}"))
    called = set(re.findall(r"(?:texts|self)\(\s*[\"']([a-z_.\-0-9]+)[\"']", code))
    counted = set(re.findall(r"\.count\(\s*[\"']([a-z_.]+)[\"']", code))
    assert sorted(called - EN.words.keys()) == []
    assert (
        sorted(key for key in counted if f"{key}.one" not in EN.words or f"{key}.other" not in EN.words) == []
    )
    named = set(re.findall(r"[\"']([a-z_]+(?:\.[a-z_\-0-9]+)+)[\"']", code)) | called
    starts = tuple(
        f"{start}." for start in {*re.findall(r"f[\"']([a-z_.]+)\.\{", code), "nav", "held", "log.held"}
    )
    used = {
        key for key in EN.words if key in named or key.rpartition(".")[0] in counted or key.startswith(starts)
    }
    assert sorted(EN.words.keys() - used) == []


def test_every_limit_end_sensor_and_source_has_words() -> None:
    for texts in (EN, DE):
        for limit in LIMITS:
            assert texts(f"limit.{limit}")
        for end in Ends:
            assert f"held.until.{end}" in texts.words
        for held in Held:
            assert texts(f"held.{held}")
            assert texts(f"log.held.{held}")
        for sensor in SENSORS:
            assert texts(f"sensor.{sensor.key}")
            assert f"silent.{sensor.key}" in texts.words
        for origin in Origin:
            assert texts(f"origin.{origin}")
        for reason in REASONS.values():
            assert texts(f"exit.{reason.replace(' ', '_')}")
        for source in Source:
            assert texts(f"source.{source.value}")


def test_words_of_the_workshop_stay_out() -> None:
    assert [key for key, text in EN.words.items() if NOT_IN_THE_APP.search(text)] == []


def test_no_text_has_a_minus_or_a_space_where_it_should_not() -> None:
    for texts in (EN, DE):
        for key, text in texts.words.items():
            assert not re.search(r"\d (%|kB|MB|°C|kJ)", text), key
            assert "  " not in text, key


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        (2.66, "2.7", "2,7"),
        (0.8, "0.80", "0,80"),
        (54.2, "54", "54"),
        (2314.0, "2,314", "2.314"),
        (-0.04, "−0.04", "−0,04"),
        (0.0, "0", "0"),
    ],
)
def test_figures_have_at_most_three_digits_that_say_something(
    value: float, english: str, german: str
) -> None:
    assert (EN.figure(value), DE.figure(value)) == (english, german)


def test_numbers_and_units_stay_together() -> None:
    assert EN.share(0.54) == "54\u00a0%"
    assert DE.share(0.066, 1) == "6,6\u00a0%"
    assert EN.celsius(45) == "45\u00a0°C"
    assert EN.joules(2660) == "2.66\u00a0kJ"
    assert EN.joules(2660, 1) == "2.7\u00a0kJ"
    assert EN.joules_all((800.0, 720.0, 1140.0)) == ["0.80\u00a0kJ", "0.72\u00a0kJ", "1.14\u00a0kJ"]
    assert EN.joules(0.0) == "0\u00a0J"
    assert EN.size(93_400) == "93\u00a0kB"
    assert EN.size(400_000) == "400\u00a0kB"
    assert DE.size(4_900_000) == "4,9\u00a0MB"
    assert EN.size(0) == "0\u00a0B"
    assert EN.duration(1.24) == "1.2\u00a0s"
    assert EN.duration(59.7) == "1\u00a0min"
    assert DE.duration(2400) == "40\u00a0min"
    assert DE.duration(3 * 86400) == "3\u00a0Tage"


def test_signs_and_intervals() -> None:
    assert (EN.signed(0.9), EN.signed(-8.1), EN.signed(0.01), DE.signed(-0.6)) == (
        "+0.9",
        "−8.1",
        "0.0",
        "−0,6",
    )
    assert EN.likely("31\u00a0%", "44\u00a0%") == "likely 31 to 44\u00a0%"
    assert DE.interval("2\u00a0s", "1\u00a0min") == "2\u00a0s bis 1\u00a0min"


def test_times_and_dates() -> None:
    assert clock(14 * 3600 + 20 * 60 + 59) == "14:20"
    assert clock(-60) == "23:59"
    midnight_s = 1_795_737_600.0
    assert EN.date(midnight_s + 5, midnight_s) == "27\u00a0Nov"
    assert DE.date(midnight_s - 14 * 86400 + 5, midnight_s) == "13.\u00a0Nov."
    assert EN.date(midnight_s - 7200 + 5, midnight_s - 7200) == "27\u00a0Nov"  # local time is two hours ahead
    assert EN.date(0.0, 4 * 86400.0) == "day 1"
    assert EN.date(-9 * 86400.0, 4 * 86400.0) == "earlier"


def test_an_unknown_language_and_an_unknown_key_say_so() -> None:
    with pytest.raises(ConfigError, match=r"'fr'.*en, de"):
        texts_of("fr")
    assert LANGUAGES == ("en", "de")
    with pytest.raises(KeyError):
        EN("no.such.key")
    with pytest.raises(KeyError):
        Texts(language="en", words={"a": "{n}"})("a")

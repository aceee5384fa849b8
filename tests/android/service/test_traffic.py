"""What was sent is counted for good: over restarts of the agent, by local day, and gone with the rest of the person's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from circadia.errors import ConfigError
from circadia.traffic import Traffic
from circadia_app.folder import AppFolder
from circadia_app.traffic import MOST_DAYS, Book, Counter, day_number, day_of, load

if TYPE_CHECKING:
    from pathlib import Path

FIRST = Traffic(sent_bytes=5000, received_bytes=100, messages=3)
LATER = Traffic(sent_bytes=5600, received_bytes=9000, messages=4, other_messages=1)


def test_a_run_is_counted_once_and_the_next_on_top(tmp_path: Path) -> None:
    path = tmp_path / "traffic.json"
    counter = Counter(path)
    counter.begin()
    counter.keep(FIRST, "2026-11-26")
    counter.keep(FIRST, "2026-11-26")
    counter.keep(LATER, "2026-11-27")
    counter.begin()
    counter.keep(FIRST, "2026-11-27")
    book = load(path)
    assert book.days == {"2026-11-26": (5000, 100), "2026-11-27": (5600, 9000)}
    assert book.ever == Traffic(sent_bytes=10_600, received_bytes=9100, messages=7, other_messages=1)


def test_little_waits_for_more_or_for_the_end(tmp_path: Path) -> None:
    path = tmp_path / "traffic.json"
    counter = Counter(path)
    little = Traffic(sent_bytes=90, messages=1)
    counter.keep(little, "2026-11-27")
    assert not path.exists()
    counter.keep(None, "2026-11-27", all_of_it=True)
    assert not path.exists()
    counter.keep(little, "2026-11-27", all_of_it=True)
    assert load(path).ever == little


def test_old_days_go_and_their_bytes_stay_in_the_sum() -> None:
    book = Book()
    for day in range(MOST_DAYS + 5):
        book = book.having(Traffic(sent_bytes=1), f"2026-{1 + day // 28:02}-{1 + day % 28:02}")
    assert len(book.days) == MOST_DAYS
    assert min(book.days) == "2026-01-06"
    assert book.ever.sent_bytes == MOST_DAYS + 5


def test_days_are_local() -> None:
    late_s = 1_795_737_600.0 - 1800  # 2026-11-26, half past eleven in Greenwich
    assert (day_of(late_s, 0), day_of(late_s, 3600.0)) == ("2026-11-26", "2026-11-27")
    assert day_number("2026-10-31", "2026-11-02") == -2


@pytest.mark.parametrize(
    "text", ["{}", '{"format": 1}', '{"format": 1, "ever": {"x": 1}, "days": {}}', "nonsense"]
)
def test_a_damaged_file_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "traffic.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"traffic\.json.*delete it"):
        load(path)


def test_it_is_deleted_with_what_is_the_persons(tmp_path: Path) -> None:
    folder = AppFolder(path=tmp_path)
    Counter(folder.traffic).keep(FIRST, "2026-11-27")
    assert folder.traffic in folder.personal()

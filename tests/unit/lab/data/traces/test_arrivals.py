"""Recorded arrivals: what is read, and every kind of bad file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_lab.data.traces.arrivals import Arrivals, binned, dilated, read_arrivals
from circadia_lab.data.traces.bursts import burst_lengths, burst_table

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, text: str) -> Path:
    path = folder / "trace.csv"
    path.write_text(text, encoding="utf-8")
    return path


def arrivals(*t_s: float) -> Arrivals:
    return Arrivals(where="inline", t_s=np.array(t_s, np.float64))


@pytest.mark.parametrize(
    ("text", "t_s"),
    [
        ("TIMESTAMP,Tokens\n2023-11-16 18:17:03.5000000,10\n2023-11-16 18:17:05.0000000,8\n", [0, 1.5]),
        ("tokens,Time_s\n3,7.5\n3,7.5\n1,9\n", [0, 0, 1.5]),
        ("5\n\n6.25\n", [0, 1.25]),
        ("at\n2024-02-28T23:59:59+00:00\n2024-02-29T02:00:00+02:00\n", [0, 1]),
        ("\ufefftime\n-3\n-1\n", [0, 2]),
        ("t_s\n1e3\n", [0]),
    ],
)
def test_times_start_at_the_first(tmp_path: Path, text: str, t_s: list[float]) -> None:
    np.testing.assert_allclose(read_arrivals(written(tmp_path, text)).t_s, t_s, atol=1e-6)


def test_a_named_column_is_taken(tmp_path: Path) -> None:
    path = written(tmp_path, "sent,received\n1,2\n2,9\n")
    assert read_arrivals(path, column="received").duration_s == 7


@pytest.mark.parametrize(
    ("text", "column", "parts"),
    [
        ("", None, ["empty"]),
        ("\n \n", None, ["empty"]),
        ("time,x\n", None, ["column 'time'", "no arrival"]),
        ("sent,received\n1,2\n", None, ["line 1", "which column", "sent, received"]),
        ("time,timestamp\n1,2\n", None, ["line 1", "which column"]),
        ("sent,received\n1,2\n", "lost", ["line 1", "no column 'lost'", "sent, received"]),
        ("x,time\n1,2\n1\n", None, ["line 3", "column 'time'", "missing"]),
        ("x,time\n1,2\n1,\n", None, ["line 3", "column 'time'", "missing"]),
        ("time\n1\nsoon\n", None, ["line 3", "column 'time'", "'soon'"]),
        ("time\n1\nnan\n", None, ["line 3", "'nan'"]),
        ("time\n1\ninf\n", None, ["line 3", "'inf'"]),
        ("time\n1\n2023-11-16 18:17:03\n", None, ["line 3", "unlike those before"]),
        ("time\n2023-11-16 18:17\n2023-11-16 18:18+01:00\n", None, ["line 3", "unlike those before"]),
        ("time\n1\n\n5\n3\n", None, ["line 5", "column 'time'", "2 s back"]),
        ("time\n1\n30000\n", None, ["line 3", "29999 s after", "max_gap_s is 21600"]),
    ],
)
def test_bad_files_name_line_and_column(
    tmp_path: Path, text: str, column: str | None, parts: list[str]
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_arrivals(path, column=column)
    for part in ["trace.csv", *parts]:
        assert part in str(caught.value)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.csv"):
        read_arrivals(tmp_path / "nowhere.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"time\n\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"binary\.csv"):
        read_arrivals(binary)


def test_a_longer_gap_may_be_allowed(tmp_path: Path) -> None:
    assert read_arrivals(written(tmp_path, "1\n30000\n"), max_gap_s=1e6).duration_s == 29999
    for wrong in (0.0, float("nan")):
        with pytest.raises(ConfigError, match="max_gap_s"):
            read_arrivals(tmp_path / "trace.csv", max_gap_s=wrong)


def test_bins_are_half_open() -> None:
    assert binned(arrivals(0, 1, 9.99, 10, 31), 10).tolist() == [3, 1, 0, 1]
    for bin_s in (0.0, -1.0, float("nan"), 1e-9):
        with pytest.raises(ConfigError, match="bin_s"):
            binned(arrivals(0, 1), bin_s)


def test_gaps_below_the_window_join_a_burst() -> None:
    assert burst_lengths(arrivals(0, 1, 2, 12, 22, 22.5), 10).tolist() == [3, 1, 2]
    assert burst_lengths(arrivals(0), 10).tolist() == [1]


def test_a_size_between_two_is_shared_by_them() -> None:
    # bursts of 3, 1 and 2 on sizes 1 and 3: 2 is half of each
    table = burst_table(arrivals(0, 1, 2, 12, 22, 22.5), 10, (1, 3))
    assert list(table.sizes) == [1, 3]
    assert table.shares == pytest.approx((0.5, 0.5))
    assert table.mean == pytest.approx(2)


@pytest.mark.parametrize(
    ("window_s", "sizes", "reason"),
    [
        (10, (1, 2), "1 to 3 requests"),
        (10, (2, 3), "1 to 3 requests"),
        (10, (), "must be whole"),
        (10, (3, 1), "rise"),
        (10, (0, 3), "1 or more"),
        (0, (1, 3), "window_s"),
    ],
)
def test_sizes_that_do_not_do_are_refused(window_s: float, sizes: tuple[int, ...], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        burst_table(arrivals(0, 1, 2, 12, 22, 22.5), window_s, sizes)


def test_a_slower_clock_keeps_the_shape() -> None:
    slow = dilated(arrivals(0, 1, 5), 100)
    assert slow.t_s.tolist() == [0, 40, 200]
    assert slow.gap_cv == pytest.approx(arrivals(0, 1, 5).gap_cv)
    with pytest.raises(ConfigError, match="two arrivals"):
        dilated(arrivals(0), 100)
    with pytest.raises(ConfigError, match="mean_gap_s"):
        dilated(arrivals(0, 1), 0)

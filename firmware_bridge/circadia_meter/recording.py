"""A measurement on disk: one SQLite file that a crash cuts at the last second, not in the middle.

It keeps what came over the line, compressed, with the clock's alignment as it was found, and one row of summary a second
for plots. Everything else is computed again from that: a calibration can be mended years later.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from circadia.errors import MeterError
from circadia.writing import whole_text
from circadia_meter.calibration import Calibration
from circadia_meter.clock import Unwrapper
from circadia_meter.events import Hello, Samples
from circadia_meter.frames import Decoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia_meter.events import Event
    from circadia_meter.session import MeterSession

FORMAT = 1
APPLICATION = 0x43494D52
"""`CIMR`: SQLite keeps it in the file's head, so that a wrong file is told at once."""
AHEAD = 60
"""Chunks, about seconds: pings on both sides of a moment say best what time it was."""
SAME_CLOCK_S = 0.2
SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE hellos (id INTEGER PRIMARY KEY, t_s REAL NOT NULL, hello TEXT NOT NULL);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY, t_s REAL NOT NULL, boot INTEGER, meter_us INTEGER, origin_us REAL, origin_s REAL, s_per_us REAL,
    bound_s REAL, line BLOB NOT NULL);
CREATE TABLE seconds (
    id INTEGER PRIMARY KEY, t_s REAL NOT NULL, samples INTEGER NOT NULL, mean_w REAL NOT NULL, least_w REAL NOT NULL,
    most_w REAL NOT NULL);
CREATE TABLE notes (id INTEGER PRIMARY KEY, t_s REAL NOT NULL, what TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Samples of a stretch, in host time."""

    t_s: NDArray[np.float64]
    """(N,)"""
    current_a: NDArray[np.float64]
    voltage_v: NDArray[np.float64]

    @property
    def power_w(self) -> NDArray[np.float64]:
        """(N,)"""
        return self.current_a * self.voltage_v


class Recorder:
    """Writes a recording, about once a second."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        """Of a new file: `MeterError` if there is one already. `about` is kept as JSON."""
        if path.exists():
            raise MeterError(f"{path}: exists already; a recording is never overwritten, choose another name")
        if not path.absolute().parent.is_dir():
            raise MeterError(f"{path}: its folder does not exist; make it first")
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; PRAGMA journal_mode = WAL;"
            f"PRAGMA synchronous = NORMAL; BEGIN; {SCHEMA} COMMIT"
        )
        rows = [(key, json.dumps(value)) for key, value in about.items()]
        self._db.executemany("INSERT INTO about VALUES (?, ?)", rows)
        self._line = bytearray()
        self._samples: list[Samples] = []
        self._since_s: float | None = None
        self._sampled_s: float | None = None
        """When the newest samples came."""

    def listen(self, session: MeterSession, t_s: float, data: bytes, events: list[Event]) -> None:
        """What came by `t_s`; a listener of `SerialMeter`."""
        self._line += data
        for event in events:
            if isinstance(event, Hello):
                row = (t_s, json.dumps(asdict(event)))
                self._db.execute("INSERT INTO hellos (t_s, hello) VALUES (?, ?)", row)
            elif isinstance(event, Samples):
                self._samples.append(event)
                self._sampled_s = t_s
        if self._since_s is None:
            self._since_s = t_s
        if t_s - self._since_s >= 1.0:
            self._flush(session, t_s)

    def note(self, t_s: float, what: str) -> None:
        """A remark, for example of a decision."""
        self._db.execute("INSERT INTO notes (t_s, what) VALUES (?, ?)", (t_s, what))

    def close(self, session: MeterSession, t_s: float) -> None:
        """Write what is left."""
        self._flush(session, t_s)
        self._db.close()

    def _flush(self, session: MeterSession, t_s: float) -> None:
        line = session.line
        end_us = session.last_us
        row: tuple[float | None, ...] = (None, None, None, None)
        if line is not None and end_us is not None:
            row = (line.origin_us, line.origin_s, line.s_per_us, line.bound_s(end_us))
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute(
                "INSERT INTO chunks (t_s, boot, meter_us, origin_us, origin_s, s_per_us, bound_s, line)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._sampled_s or t_s,
                    session.hello and session.hello.boot,
                    end_us,
                    *row,
                    zlib.compress(bytes(self._line), 6),
                ),
            )
            if self._samples and session.calibration is not None:
                self._db.execute(
                    "INSERT INTO seconds (t_s, samples, mean_w, least_w, most_w) VALUES (?, ?, ?, ?, ?)",
                    (t_s, *_summary(self._samples, session.calibration)),
                )
        self._line.clear()
        self._samples.clear()
        self._since_s = t_s


def _summary(samples: list[Samples], calibration: Calibration) -> tuple[int, float, float, float]:
    shunt = np.concatenate([one.shunt for one in samples])
    bus = np.concatenate([one.bus for one in samples])
    power = calibration.current_a(shunt) * calibration.voltage_v(bus)
    return len(power), float(power.mean()), float(power.min()), float(power.max())


class Recording:
    """Reads one; `with Recording(path) as recording`."""

    def __init__(self, path: Path) -> None:
        """`MeterError` if it is none, or of a later format."""
        if not path.is_file():
            raise MeterError(f"{path}: there is no such recording")
        self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            (application,) = self._db.execute("PRAGMA application_id").fetchone()
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError as error:
            raise MeterError(f"{path}: is no recording of a meter, or is damaged ({error})") from error
        if application != APPLICATION:
            raise MeterError(f"{path}: is no recording of a meter")
        if version != FORMAT:
            raise MeterError(f"{path}: has format {version}, this version reads {FORMAT}")
        self.path = path

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._db.close()

    @property
    def about(self) -> dict[str, Any]:
        """What the recorder was told."""
        return {key: json.loads(value) for key, value in self._db.execute("SELECT key, value FROM about")}

    @property
    def calibration(self) -> Calibration:
        """As the meter kept it at the end. `MeterError` without a hello."""
        row = self._db.execute("SELECT hello FROM hellos ORDER BY id DESC LIMIT 1").fetchone()
        if row is None:
            raise MeterError(f"{self.path}: no meter ever said hello in it")
        hello = json.loads(row[0])
        shunt = self.about.get("shunt_ohm") or hello["shunt_uohm"] * 1e-6
        return Calibration(
            shunt_ohm=shunt,
            shunt_step_v=hello["shunt_step_v"],
            bus_step_v=hello["bus_step_v"],
            offset_steps=hello["offset_steps"],
            gain=hello["gain_ppm"] * 1e-6,
        )

    def seconds(self) -> NDArray[np.float64]:
        """(N, 5) time, samples, mean, least and most watts of each second."""
        rows = self._db.execute(
            "SELECT t_s, samples, mean_w, least_w, most_w FROM seconds ORDER BY id"
        ).fetchall()
        return np.array(rows, float).reshape(-1, 5)

    def notes(self) -> list[tuple[float, str]]:
        """(time, remark)."""
        return self._db.execute("SELECT t_s, what FROM notes ORDER BY id").fetchall()

    def spans(self) -> Iterator[Span]:
        """All samples, a second at a time, from when the clock was first aligned on."""
        calibration, decoder, unwrap = self.calibration, Decoder(), Unwrapper()
        rows = self._db.execute(
            "SELECT t_s, boot, meter_us, origin_us, origin_s, s_per_us FROM chunks ORDER BY id"
        ).fetchall()
        chunks = self._db.execute("SELECT line FROM chunks ORDER BY id")
        for place, (line,) in enumerate(chunks):
            samples = [
                event for event in decoder.receive(zlib.decompress(line)) if isinstance(event, Samples)
            ]
            aligned = _best_line(rows, place)
            if aligned is None or not samples:
                continue
            meter_us, origin_us, origin_s, s_per_us = aligned
            end_us = unwrap.all(np.concatenate([one.last_us for one in samples]))
            first_us = end_us - np.concatenate([one.last_us - one.first_us for one in samples]).astype(
                np.int64
            )
            shift = meter_us - int(end_us[-1])
            counts = np.concatenate([one.count for one in samples])
            t_us = shift + np.concatenate(
                [np.linspace(a, b, n) for a, b, n in zip(first_us, end_us, counts, strict=True)]
            )
            yield Span(
                t_s=origin_s + (t_us - origin_us) * s_per_us,
                current_a=calibration.current_a(np.concatenate([one.shunt for one in samples])),
                voltage_v=calibration.voltage_v(np.concatenate([one.bus for one in samples])),
            )


def _best_line(rows: list[tuple[Any, ...]], place: int) -> tuple[int, float, float, float] | None:
    """Of the clock at that chunk: as it was known a minute later, unless the meter booted or was away meanwhile."""
    t_s, boot, meter_us = rows[place][:3]
    if meter_us is None:
        return None
    for later in reversed(rows[place : place + AHEAD]):
        origin_us, origin_s, s_per_us = later[3:]
        if (
            later[1] == boot
            and origin_us is not None
            and abs(origin_s + (meter_us - origin_us) * s_per_us - t_s) < SAME_CLOCK_S
        ):
            return int(meter_us), origin_us, origin_s, s_per_us
    return None


def export_csv(path: Path, target: Path) -> int:
    """Every sample as a line of seconds, amperes and volts; returns their number. `-` is standard output."""
    count = 0
    if not target.absolute().parent.is_dir():
        raise MeterError(f"{target}: its folder does not exist; make it first")
    with Recording(path) as recording, whole_text(target) as file:
        file.write("t_s,current_a,voltage_v\n")
        for span in recording.spans():
            table = np.stack([span.t_s, span.current_a, span.voltage_v], axis=1)
            np.savetxt(file, table, fmt=["%.6f", "%.7g", "%.6g"], delimiter=",")
            count += len(table)
    return count

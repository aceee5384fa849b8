"""Names of colours and signs. The theme says which colour that is, the widgets draw the sign."""

from __future__ import annotations

from enum import StrEnum


class Colour(StrEnum):
    """A token of the theme."""

    BG = "bg"
    CARD = "card"
    RAISED = "raised"
    LINE = "line"
    INK = "ink"
    MUTED = "muted"
    ACCENT = "accent"
    ON_ACCENT = "on_accent"
    SLEEP = "sleep"
    SERVE_LOW = "serve_low"
    SERVE_HIGH = "serve_high"
    TRAIN_LOW = "train_low"
    TRAIN_HIGH = "train_high"
    CHARGE = "charge"
    CHARGE_TEXT = "charge_text"
    WARN = "warn"
    WARN_GROUND = "warn_ground"
    BAD = "bad"
    BAD_GROUND = "bad_ground"
    BAND = "band"
    PULL = "pull"
    INTERVAL = "interval"


class Glyph(StrEnum):
    """A sign beside a sentence."""

    SLEEP = "sleep"
    """A bar."""
    ANSWER = "answer"
    """A disc."""
    TRAIN = "train"
    """A triangle."""
    HELD = "held"
    """A square with a bar."""
    ERROR = "error"
    """A cross."""
    START = "start"
    """A ring open at the top."""
    PAUSE = "pause"
    """Two bars."""


class Origin(StrEnum):
    """Where a figure comes from: the look of its chip and of its bars."""

    MEASURED = "measured"
    """Filled square, filled bar."""
    MODELLED = "modelled"
    """Hollow square, outlined bar."""
    SIMULATED = "simulated"
    """Three strokes, a bar of blocks."""
    FORETOLD = "foretold"
    """A ring; no bar."""


class Do(StrEnum):
    """What a touch asks for."""

    PAUSE = "pause"
    """Offers how long."""
    PAUSE_HOUR = "pause-hour"
    PAUSE_TOMORROW = "pause-tomorrow"
    PAUSE_OPEN = "pause-open"
    RESUME = "resume"
    UNDO = "undo"
    OWN_PART = "own-part"
    """Offers to answer with the shared model only, or with the own part again."""
    TRAIN_NOW = "train-now"
    YOUR_DATA = "your-data"
    LIMITS = "limits"
    HOW_TO_ADD = "how-to-add"
    STORAGE = "storage"
    RESTART = "restart"
    CONSENT = "consent"
    EXPORT = "export"
    """The first of two steps: what would go along."""
    EXPORT_NOW = "export-now"
    STOP_TEST = "stop-test"
    JOIN_TEST = "join-test"
    SHARE = "share"
    """The first of two steps: the file is shown."""
    SHARE_NOW = "share-now"
    START = "start"
    NOT_NOW = "not-now"
    DELETE = "delete"
    """The first of two steps."""
    DELETE_NOW = "delete-now"
    KEEP = "keep"
    """Back from the first step of deleting."""
    LIGHT = "light"
    """Light colours, from now on."""
    DARK = "dark"
    """Dark ones."""
    GIVE_UP_WAITING = "give-up-waiting"


class Kind(StrEnum):
    """What rows can be looked at by themselves."""

    ALL = "all"
    DECISIONS = "decisions"
    HELD = "held"
    EXITS = "exits"
    ERRORS = "errors"

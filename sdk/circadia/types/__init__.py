"""The values that travel through one tick. All are frozen; SI units are in the names."""

from circadia.types.action import Action, ClockLevel, Mode, Units, Work
from circadia.types.decision import LIMITS, Decision, Sleep, WakeOn, in_words
from circadia.types.energy import EnergyReading, PowerSample, Source
from circadia.types.model import Model, ModelUpdate, Personal, Training
from circadia.types.observation import NAN, Link, Observation, Preference
from circadia.types.outcome import Away, Outcome, Served
from circadia.types.phase import Load, Phase
from circadia.types.tick import LastTick, Pace, TickRecord

__all__ = [
    "LIMITS",
    "NAN",
    "Action",
    "Away",
    "ClockLevel",
    "Decision",
    "EnergyReading",
    "LastTick",
    "Link",
    "Load",
    "Mode",
    "Model",
    "ModelUpdate",
    "Observation",
    "Outcome",
    "Pace",
    "Personal",
    "Phase",
    "PowerSample",
    "Preference",
    "Served",
    "Sleep",
    "Source",
    "TickRecord",
    "Training",
    "Units",
    "WakeOn",
    "Work",
    "in_words",
]

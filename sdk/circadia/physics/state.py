"""What the physics computes with: a device's state, what chance decides in a step, and what a step did."""

from __future__ import annotations

from typing import Any, NamedTuple

from circadia.types import NAN


class State(NamedTuple):
    """A device at the start of a tick; every field is (…,)."""

    time_s: Any
    """Local time since midnight of the first day."""
    dt_s: Any
    """Since the tick before."""
    battery_j: Any
    temperature_c: Any
    user_active: Any
    """0 or 1."""
    link: Any
    """A `Link`, as a number."""
    clearness: Any
    """Irradiance over that of a clear sky."""
    queue_length: Any
    queue_age_s: Any
    queue_slack_s: Any
    """Until the first deadline; `NO_DEADLINE_S` with an empty queue."""
    stored_examples: Any
    fresh_examples: Any
    fresh_age_s: Any
    unsent_examples: Any
    practice: Any
    """Examples trained on lately, older ones faded (`circadia.practice`)."""
    spooled_updates: Any
    versions_behind: Any
    model_age_s: Any
    """Since the installed version was published."""
    newest_age_s: Any
    """Since the federation's newest version was published."""
    queue_together: Any = 0.0
    """Requests that came at the same instant as another, for each that did not; 0: all came one after another."""
    # what a device remembers of late (`circadia.recent`); NaN where nobody keeps it up: ticks of fixed length
    known_behind: Any = NAN
    """`versions_behind` as far as the device has heard: at its last exchange."""
    trained_age_s: Any = NAN
    contact_age_s: Any = NAN
    recent_error: Any = NAN
    error_age_s: Any = NAN
    requests_per_hour: Any = NAN
    training_gain: Any = NAN
    # what it cannot see
    known: Any = NAN
    """Training rows that the weights in service owe to this device and to the others (`circadia.physics.learnt`)."""
    present: Any = NAN
    """Those of them that are of the world as it is now."""
    newest_known: Any = NAN
    """The same of the federation's newest version."""
    newest_present: Any = NAN


class Noise(NamedTuple):
    """All that chance decides in one step; every field is (…,)."""

    dt_s: Any
    """Until the next tick; stretched if the work takes longer."""
    arrivals: Any
    """Requests, spread evenly from the first one's arrival to the end of the step."""
    arrival_age_s: Any
    """How long before the end of the step the first of them came."""
    deadline_s: Any
    """How long each of them waits."""
    examples: Any
    """Labelled examples that arrive by themselves."""
    feedback_u: Any
    """Uniform: rounds the number of labels that come back for served requests."""
    user_u: Any
    """Uniform: whether somebody uses the device afterwards."""
    link_u: Any
    """Uniform: which link there is afterwards."""
    cloud_z: Any
    """Standard normal: the clouds' innovation."""
    published: Any
    """Versions that the federation publishes."""
    published_age_s: Any
    """Age of the last of them at the end of the step."""
    lapsed: Any = 0.0
    """Requests that came and whose deadline passed within the step, besides `arrivals`."""
    together: Any = 0.0
    """As `State.queue_together`, of the arrivals."""
    example_delay_s: Any = 0.0
    """From the beginning of the step to the first of `examples`."""
    moved: Any = 0.0
    """How far the world moves; 1 is a jump to other conditions."""
    told: Any = 0.0
    """Rows that an update of the fleet is worth, in the mean (`circadia.physics.learnt.worth`)."""
    label_u: Any = 0.0
    """Uniform: rounds the number of wrong answers among the labels that come back."""


class Drained(NamedTuple):
    """What a stretch of time did to battery and body. Δbattery = η · charged − Σ energy − background, exactly."""

    battery_j: Any
    temperature_c: Any
    peak_c: Any
    """The warmest end of a phase."""
    durations_s: Any
    """(…, loads) with the rest of the time under DEEP_SLEEP or AWAKE."""
    energy_j: Any
    """(…, loads) delivered; an empty battery delivers less than was asked for."""
    background_j: Any
    """Delivered to the user's screen and applications."""
    charged_j: Any
    """Taken in from charger and panel, before the losses."""
    spilled_j: Any
    """Came in, and the full battery had no room for it."""
    unmet_j: Any
    """Asked for, and the empty battery had nothing left."""


class Result(NamedTuple):
    """What one step did; every field is (…,) unless said."""

    durations_s: Any
    """(…, loads)"""
    energy_j: Any
    """(…, loads)"""
    dt_s: Any
    """The real length of the step."""
    busy_s: Any
    background_j: Any
    charged_j: Any
    spilled_j: Any
    unmet_j: Any
    peak_c: Any
    sync_bytes: Any
    requests_served: Any
    requests_expired: Any
    """Deadlines that passed, and arrivals that found the queue full."""
    latency_s: Any
    """Summed over the served requests, from arrival to the end of serving."""
    steps: Any
    """Training steps done."""
    examples_trained: Any
    """Rows that went through a training step."""
    fresh_trained: Any
    """Examples seen for the first time."""
    updates_made: Any
    updates_pushed: Any
    pulled: Any
    """1 when a newer version was installed."""

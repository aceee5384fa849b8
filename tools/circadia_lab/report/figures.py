"""The report's figures. Each takes the arms and returns a matplotlib figure; without data it says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from circadia_lab.report import curve
from circadia_lab.report.ribbon import draw_ribbon, legend_handles
from circadia_lab.report.style import (
    CHARGE,
    GRID,
    HOUR_S,
    INK,
    MODE_COLOURS,
    MUTED,
    RC,
    arm_colour,
    clock,
    day_axis,
    end_labels,
    mark_drifts,
    nothing,
    percent_axis,
)
from circadia_lab.report.svg import svg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from circadia_lab.demo.result import ArmResult, DeviceResult, Series

    Arms = Sequence[ArmResult]

WIDTH_IN = 11.0
MODES = ("sleep", "serve", "train")
VERDICTS = ("accepted", "rejected", "waiting", "lost")
VERDICT_COLOURS = {"accepted": "#4c9a6a", "rejected": "#c9a227", "waiting": "#b8c0ca", "lost": "#8c1c2b"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A figure on the page."""

    name: str
    """Of its anchor."""
    title: str
    caption: str
    """What to look at."""
    svg: str


def plates(arms: Arms) -> list[Plate]:
    """All figures of the report, in the page's order. Needs an arm at least."""
    with mpl.rc_context(RC):
        return [_plate(arms, name, *parts) for name, parts in _PLATES.items()]


def _plate(arms: Arms, name: str, title: str, caption: str, draw: Callable[[Arms], Figure]) -> Plate:
    return Plate(name=name, title=title, caption=caption, svg=svg(draw(arms), name, f"{title}. {caption}"))


def names(arms: Arms) -> list[str]:
    """The devices' names, those of all arms, in order of appearance."""
    return list(dict.fromkeys(device.name for arm in arms for device in arm.devices))


def device_named(arm: ArmResult, name: str) -> DeviceResult | None:
    """An arm's device of that name; None where it has none."""
    return next((device for device in arm.devices if device.name == name), None)


def span_s(arms: Arms) -> float:
    """The longest day among the arms."""
    return max(arm.day_s for arm in arms)


def _figure(height_in: float) -> Figure:
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.06, hspace=0.06)  # type: ignore[union-attr,call-arg]
    return figure


# Accuracy


def draw_accuracy(
    ax: Axes, arms: Arms, pick: Callable[[DeviceResult], Series], *, apart: float = 0.075
) -> None:
    """Mean over the devices for each arm, the devices themselves as thin lines; `apart` as in `end_labels`."""
    labels: list[tuple[float, str, str]] = []
    for index, arm in enumerate(arms):
        colour = arm_colour(index)
        t_s, mean = mean_over_devices(arm, pick)
        for device in arm.devices:
            ax.plot(*curve.finite(pick(device)), color=colour, linewidth=0.7, alpha=0.25, zorder=2)
        if np.isfinite(mean).any():
            ax.plot(t_s, mean, color=colour, linewidth=2.4, zorder=4)
            final = float(mean[np.isfinite(mean)][-1])
            labels.append((final, f"{arm.arm}  {100 * final:.1f} %", colour))
    if not labels:
        nothing(ax, "nothing was evaluated")
        return
    day_axis(ax, span_s(arms), label=False)
    percent_axis(ax)
    mark_drifts(ax, arms[0].drifts)
    _mark_incidents(ax, arms)
    end_labels(ax, labels, apart=apart)


def mean_over_devices(arm: ArmResult, pick: Callable[[DeviceResult], Series]) -> tuple[curve.Values, curve.Values]:
    """(t_s, mean) at every time at which some device was evaluated."""
    chosen = [pick(device) for device in arm.devices]
    times = [curve.finite(series)[0] for series in chosen]
    t_s = np.unique(np.concatenate(times)) if times else np.empty(0)
    return t_s, curve.mean([curve.held(series, t_s) for series in chosen])


def _mark_incidents(ax: Axes, arms: Arms) -> None:
    for index, arm in enumerate(arms):
        for incident in arm.incidents:
            back = "restart" in incident.what
            ax.plot(
                [incident.t_s],
                [0.025 + 0.04 * index],
                marker="^" if back else "x",
                markersize=4.5,
                markerfacecolor="none",
                color=arm_colour(index),
                linestyle="none",
                transform=ax.get_xaxis_transform(),
                zorder=5,
            )


def accuracy(arms: Arms) -> Figure:
    """Over the day, on the common held-out images and on the devices' own."""
    figure = _figure(6.4)
    common, own = figure.subplots(2, 1, sharex=True)
    draw_accuracy(common, arms, lambda device: device.accuracy_common)
    draw_accuracy(own, arms, lambda device: device.accuracy_own)
    common.set_title("On held-out images under all devices’ conditions", pad=16)
    own.set_title("On held-out images of each device’s own classes and condition", pad=16)
    own.set_xlabel("simulated time of day")
    return figure


def accuracy_against_joules(arms: Arms) -> Figure:
    """The same accuracy over what it cost."""
    figure = _figure(3.9)
    ax = figure.subplots()
    drawn = [_accuracy_path(ax, arm, index) for index, arm in enumerate(arms)]
    if not any(drawn):
        nothing(ax, "no energy was settled")
        return figure
    ax.set_xlim(left=0)
    ax.set_xlabel("simulated energy of the whole fleet since midnight, kJ")
    ax.set_ylabel("mean accuracy, common held-out images")
    percent_axis(ax)
    ax.legend(loc="lower right")
    return figure


def _accuracy_path(ax: Axes, arm: ArmResult, index: int) -> bool:
    t_s, value = curve.finite(arm.accuracy)
    joules = curve.held(arm.joules, t_s)
    good = np.isfinite(joules)
    if not good.any():
        return False
    t_s, value, kilojoules = t_s[good], value[good], joules[good] / 1e3
    colour = arm_colour(index)
    ax.plot(kilojoules, value, color=colour, linewidth=2.2, label=arm.arm, zorder=3)
    for hour in (6, 12, 18, 24):
        if t_s[0] <= hour * HOUR_S <= t_s[-1]:
            place = int(np.searchsorted(t_s, hour * HOUR_S))
            ax.plot(kilojoules[place], value[place], "o", color=colour, markersize=4.5, markerfacecolor="white", zorder=4)
            _label(ax, kilojoules[place], value[place], f"{hour:02d}:00", colour)
    for drift in arm.drifts:
        if t_s[0] <= drift.t_s <= t_s[-1]:
            place = int(np.searchsorted(t_s, drift.t_s, "right")) - 1
            ax.plot(kilojoules[place], value[place], "D", color=INK, markersize=5.5, zorder=5)
            _label(ax, kilojoules[place], value[place], "drift", INK)
    return True


def _label(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Below the point."""
    ax.annotate(text, (x, y), xytext=(0, -8), textcoords="offset points", ha="center", va="top", fontsize=8,
                color=colour)  # fmt: skip


REFERENCE_MARKS = {
    "each device alone": ("o", False, 6.5),
    "federated": ("o", True, 9),
    "all data in one place": ("D", False, 6.5),
}
"""Label → marker, filled, size."""


def references(arms: Arms) -> Figure:
    """Federated accuracy between learning alone and learning with all data in one place."""
    figure = _figure(0.85 + 0.42 * len(arms))
    axes = figure.subplots(1, 2, sharey=True)
    titles = ("Common held-out images", "Each device’s own")
    for ax, suffix, title in zip(axes, ("", "_own"), titles, strict=True):
        for index, arm in enumerate(arms):
            _reference_row(ax, arm, index, suffix)
        ax.set_title(title)
        ax.set_ylim(len(arms) - 0.5, -0.5)
        ax.set_yticks(range(len(arms)), [arm.arm for arm in arms])
        ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.grid(axis="y", visible=False)
        ax.margins(x=0.08)
    handles = [_reference_mark(label) for label in REFERENCE_MARKS]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _reference_mark(label: str, colour: str = MUTED) -> mpl.lines.Line2D:
    marker, filled, size = REFERENCE_MARKS[label]
    return mpl.lines.Line2D([], [], color=colour, marker=marker, markerfacecolor=colour if filled else "white",
                            markersize=size, linestyle="none", label=label)  # fmt: skip


def _reference_row(ax: Axes, arm: ArmResult, index: int, suffix: str) -> None:
    colour = arm_colour(index)
    fields = ("own_accuracy", "federated_accuracy", "centralised_accuracy")
    values = {label: getattr(arm, field + suffix) for label, field in zip(REFERENCE_MARKS, fields, strict=True)}
    known = [value for value in values.values() if value is not None and np.isfinite(value)]
    if len(known) > 1:
        ax.plot([min(known), max(known)], [index, index], color=GRID, linewidth=4, zorder=1)
    for label, value in values.items():
        if value is not None and np.isfinite(value):
            mark = _reference_mark(label, colour)
            mark.set_data([value], [index])
            ax.add_line(mark)
            ax.update_datalim([(value, index)])
    ax.autoscale_view()


# Battery and actions


def draw_battery(ax: Axes, arms: Arms, name: str) -> None:
    """One device's state of charge, all arms; shaded while it charged in the first arm that has it."""
    shaded = False
    for index, arm in enumerate(arms):
        device = device_named(arm, name)
        if device is None:
            continue
        for start, end in () if shaded else curve.spans(device.charging, arm.day_s):
            ax.axvspan(start, end, color=CHARGE, linewidth=0, zorder=0)
        shaded = True
        ax.plot(*curve.finite(device.battery_soc), color=arm_colour(index), linewidth=1.5, label=arm.arm)
    ax.set_ylim(0, 1.02)
    percent_axis(ax)


def battery(arms: Arms) -> Figure:
    """Small multiples: one panel a device."""
    devices = names(arms)
    columns = 4 if len(devices) > 3 else max(len(devices), 1)
    rows = max(-(-len(devices) // columns), 1)
    figure = _figure(0.7 + 1.65 * rows)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    if not devices:
        nothing(axes[0], "no devices")
    for ax, name in zip(axes, devices, strict=False):
        draw_battery(ax, arms, name)
        day_axis(ax, span_s(arms), label=False, ticks=4)
        mark_drifts(ax, arms[0].drifts, label=False)
        ax.set_title(name, pad=5)
    for ax in axes[max(len(devices), 1) :]:
        ax.set_axis_off()
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper left", ncols=len(handles))
    return figure


def draw_actions(ax: Axes, arms: Arms, devices: Sequence[str]) -> None:
    """One group a device, one ribbon an arm; a bar in the arm's colour stands left of each ribbon."""
    pitch = len(arms) + 0.55
    day_s = span_s(arms)
    for row, name in enumerate(devices):
        for index, arm in enumerate(arms):
            y = -(row * pitch + index) - 0.68
            ax.plot([-0.006] * 2, [y, y + 0.68], color=arm_colour(index), linewidth=3.2, solid_capstyle="butt",
                    transform=ax.get_yaxis_transform(), clip_on=False)  # fmt: skip
            if device := device_named(arm, name):
                draw_ribbon(ax, device.stays, y, 0.68, arm.day_s)
    ax.set_ylim(-len(devices) * pitch + 0.2, 0.25)
    ax.set_yticks([-(row * pitch + len(arms) / 2) for row in range(len(devices))], list(devices))
    ax.tick_params(axis="y", labelcolor=INK, pad=8)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="y", visible=False)
    day_axis(ax, day_s)


def actions(arms: Arms) -> Figure:
    """What every device did all day."""
    devices = names(arms)
    figure = _figure(1.2 + 0.26 * max(len(devices), 1) * (len(arms) + 0.55))
    ax = figure.subplots()
    if not devices:
        nothing(ax, "no devices")
        return figure
    draw_actions(ax, arms, devices)
    mark_drifts(ax, arms[0].drifts)
    figure.legend(handles=[*arm_handles(arms), *legend_handles()], loc="outside upper left", ncols=8,
                  columnspacing=1.2, handlelength=1.3)  # fmt: skip
    return figure


def arm_handles(arms: Arms) -> list[mpl.artist.Artist]:
    """The key to the arms' colours."""
    return [mpl.lines.Line2D([], [], color=arm_colour(i), linewidth=3.2, label=arm.arm) for i, arm in enumerate(arms)]


# Energy


def energy(arms: Arms) -> Figure:
    """Joules by action for each device, and by load for the fleet."""
    devices = names(arms)
    figure = _figure(1.1 + 0.24 * max(len(devices), 5) * (len(arms) + 0.55))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _energy_bars(left, arms, devices)
    _load_bars(right, arms)
    return figure


def _energy_bars(ax: Axes, arms: Arms, devices: Sequence[str]) -> None:
    ax.set_title("Simulated joules by action, for each device")
    if not any(_positive(device.energy_j) for arm in arms for device in arm.devices):
        nothing(ax, "no energy was settled")
        return
    pitch = len(arms) + 0.55
    for row, name in enumerate(devices):
        for index, arm in enumerate(arms):
            y = row * pitch + index
            ax.plot([-0.006] * 2, [y - 0.4, y + 0.4], color=arm_colour(index), linewidth=3.2, solid_capstyle="butt",
                    transform=ax.get_yaxis_transform(), clip_on=False)  # fmt: skip
            device = device_named(arm, name)
            _stack(ax, y, {} if device is None else device.energy_j, label=row == index == 0)
    ax.set_yticks([row * pitch + (len(arms) - 1) / 2 for row in range(len(devices))], list(devices))
    ax.set_ylim(len(devices) * pitch - 0.9, -0.7)
    ax.tick_params(axis="y", labelcolor=INK, pad=8)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="y", visible=False)
    ax.set_xlim(left=0)
    ax.set_xlabel("kJ over the day (simulated)")
    handles, labels = ax.get_legend_handles_labels()
    ax.figure.legend(  # type: ignore[union-attr]
        [*arm_handles(arms), *handles], [*(a.arm for a in arms), *labels], loc="outside upper left", ncols=6
    )


def _stack(ax: Axes, y: float, energy_j: dict[str, float], *, label: bool) -> None:
    left = 0.0
    colours = {"sleep": "#c3cad3", "serve": MODE_COLOURS["serve"], "train": "#7d55b0"}
    for mode in (*MODES, *sorted(set(energy_j) - set(MODES))):
        joules = energy_j.get(mode, 0.0)
        kilojoules = joules / 1e3 if np.isfinite(joules) else 0.0
        ax.barh(y, kilojoules, 0.8, left, color=colours.get(mode, MUTED), label=mode if label else None)
        left += kilojoules


def _load_bars(ax: Axes, arms: Arms) -> None:
    ax.set_title("Simulated joules by load, the whole fleet")
    sums = [_summed(arm) for arm in arms]
    loads = list(dict.fromkeys(load for total in sums for load in total))
    if not any(_positive(total) for total in sums):
        nothing(ax, "no energy was settled")
        return
    height = 0.8 / len(arms)
    for index, total in enumerate(sums):
        y = np.arange(len(loads)) - 0.4 + height * (index + 0.5)
        widths = [total.get(load, 0.0) / 1e3 for load in loads]
        ax.barh(y, widths, height * 0.9, color=arm_colour(index))
        for place, width in zip(y, widths, strict=True):
            ax.annotate(f"{width:,.1f}", (width, float(place)), xytext=(3, 0), textcoords="offset points", va="center",
                        fontsize=7.5, color=MUTED)  # fmt: skip
    ax.set_yticks(range(len(loads)), [load.lower().replace("_", " ") for load in loads])
    ax.set_ylim(len(loads) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.12)
    ax.set_xlabel("kJ over the day (simulated)")


def _summed(arm: ArmResult) -> dict[str, float]:
    total: dict[str, float] = {}
    for device in arm.devices:
        for load, joules in device.energy_by_load_j.items():
            if np.isfinite(joules):
                total[load] = total.get(load, 0.0) + joules
    return total


def _positive(energy_j: dict[str, float]) -> bool:
    return any(np.isfinite(joules) and joules > 0 for joules in energy_j.values())


# Distributions


DURATIONS = ((0.1, "0.1 s"), (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (21600, "6 h"),
             (86400, "24 h"))  # fmt: skip


def distributions(arms: Arms) -> Figure:
    """Latency of requests and age of the model."""
    figure = _figure(3.5)
    latency, age = figure.subplots(1, 2)
    _latency(latency, arms)
    _ages(age, arms)
    handles = arm_handles(arms)
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    return figure


def _latency(ax: Axes, arms: Arms) -> None:
    ax.set_title("Requests answered within …")
    drawn = False
    for index, arm in enumerate(arms):
        samples = [latency for device in arm.devices for latency in device.latency_s]
        x, share = curve.cumulative(samples, arm.served + arm.expired)
        if not len(x):
            continue
        _steps(ax, x, share, arm_colour(index), lowest=0.1)
        drawn = True
    _duration_axis(ax, drawn, "nothing was served", "from asking to the answer, simulated (log scale)")


def _ages(ax: Axes, arms: Arms) -> None:
    ax.set_title("Installed model at most this old")
    drawn = False
    for index, arm in enumerate(arms):
        x, share = curve.staleness(arm.devices, arm.day_s)
        if not len(x):
            continue
        _steps(ax, x, share, arm_colour(index), lowest=10)
        drawn = True
    _duration_axis(ax, drawn, "no model was installed", "time since its version was published, simulated (log scale)")


def _steps(ax: Axes, x: curve.Values, share: curve.Values, colour: str, *, lowest: float) -> None:
    """A distribution as steps, thinned to 400; rings at its median and 95th percentile."""
    x = np.maximum(x, lowest)
    for level in (0.5, 0.95):
        place = min(int(np.searchsorted(share, level * share[-1])), len(x) - 1)
        ax.plot(x[place], share[place], "o", color=colour, markerfacecolor="white", markersize=5, zorder=4)
    keep = np.unique(np.linspace(0, len(x) - 1, 400).astype(int))
    ax.step(np.insert(x[keep], 0, x[0]), np.insert(share[keep], 0, 0), where="post", color=colour, linewidth=1.8)


def _duration_axis(ax: Axes, drawn: bool, empty: str, label: str) -> None:
    if not drawn:
        nothing(ax, empty)
        return
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    marks = [(t, text) for t, text in DURATIONS if low <= t <= high]
    ax.xaxis.set_major_locator(FixedLocator([t for t, _ in marks]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: dict(DURATIONS).get(t, f"{t:g} s")))
    ax.set_ylim(0, 1.02)
    percent_axis(ax)
    ax.set_xlabel(label)


# Federation


def federation(arms: Arms) -> Figure:
    """Versions over the day, and what became of the updates."""
    figure = _figure(3.6)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _versions(left, arms)
    _updates(right, arms)
    return figure


def _versions(ax: Axes, arms: Arms) -> None:
    ax.set_title("Versions published (thick) and installed on the devices (thin)", pad=16)
    drawn = False
    for index, arm in enumerate(arms):
        colour = arm_colour(index)
        for device in arm.devices:
            t_s, version = curve.finite(device.version)
            ax.step(t_s, version, where="post", color=colour, linewidth=0.6, alpha=0.3)
        t_s, version = curve.finite(arm.versions)
        if len(t_s):
            t_s, version = np.append(np.insert(t_s, 0, 0), arm.day_s), np.append(np.insert(version, 0, 0), version[-1])
            ax.step(t_s, version, where="post", color=colour, linewidth=2.2, label=arm.arm)
            drawn = True
    if not drawn:
        nothing(ax, "no version was published")
        return
    day_axis(ax, span_s(arms))
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    mark_drifts(ax, arms[0].drifts)
    ax.legend(loc="upper left")


def update_counts(arm: ArmResult) -> dict[str, int]:
    """What became of the updates that an arm's devices made."""
    total = {key: sum(d.updates.get(key, 0) for d in arm.devices) for key in ("accepted", "rejected", "waiting")}
    return {**total, "lost": arm.updates_lost}


def _updates(ax: Axes, arms: Arms) -> None:
    ax.set_title("What became of the updates", pad=16)
    if not any(arm.updates_made for arm in arms):
        nothing(ax, "no update was made")
        return
    for index, arm in enumerate(arms):
        left, counts = 0, update_counts(arm)
        for verdict in VERDICTS:
            label = verdict if index == 0 else None
            ax.barh(index, counts[verdict], 0.5, left, color=VERDICT_COLOURS[verdict], label=label)
            left += counts[verdict]
        words = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
        ax.annotate(f"{arm.updates_made} made: {words}", (0, index + 0.28), xytext=(0, -3), textcoords="offset points",
                    va="top", fontsize=8, color=MUTED)  # fmt: skip
    ax.set_yticks(range(len(arms)), [arm.arm for arm in arms])
    ax.set_ylim(len(arms) + 0.1, -0.6)
    ax.legend(loc="lower right", ncols=4, fontsize=8, handlelength=1, columnspacing=1)
    ax.tick_params(axis="y", labelcolor=INK)
    ax.grid(axis="y", visible=False)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_xlabel("updates")


_PLATES: dict[str, tuple[str, str, Callable[[Arms], Figure]]] = {
    "accuracy": (
        "Accuracy over the day",
        "Look at how deep the mean (thick) falls at the drift and how long it takes to come back; thin lines are the "
        "devices, crosses and triangles kills and restarts.",
        accuracy,
    ),
    "joules": (
        "Accuracy against energy",
        "Look at the height of the curves above one another: accuracy that the same simulated joules bought; rings mark "
        "the hour, so an arm whose ring is further right has spent more by then.",
        accuracy_against_joules,
    ),
    "references": (
        "What the federation adds",
        "Look at where the filled dot lies relative to learning alone on the same log (ring) and one model on all data with "
        "as many steps as all devices took together (diamond); axes do not start at zero.",
        references,
    ),
    "battery": (
        "Battery of each device",
        "Look at how low each battery gets and what the arms differ by; shaded while the device charges, dashed at the "
        "drift.",
        battery,
    ),
    "actions": (
        "Actions over the day",
        "Look at where training (violet) happens relative to serving (green) and to the night; each device has a ribbon "
        "for each arm, and work shorter than a minute and a half is drawn that wide to be seen.",
        actions,
    ),
    "energy": (
        "Energy by action (simulated joules)",
        "Look at the share that is not sleep; every figure comes from the devices’ energy profiles, none from a meter.",
        energy,
    ),
    "distributions": (
        "Latency and staleness",
        "Look at the rings, median and 95th percentile of what was answered; where a latency curve ends below 100 %, the "
        "rest of the requests expired.",
        distributions,
    ),
    "federation": (
        "The federation",
        "Look at the distance between a thin line and the thick one above it: how many versions that device is behind.",
        federation,
    ),
}

"""The regimes that are reported: what a profile says where there is one, else assumptions that are marked as such."""

from __future__ import annotations

from circadia.types import WakeOn
from circadia_lab.policy.regimes.regime import Body, Regime, Sourced


def _profile(value: float, how: str) -> Sourced:
    return Sourced(value=value, source=f"profile {how}")


def _assumed(value: float, why: str) -> Sourced:
    return Sourced(value=value, source=f"assumed: {why}")


_SMALL_NET = "a net of 5,000 parameters"

PHONE = Body(
    name="phone, small net",
    wake_j=_profile(0.2, "pixel-3: 0.4 W for 0.5 s"),
    serve_j=_profile(0.11, "pixel-3: 1.123 W for 0.1 s"),
    request_j=_assumed(0.001, _SMALL_NET),
    train_j=_assumed(0.05, _SMALL_NET),
    radio_j=_profile(2.55, "pixel-3: 1.02 W for 2.5 s"),
    exchange_j=_assumed(0.05, "0.1 MB at 2 MB/s"),
    sleep_w=_profile(0.0216, "pixel-3: 5.6 mA"),
    other_j=_assumed(12_960, "the screen is on three hours a day at the profile's 1.2 W"),
    capacity_j=_profile(40_400, "pixel-3: 10,494 C at 3.85 V"),
)
PHONE_CNN = Body(
    name="phone, CNN",
    wake_j=PHONE.wake_j,
    serve_j=PHONE.serve_j,
    request_j=_profile(0.45, "pixel-3: 1.123 W for 0.4 s"),
    train_j=_profile(126, "pixel-3: 32 steps of 3.5 s at 1.123 W"),
    radio_j=PHONE.radio_j,
    exchange_j=_assumed(2.0, "4 MB at 2 MB/s"),
    sleep_w=PHONE.sleep_w,
    other_j=PHONE.other_j,
    capacity_j=PHONE.capacity_j,
)
BOARD = Body(
    name="Pi-class board, stripped image",
    wake_j=_profile(4.5, "pi-solar: 0.9 W for 5 s"),
    serve_j=_profile(0.35, "pi-solar: 1.15 W for 0.3 s"),
    request_j=_assumed(0.006, _SMALL_NET),
    train_j=_assumed(0.4, _SMALL_NET),
    radio_j=_profile(4.4, "pi-solar: 1.1 W for 4 s"),
    exchange_j=_assumed(0.1, "0.1 MB at 1 MB/s"),
    sleep_w=_profile(0.025, "pi-solar, an estimate there: clock, switch and charge controller"),
    other_j=_assumed(0, "nothing else runs on it"),
    capacity_j=_profile(43_200, "pi-solar: 12 Wh"),
)
STOCK_BOARD = Body(
    name="Pi-class board, stock image",
    wake_j=_assumed(22.5, "a boot of 15 s at 1.5 W"),
    serve_j=BOARD.serve_j,
    request_j=BOARD.request_j,
    train_j=BOARD.train_j,
    radio_j=BOARD.radio_j,
    exchange_j=BOARD.exchange_j,
    sleep_w=BOARD.sleep_w,
    other_j=BOARD.other_j,
    capacity_j=BOARD.capacity_j,
)
SUSPENDING = Body(
    name="board that suspends",
    wake_j=_assumed(2.0, "resume and the agent's start, 2 s at 1 W"),
    serve_j=_assumed(0.2, "between board and phone"),
    request_j=_assumed(0.003, _SMALL_NET),
    train_j=_assumed(0.3, _SMALL_NET),
    radio_j=_assumed(3.0, "a session of 3 s at 1 W"),
    exchange_j=_assumed(0.1, "0.1 MB"),
    sleep_w=_assumed(0.03, "memory in self-refresh"),
    other_j=_assumed(0, "nothing else runs on it"),
    capacity_j=BOARD.capacity_j,
)


def _microcontroller(name: str, radio: Sourced, exchange_j: float, sleep_w: float, capacity_j: float) -> Body:
    return Body(
        name=name,
        wake_j=_assumed(1e-4, "out of stop mode in a millisecond"),
        serve_j=_assumed(1e-4, "weights lie in flash"),
        request_j=_assumed(6.6e-4, "an inference of a small net"),
        train_j=_assumed(0.15, "a thousand times an inference's forward and backward pass"),
        radio_j=radio,
        exchange_j=_assumed(exchange_j, "20 kB"),
        sleep_w=_assumed(sleep_w, "stop mode with memory kept, and the modem's share"),
        other_j=_assumed(0, "nothing else runs on it"),
        capacity_j=_assumed(capacity_j, "its usual cell"),
    )


BLE = _microcontroller("MCU, BLE", _assumed(0.01, "a connection"), 0.02, 2e-5, 2_400)
WIFI = _microcontroller("MCU, Wi-Fi", _assumed(0.8, "association and DHCP"), 0.05, 5e-5, 13_300)
LTE = _microcontroller("MCU, LTE-M", _assumed(5.0, "attach, session, release"), 0.3, 1e-4, 26_600)

_AT_ONCE = frozenset({WakeOn.DUE, WakeOn.REQUEST})
_HELD = frozenset(WakeOn)

REGIMES: tuple[Regime, ...] = (
    Regime(
        name="phone",
        title="phone, small net, wakes on request",
        body=PHONE,
        requests_a_day=50,
        wakes_on=_AT_ONCE,
    ),
    Regime(
        name="phone-cnn",
        title="phone, CNN, wakes on request",
        body=PHONE_CNN,
        requests_a_day=50,
        wakes_on=_AT_ONCE,
    ),
    Regime(name="board-stripped", title="board, 4.5 J a boot, local queue", body=BOARD, requests_a_day=100),
    Regime(name="board", title="board, 22.5 J a boot, local queue", body=STOCK_BOARD, requests_a_day=100),
    Regime(
        name="board-remote",
        title="board, 22.5 J a boot, remote queue",
        body=STOCK_BOARD,
        requests_a_day=100,
        remote=True,
        answers_by_radio=True,
    ),
    Regime(
        name="board-woken",
        title="board, 22.5 J a boot, wakes on request, 10 a day",
        body=STOCK_BOARD,
        requests_a_day=10,
        wakes_on=_AT_ONCE,
    ),
    Regime(
        name="board-held",
        title="board, 22.5 J a boot, held to the deadline, 10 a day",
        body=STOCK_BOARD,
        requests_a_day=10,
        wakes_on=_HELD,
    ),
    Regime(
        name="suspending",
        title="suspending board, wakes on request, 10 a day",
        body=SUSPENDING,
        requests_a_day=10,
        wakes_on=_AT_ONCE,
    ),
    Regime(
        name="suspending-remote",
        title="suspending board, remote queue",
        body=SUSPENDING,
        requests_a_day=100,
        remote=True,
        answers_by_radio=True,
    ),
    Regime(
        name="ble",
        title="MCU with BLE, remote queue",
        body=BLE,
        requests_a_day=100,
        remote=True,
        answers_by_radio=True,
    ),
    Regime(
        name="wifi",
        title="MCU with Wi-Fi, held, answers by radio",
        body=WIFI,
        requests_a_day=10,
        wakes_on=_HELD,
        answers_by_radio=True,
    ),
    Regime(
        name="lte",
        title="MCU with LTE-M, held, answers by radio",
        body=LTE,
        requests_a_day=10,
        wakes_on=_HELD,
        answers_by_radio=True,
    ),
)
BARRED = ("phone", "board", "lte")
"""Those that the figures at the head of the report are of."""


def regime_named(name: str) -> Regime:
    """One of `REGIMES`; `KeyError` for another name."""
    return {regime.name: regime for regime in REGIMES}[name]

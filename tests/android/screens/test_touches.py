"""What a touch asks for, and where Back leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.android.screens.conftest import Stage

BACK = 27


def asked_of(answer: Any) -> list[Any]:
    asked: list[Any] = answer["asked"]
    return asked


def test_a_switch_turns_and_a_slider_steps(stage: Stage) -> None:
    stage.show("choose", size=(412, 1600))
    assert asked_of(stage.touch("Train only while charging")) == [["turn", "train_only_charging", True]]
    _, y = stage.middle("Stop at battery")
    answer = stage("touch", x=412 - 56, y=y - 40)  # the + below, to the right
    assert asked_of(answer)[-1] == ["slide", "battery_floor", 25]
    answer = stage("touch", x=56, y=y - 40)
    assert asked_of(answer)[-1] == ["slide", "battery_floor", 15]
    answer = stage("drag", path=[[100, y - 40], [200, y - 40], [330, y - 40]])
    assert asked_of(answer)[-1][:2] == ["slide", "battery_floor"]
    assert asked_of(answer)[-1][2] >= 75


def test_the_point_is_dragged_and_a_corner_steps(stage: Stage) -> None:
    stage.show("choose", size=(412, 1600))
    left, bottom, right, top = stage("drawings")["TriangleChart"]["box"]
    middle = (left + right) / 2
    answer = stage("drag", path=[[middle + 11, bottom + 129], [middle, bottom + 180], [middle, top + 60]])
    assert asked_of(answer)[-1] == ["prefer", 1.0, 0.0, 0.0]  # beyond the corner: at the corner
    stage.show("choose", size=(412, 1600))
    answer = stage("touch", x=middle, y=top - 16)  # "Accuracy 50 %": from Battery's 30
    assert asked_of(answer)[-1] == ["prefer", 0.55, 0.2, 0.25]
    assert asked_of(stage.touch("Balanced"))[-1][0] == "prefer"


def test_pause_offers_how_long_and_a_touch_beside_takes_it_back(stage: Stage) -> None:
    stage.show("now")
    assert asked_of(stage.touch("Pause"))[-1] == ["do", "pause"]
    stage.middle("Until tomorrow")
    assert asked_of(stage("touch", x=200, y=880))[-1] == ["do", "pause"]  # beside it: nothing is asked
    assert "missing" in stage("wait", text="Until tomorrow", seconds=0.1)
    stage.touch("Pause")
    assert asked_of(stage.touch("For 1 hour"))[-1] == ["do", "pause-hour"]


def test_a_quarter_of_the_day_leads_to_its_decisions(stage: Stage) -> None:
    stage.show("now")
    left, _, right, top = stage("drawings")["BatteryChart"]["box"]
    answer = stage("touch", x=left + (right - left) * 5.5 / 96, y=top - 20 - 120 - 12 - 20)
    assert ["stretch", 4500.0, 5400.0] in asked_of(answer)
    assert answer["place"] == "log"


def test_a_button_that_is_not_enabled_asks_nothing(stage: Stage) -> None:
    stage.show("consent")
    assert asked_of(stage.touch("Start, once learning is on")) == []


def test_filters_and_doors(stage: Stage) -> None:
    stage.show("log")
    assert asked_of(stage.touch("Held back"))[-1] == ["sift", "held"]
    for number, place in enumerate(("now", "choose", "learn", "test", "log")):
        assert stage("touch", x=412 * (number + 0.5) / 5, y=30)["place"] == place


def test_back_leads_out_step_by_step_and_the_screen_is_there_again(stage: Stage, tmp_path: Any) -> None:
    """Back, then the app from the launcher: not a black screen."""
    from PIL import Image

    stage.show("your-data")
    assert stage("key", code=BACK)["place"] == "learn"
    assert stage("key", code=BACK)["place"] == "now"
    stage.touch("Pause")
    gone = stage("key", code=BACK)  # the sheet first
    assert ["leave"] not in gone["asked"]
    assert "missing" in stage("wait", text="Until tomorrow", seconds=0.1)
    gone = stage("key", code=BACK)
    assert gone["taken"]
    assert gone["asked"][-1] == ["leave"]
    assert stage("sleep_and_wake") == {"rests": True}
    stage("picture", file=str(tmp_path / "again.png"))
    with Image.open(tmp_path / "again.png") as picture:
        assert len(picture.convert("RGB").getcolors(maxcolors=100_000) or ()) > 50
    stage.middle("Sleeping until 14:20")

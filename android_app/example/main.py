"""An app over a model of its own. Its agent works in a service: on a phone Android's, on a desktop a child process."""

import random

from kivy.app import App
from kivy.clock import mainthread
from kivy.uix.button import Button

from circadia_app.companion import Companion


class Example(App):  # type: ignore[misc]
    """One button."""

    def build(self) -> Button:
        """Nothing starts before the person has agreed."""
        self.agent = Companion("agent")
        return Button(text="Agree that it learns here, and ask", on_release=self.ask)

    def ask(self, button: Button) -> None:
        """How you move, by 18 numbers of a motion sensor; here made up."""
        self.agent.agree("1")
        answer = self.agent.ask("submit", x=[random.random() for _ in range(18)], deadline_s=600)
        show = mainthread(lambda done: setattr(button, "text", str(done.exception() or done.result())))
        answer.add_done_callback(show)

    def on_stop(self) -> None:
        """On a phone the agent stays."""
        self.agent.close()


if __name__ in {"__main__", "__android__"}:
    Example().run()

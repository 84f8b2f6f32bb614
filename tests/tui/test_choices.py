"""Options that are marked by keys and mouse."""

from __future__ import annotations

from rich.text import Text
from textual.app import App, ComposeResult

from benchtui.tui.widgets.choices import Choices


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, ...]] = []

    def compose(self) -> ComposeResult:
        options = [(name, Text(f"{name} [/x]")) for name in ("stream", "hpl", "fftw")]
        yield Choices(many=True, options=options, chosen=("hpl",), id="many")
        yield Choices(many=False, options=[("quick", Text("quick")), ("full", Text("full"))], id="one")

    def on_choices_changed(self, message: Choices.Changed) -> None:
        self.told.append(message.control.chosen)


async def test_several_are_chosen_in_the_order_in_which_they_were_marked() -> None:
    app = Host()
    async with app.run_test() as pilot:
        app.query_one("#many").focus()
        await pilot.press("space", "down", "down", "enter", "down", "up", "space")
        await pilot.pause()
        assert app.told == [("hpl", "stream"), ("hpl", "stream", "fftw"), ("stream", "fftw")]
        assert app.query_one("#many", Choices).render().plain.split("\n") == [
            "[x] stream [/x]",
            "[ ] hpl [/x]",
            "[x] fftw [/x]",
        ]


async def test_one_of_two_is_chosen_by_moving_to_it() -> None:
    app = Host()
    async with app.run_test() as pilot:
        one = app.query_one("#one", Choices)
        one.offer(one.options, ("full",))
        one.focus()
        await pilot.press("left", "left", "right")
        await pilot.pause()
        assert app.told == [("quick",), ("full",)]
        assert one.render().plain == "( ) quick  (x) full"


async def test_the_mouse_chooses_what_is_under_it() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await pilot.click("#many", offset=(2, 2))
        await pilot.click("#one", offset=(14, 0))
        await pilot.click("#one", offset=(40, 0))
        await pilot.pause()
        assert app.told == [("hpl", "fftw"), ("full",)]


async def test_without_options_keys_do_nothing() -> None:
    app = Host()
    async with app.run_test() as pilot:
        many = app.query_one("#many", Choices)
        many.offer((), ())
        many.focus()
        await pilot.press("space", "down", "up")
        await pilot.pause()
        assert app.told == []

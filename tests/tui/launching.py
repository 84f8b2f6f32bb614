"""The Launch pane under test: plans by the real planner, of types made by hand, and what a person does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from benchtui.config.form import edited
from benchtui.config.schema import Config
from benchtui.core.catalogue import Catalogue, InstanceType, Missing, Price
from benchtui.engine.offers import TypeOffer
from benchtui.engine.planning import Planned, assemble
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.panes import launch
from benchtui.tui.panes.launch import LaunchPane
from benchtui.tui.screens.launch_confirm import LaunchConfirm
from benchtui.tui.widgets.choices import Choices
from tests.engine.fleet import after
from tests.tui.scripted import ScriptedEngine, until

SHAPES = (
    ("c7g.large", "arm64", 2, 2, 4, "0.0725"),
    ("c7i.large", "x86_64", 2, 1, 4, "0.08925"),
    ("c7a.large", "x86_64", 2, 2, 4, "0.10264"),
    ("c7a.metal-48xl", "x86_64", 192, 192, 384, "9.85344"),
    ("p9.huge", "x86_64", 96, 48, 1152, None),
)


def offers() -> tuple[TypeOffer, ...]:
    """Four types with a price and one without."""
    return tuple(_offer(*shape) for shape in SHAPES)


def _offer(name: str, arch: Any, vcpus: int, cores: int, gib: int, usd: str | None) -> TypeOffer:
    price = (
        Missing(f"the Pricing API has no price for {name} in us-east-1", "give your own rate")
        if usd is None
        else Price(Decimal(usd), "pricing-api", after(0), "us-east-1")
    )
    shape = InstanceType(name, arch, vcpus, cores, vcpus // cores, gib * 1024, "Intel")
    return TypeOffer(shape, price, ("us-east-1a", "us-east-1b"))


def plan_of(config: Config, seed: int) -> Planned:
    """What the engine would plan; types that are not among the offers are declined."""
    known = {offer.name: offer for offer in offers()}
    no = Missing("it is not offered in us-east-1", "correct [plan] types")
    types = {name: known[name].type if name in known else no for name in config.plan.types}
    prices = {name: known[name].price if name in known else no for name in config.plan.types}
    zones = {name: ("us-east-1a",) for name in types}
    return assemble(config, seed, {config.aws.regions[0]: Catalogue(types, prices, zones)})


RUN = "20261124-140200-abcd"
ANSWERS = {"plan": plan_of, "types": lambda _config: offers(), "launch": RUN}
Make = Callable[..., BenchtuiApp]


def config(**changes: str) -> Config:
    texts = {"plan.types": "c7g.large, c7i.large", "plan.seed": "7", "safety.max_runtime": "1h"}
    made = edited(Config(), texts | {key.replace("__", "."): text for key, text in changes.items()})
    assert isinstance(made, Config)
    return made


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No waiting after a key; what is typed is planned at once."""
    monkeypatch.setattr(launch, "DEBOUNCE_SECONDS", 0)
    yield


@pytest.fixture
def engine(engine: ScriptedEngine) -> ScriptedEngine:
    engine.answers |= ANSWERS
    return engine


async def opened(pilot: Pilot[Any]) -> LaunchPane:
    """The pane, with its form and what it makes of it at first."""
    app: Any = pilot.app
    await pilot.pause()
    app.show_pane("launch")
    await until(pilot, lambda: bool(app.query("#field-plan-types")))
    await until(pilot, lambda: bool(app.query_one("#field-plan-suites", Choices).options))
    await pilot.pause()
    return app.query_one(LaunchPane)


def text(app: BenchtuiApp, what: str = "#launch-text") -> str:
    return str(app.query_one(what, Static).render())


def title(app: BenchtuiApp) -> str:
    return str(app.query_one("#launch-plan").border_title)


def notes(app: BenchtuiApp) -> list[str]:
    return [entry.text for entry in app.view.events.entries if entry.source == "benchtui"]


async def typed(pilot: Pilot[Any], field: str, words: str) -> None:
    """Replace the text of a field, key by key."""
    box = pilot.app.screen.query_one(field, Input)
    box.focus()
    await pilot.press("end", "ctrl+u", *words)
    await pilot.pause()


async def asked(pilot: Pilot[Any], app: BenchtuiApp) -> LaunchConfirm:
    await opened(pilot)
    await until(pilot, lambda: "fits" in text(app))
    await pilot.press("ctrl+l")
    await until(pilot, lambda: isinstance(app.screen, LaunchConfirm))
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, LaunchConfirm)
    return screen

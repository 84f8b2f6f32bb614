"""The type picker: what the region sells, narrowed down by the filter language."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from benchtui.core.catalogue import Price
from benchtui.core.comparable import Basis
from benchtui.core.errors import as_error
from benchtui.core.filter import Filter, FilterError
from benchtui.engine.offer_fields import TypeOrder, chosen, parse_filter
from benchtui.engine.offers import TypeOffer, comparable
from benchtui.tui.glyphs import BAD, FAINT, Glyphs
from benchtui.tui.plan_text import problem_lines
from benchtui.tui.safe_text import safe_text
from benchtui.tui.table_layout import Column
from benchtui.tui.widgets.live_table import Cells, LiveTable

if TYPE_CHECKING:
    from benchtui.tui.app import BenchtuiApp

_COLUMNS = (
    Column("type", "TYPE", 14, most=20),
    Column("vendor", "VENDOR", 8, drop=4),
    Column("vcpus", "VCPU", 4, right=True, drop=3),
    Column("cores", "CORES", 6, right=True),
    Column("memory", "GIB", 6, right=True, drop=2),
    Column("price", "$/H", 9, right=True),
    Column("price_core", "$/CORE", 8, right=True, drop=5),
    Column("zones", "ZONES", 5, right=True, drop=6),
    Column("basis", "PRICE FROM", 22, most=60, drop=7),
)
HINTS = "vendor=graviton vcpus<=4 cores>1 memory>8 price<0.20 current=yes c7g"
_EQUAL = {Basis.CORES: "same physical cores as", Basis.VCPUS: "same vCPUs as", Basis.PRICE: "priced like"}


class TypesScreen(ModalScreen[tuple[str, ...] | None]):
    """Answers the chosen types in the order in which they were chosen; None: as it was.

    Args:
        ask: asks for the offers.
        chosen: types that the plan has.
        region: whose types these are.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("ctrl+t", "use", "Use them"),
        Binding("enter", "mark", "Mark"),
        Binding("space", "mark", "Mark", show=False),
        Binding("slash", "filter", "Filter", show=False),
        Binding("x", "clear", "None", show=False),
        Binding("o", "sort_next", "Sort", show=False),
        Binding("O", "sort_reverse", "Reverse", show=False),
        Binding("c", "like", "Comparable", show=False),
    ]

    DEFAULT_CSS = """
    TypesScreen { align: center middle; }
    TypesScreen > Vertical {
        width: 94%; max-width: 110; height: 92%; border: round $primary; background: $surface; padding: 0 1;
    }
    TypesScreen .row { height: 1; }
    TypesScreen .label { width: 8; }
    TypesScreen Input { width: 1fr; }
    TypesScreen #types-says { height: auto; max-height: 4; }
    TypesScreen LiveTable {
        height: 1fr; background: $surface; scrollbar-gutter: stable; scrollbar-size-vertical: 1;
    }
    TypesScreen Button { margin-right: 2; }
    TypesScreen > Vertical:ansi, TypesScreen LiveTable:ansi { background: ansi_default; }
    """

    def __init__(
        self, ask: Callable[[], Awaitable[tuple[TypeOffer, ...]]], chosen: tuple[str, ...], region: str
    ) -> None:
        super().__init__()
        self.chosen = list(chosen)
        self.place = region
        self._ask = ask
        self._offers: tuple[TypeOffer, ...] | None = None
        self._by_name: dict[str, TypeOffer] = {}
        self._pinned = tuple(chosen)  # on top, so that what is chosen is seen first
        self._filter = Filter()
        self._order = TypeOrder()
        self._like: tuple[str, Basis] | None = None  # only types that are fair to compare with this one
        self._problem: list[Text] = []

    @property
    def glyphs(self) -> Glyphs:
        """The signs to use."""
        return cast("BenchtuiApp", self.app).glyphs

    def compose(self) -> ComposeResult:
        """Filter, what it leaves, and the two ways out."""
        dash = " - " if self.glyphs.ascii else " · "
        with Vertical() as box:
            box.border_title = safe_text(f"Instance types of {self.place}").plain
            box.border_subtitle = dash.join(
                ("enter mark", "^t use", "esc back", "tab list", "o sort", "c comparable", "x none")
            )
            with Horizontal(classes="row"):
                yield Static("Filter", classes="label", markup=False)
                yield Input(placeholder=HINTS, id="types-filter", compact=True)
            yield Static("", id="types-says", markup=False)
            yield LiveTable(self._cells, id="types-list")
            with Horizontal(classes="row"):
                yield Button("Use them", id="use", variant="primary", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Ask; what is known at once are the types the plan has."""
        self.query_one(LiveTable).glyphs = self.glyphs
        self._show()
        self.query_one("#types-filter").focus()
        self.run_worker(self._fetch(), exit_on_error=False)

    async def _fetch(self) -> None:
        try:
            self._offers = await self._ask()
        except Exception as problem:
            said = as_error(problem, "the types could not be listed: ")
            self._problem = problem_lines(said, self.glyphs)
        self._by_name = {offer.name: offer for offer in self._offers or ()}
        self._show()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Narrow down as it is typed; half a word leaves the list as it was."""
        try:
            self._filter = parse_filter(message.value)
            self._problem = []
        except FilterError as problem:
            self._problem = problem_lines(problem, self.glyphs)
        self._show()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Enter in the filter marks what the cursor is on."""
        self.action_mark()

    def on_key(self, event: object) -> None:
        """Up and down move in the list while the filter has the focus."""
        key = getattr(event, "key", "")
        table = self.query_one(LiveTable)
        if self.focused is not table and key in ("down", "up", "pagedown", "pageup"):
            step = {"down": 1, "up": -1, "pagedown": 10, "pageup": -10}[key]
            table.action_move(step)
            event.stop()  # type: ignore[attr-defined]

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """One of the two ways out."""
        if message.button.id == "use":
            self.action_use()
        else:
            self.dismiss(None)

    def on_live_table_chosen(self, message: LiveTable.Chosen) -> None:
        """A second click."""
        self._toggle(message.key)

    def action_mark(self) -> None:
        """Choose the type under the cursor, or leave it out again."""
        cursor = self.query_one(LiveTable).cursor
        if cursor is not None:
            self._toggle(cursor)

    def action_filter(self) -> None:
        """To the filter."""
        self.query_one("#types-filter").focus()

    def action_clear(self) -> None:
        """Choose none."""
        self.chosen.clear()
        self._show()

    def action_sort_next(self) -> None:
        """By the next order."""
        self._order = self._order.next()
        self._show()

    def action_sort_reverse(self) -> None:
        """The other way round."""
        self._order = self._order.reversed()
        self._show()

    def action_like(self) -> None:
        """Types with as many cores as the one under the cursor, then vCPUs, then of its price, then all."""
        cursor = self.query_one(LiveTable).cursor
        bases = tuple(Basis)
        if self._like is not None:
            name, basis = self._like
            after = bases.index(basis) + 1
            self._like = (name, bases[after]) if after < len(bases) else None
        elif cursor in self._by_name:
            self._like = (cursor, bases[0])
        self._show()

    def action_use(self) -> None:
        """Take what is chosen."""
        self.dismiss(tuple(self.chosen))

    def _toggle(self, name: str) -> None:
        if name in self.chosen:
            self.chosen.remove(name)
        else:
            self.chosen.append(name)
        self._show()

    def _show(self) -> None:
        offers = self._offers or ()
        found, note = chosen(offers, self._filter, self._order), self._sorting()
        names = {offer.name for offer in found}
        pinned = [
            name for name in self._pinned if name in names or (name not in self._by_name and not self._filter)
        ]
        if self._like is not None:
            found, note = self._alike(found, *self._like)
            pinned = []
        table = self.query_one(LiveTable)
        table.marks = set(self.chosen)
        table.show([*pinned, *(offer.name for offer in found if offer.name not in pinned)], _COLUMNS)
        self.query_one("#types-says", Static).update(
            Text("\n").join(self._says(len(found), len(offers), note))
        )
        self.query_one("#use", Button).label = Text(f"Use {len(self.chosen)}")

    def _sorting(self) -> str | None:
        return None if self._order == TypeOrder() else f"sorted by {self._order}"

    def _alike(
        self, passing: tuple[TypeOffer, ...], name: str, basis: Basis
    ) -> tuple[tuple[TypeOffer, ...], str]:
        """The type itself and those of ``passing`` that are fair to compare with it, and what they share."""
        others = [offer for offer in passing if offer.name != name]
        (found,) = comparable(name, (self._by_name[name], *others), self.place, (basis,))
        matches = [self._by_name[match.candidate.type.name] for match in found.matches]
        note = found.problem or f"{_EQUAL[basis]} {name}"
        return (self._by_name[name], *matches), f"{note} (c: next)"

    def _says(self, shown: int, count: int, note: str | None) -> list[Text]:
        if self._offers is None and not self._problem:
            dots = "..." if self.glyphs.ascii else "…"
            return [Text(f"Asking EC2 for the types of this region{dots}", style=FAINT)]
        dash = f" {self.glyphs.separator} "
        said = [f"{shown} of {count}", f"{len(self.chosen)} chosen"]
        if self._filter:
            said.append(f"filter: {self._filter.text}")
        if note:
            said.append(note)
        since = next((offer.as_of for offer in self._offers or () if offer.as_of is not None), None)
        if since is not None:
            said.append(f"as of {since:%Y-%m-%d %H:%MZ}")
        return (
            [*self._problem, safe_text(dash.join(said), 300)] if self._offers is not None else self._problem
        )

    def _cells(self, name: str) -> Cells:
        offer = self._by_name.get(name)
        if offer is None:
            known = self._offers is not None
            said = safe_text(f"not sold in {self.place}", 60, BAD) if known else Text("")
            return {"type": safe_text(name, 60), "basis": said}
        shape, price, times = offer.type, offer.price, "x" if self.glyphs.ascii else "×"
        smt = "" if shape.threads_per_core == 1 else f"{times}{shape.threads_per_core}"
        cells = {
            "type": safe_text(name, 60),
            "vendor": safe_text(offer.vendor or self.glyphs.unknown, 20),
            "vcpus": Text(str(shape.vcpus)),
            "cores": Text(f"{shape.cores}{smt}"),
            "memory": Text(f"{float(offer.memory_gib):.4g}"),
            "zones": Text(str(len(offer.zones))),
        }
        if isinstance(price, Price):
            cells["price"] = safe_text(f"{price.usd_per_hour:f}", 12)
            cells["price_core"] = safe_text(f"{price.usd_per_hour / shape.cores:.4f}", 12)
            cells["basis"] = safe_text(f"{price.basis} {price.as_of:%Y-%m-%d}", 60, FAINT)
        else:
            cells["basis"] = safe_text(price.reason, 120, FAINT)
        return cells

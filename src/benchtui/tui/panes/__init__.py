"""The panes by name, in the order of their keys. Names alone: the first paint imports no pane."""

TABS: tuple[tuple[str, str], ...] = (
    ("jobs", "Jobs"),
    ("launch", "Launch"),
    ("cost", "Cost & kill"),
    ("compare", "Compare"),
    ("history", "History"),
    ("events", "Events"),
)

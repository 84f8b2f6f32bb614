"""What stands around a table of jobs."""

from __future__ import annotations

from benchtui.core.keys import JobState
from benchtui.core.states import JobStatus
from benchtui.tui.glyphs import Glyphs
from benchtui.tui.job_titles import counted
from tests.engine import fleet

STATES = [
    JobState.RUNNING,
    JobState.RUNNING,
    JobState.LAUNCHED,
    JobState.BOOTED,
    JobState.LOST,
    JobState.COMPLETED,
]


def of(*states: JobState):
    rows = [fleet.row(JobStatus(f"c7g.large-{n}", state)) for n, state in enumerate(states, 1)]
    return fleet.snapshot(rows)


def test_states_are_counted_with_the_number_of_all_at_the_end():
    shown = counted(of(*STATES), 100, Glyphs()).plain
    assert shown == "2 running · 1 booted · 1 booting · 1 lost · 1 done · 6 jobs"


def test_where_there_is_little_room_words_are_short_and_equal_ones_counted_together():
    shown = counted(of(*STATES), 45, Glyphs(ascii=True)).plain
    assert shown == "2 run - 2 boot - 1 lost - 1 done - 6 jobs"


def test_every_state_is_counted():
    shown = counted(of(*JobState), 1000, Glyphs()).plain
    counts = [int(part.split()[0]) for part in shown.split(" · ")]
    assert sum(counts[:-1]) == counts[-1] == len(JobState)

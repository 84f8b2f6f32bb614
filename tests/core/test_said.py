"""What a job has said, summed up one by one, is what all of it says at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.keys import FINAL_BY_INSTANCE, WRITTEN, JobState, Progress, Sentinel
from benchtui.core.said import ON_THE_WAY, Said, order

T0 = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)
GRAVITY = ("COMPLETED", "FAILED", "KILLED", "TIMED_OUT", "EMERGENCY_STOP")


@st.composite
def sentinels(draw: st.DrawFn) -> Sentinel:
    state = draw(st.sampled_from(sorted(WRITTEN, key=lambda state: state.value)))
    suite = draw(st.sampled_from([None, "stream", "hpl"]))
    progress = Progress(draw(st.integers(0, 3)), 3) if suite and draw(st.booleans()) else None
    at = T0 + timedelta(seconds=draw(st.integers(0, 9)))
    return Sentinel(at, "c7g.large-1", draw(st.integers(0, 6)), state, suite, progress)


@given(st.lists(sentinels(), max_size=12), st.randoms(use_true_random=False))
def test_each_answer_is_that_of_the_whole_set(heard: list[Sentinel], chance: object) -> None:
    said = Said()
    for sentinel in heard:
        before = len(said)
        assert said.add(sentinel) is (len(said) > before)
        assert said.add(sentinel) is False
    every = sorted(set(heard), key=order)
    own = [each for each in every if each.seq > 0]
    finals = [each for each in every if each.state in FINAL_BY_INSTANCE]
    steps = [each for each in own if each.state in ON_THE_WAY]
    booted = [each for each in own if each.state is JobState.BOOTED]
    of_suites = [each for each in own if each.suite is not None]
    collected = [each.suite for each in own if each.state is JobState.COLLECTED and each.suite]
    advances = [each for each in own if each.state is JobState.RUNNING and each.progress is not None]
    newest = {each.suite: each for each in advances}
    assert said.in_order == tuple(
        each for each in every if each not in advances or each is newest[each.suite]
    )
    assert len(said) == len(every) - len(advances) + len({each.seq for each in advances})
    assert said.final == max((each.state for each in finals), key=GRAVITY.index, default=None)
    assert said.final_at == max((each.at for each in finals), default=None)
    assert said.booted_at == min((each.at for each in booted), default=None)
    assert said.boot == (booted[0] if booted else None)
    assert said.last_at == max((each.at for each in every), default=None)
    assert said.last_own_at == max((each.at for each in own), default=None)
    signs = [each.at for each in every if each.state is not JobState.DECLINED]
    assert said.last_sign_at == max(signs, default=None)
    assert (said.suite, said.progress) == (
        (of_suites[-1].suite, of_suites[-1].progress) if of_suites else (None, None)
    )
    assert said.collected == tuple(dict.fromkeys(collected))
    numbers = {each.seq for each in own}
    assert said.gaps == tuple(n for n in range(1, max(numbers, default=0)) if n not in numbers)
    if not finals and steps:
        assert said.state is steps[-1].state
    chance.shuffle(heard)  # type: ignore[attr-defined]
    again = Said([*heard, *heard])
    assert again.in_order == said.in_order
    assert (again.state, again.collected, again.gaps) == (said.state, said.collected, said.gaps)


def test_a_long_run_takes_no_more_room_than_a_short_one() -> None:
    said = Said()
    for seq in range(1, 9000):
        said.add(Sentinel(T0, "c7g.large-1", seq, JobState.RUNNING, "stream", Progress(seq, 9999)))
    assert (len(said), said.missing, said.progress) == (8999, 0, Progress(8999, 9999))
    assert len(said.in_order) == 1
    said.add(Sentinel(T0, "c7g.large-1", 9999, JobState.COMPLETED))
    assert said.missing == 999
    assert said.gaps == tuple(range(9000, 9100))

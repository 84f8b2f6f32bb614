"""The state of a job depends on what is known, never on the order in which it came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.keys import FINAL_BY_INSTANCE, JobState, Progress, Sentinel
from benchtui.core.states import Ec2Answer, Ec2State, InstanceView, JobStatus, fold

JOB = "c7g.large-1"
T0 = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)
S = JobState


def said(*states: JobState, suite: str | None = None) -> list[Sentinel]:
    """Sentinels one after another, a second apart, from sequence number 1."""
    return [
        Sentinel(
            T0 + timedelta(seconds=n), JOB, n, state, suite if state in (S.RUNNING, S.COLLECTED) else None
        )
        for n, state in enumerate(states, 1)
    ]


def launcher(state: JobState, at: datetime = T0) -> Sentinel:
    return Sentinel(at, JOB, 0, state)


def seen(state: Ec2State | None, *, reason: str | None = None, expires: datetime | None = None) -> Ec2Answer:
    if state is None:
        return Ec2Answer(known=True)
    view = InstanceView(
        "i-1", "c7g.large", "us-east-1", "us-east-1a", state, T0, JOB, "r", expires, None, reason
    )
    return Ec2Answer(known=True, instances=(view,))


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def judge(
    sentinels: list[Sentinel], answer: Ec2Answer, now: float, heartbeat: float | None = None
) -> JobStatus:
    beat = None if heartbeat is None else at(heartbeat)
    return fold(JOB, sentinels, answer, heartbeat_at=beat, now=at(now))


RUNNING = seen(Ec2State.RUNNING)
WORKING = said(S.BOOTED, S.PREPARING, S.RUNNING, suite="stream")


@pytest.mark.parametrize(
    ("sentinels", "answer", "now", "expected"),
    [
        ([], Ec2Answer(known=True), 1, S.PLANNED),
        ([], Ec2Answer(known=False), 1, S.PLANNED),
        ([launcher(S.LAUNCHED)], Ec2Answer(known=True), 60, S.LAUNCHED),
        ([], seen(Ec2State.PENDING), 60, S.LAUNCHED),
        ([launcher(S.LAUNCHED)], seen(Ec2State.PENDING), 3600, S.LAUNCHED),
        ([launcher(S.DECLINED)], Ec2Answer(known=True), 60, S.DECLINED),
        ([launcher(S.DECLINED)], RUNNING, 60, S.LAUNCHED),
        (said(S.BOOTED), RUNNING, 5, S.BOOTED),
        (said(S.BOOTED, S.PREPARING), RUNNING, 5, S.PREPARING),
        (WORKING, RUNNING, 5, S.RUNNING),
        ([*WORKING, Sentinel(at(4), JOB, 4, S.COLLECTED, "stream")], RUNNING, 5, S.COLLECTED),
        (
            [
                *WORKING,
                Sentinel(at(4), JOB, 4, S.COLLECTED, "stream"),
                Sentinel(at(5), JOB, 5, S.RUNNING, "hpl"),
            ],
            RUNNING,
            6,
            S.RUNNING,
        ),
        (said(S.BOOTED, S.COMPLETED), RUNNING, 5, S.COMPLETED),
        (said(S.BOOTED, S.COMPLETED), seen(Ec2State.TERMINATED), 3600, S.COMPLETED),
        (said(S.BOOTED, S.TIMED_OUT, S.COMPLETED), RUNNING, 5, S.TIMED_OUT),
        (said(S.BOOTED, S.COMPLETED, S.EMERGENCY_STOP), RUNNING, 5, S.EMERGENCY_STOP),
        (WORKING, seen(Ec2State.TERMINATED), 5, S.LOST),
        (WORKING, seen(Ec2State.STOPPED), 5, S.LOST),
        (WORKING, RUNNING, 3 + 91, S.LOST),
        ([launcher(S.LAUNCHED)], RUNNING, 601, S.NEVER_STARTED),
        ([launcher(S.LAUNCHED)], RUNNING, 599, S.LAUNCHED),
        ([launcher(S.LAUNCHED)], Ec2Answer(known=True), 3600, S.LOST),
    ],
)
def test_state(sentinels: list[Sentinel], answer: Ec2Answer, now: float, expected: JobState) -> None:
    assert judge(sentinels, answer, now).state is expected


def test_a_heartbeat_keeps_a_silent_job_alive() -> None:
    assert judge(WORKING, RUNNING, 1000, heartbeat=950).state is S.RUNNING
    assert judge(WORKING, RUNNING, 1000, heartbeat=900).state is S.LOST


@pytest.mark.parametrize("heartbeat", [None, 0])
def test_an_error_of_ec2_is_unknown_never_absent(heartbeat: float | None) -> None:
    unknown = Ec2Answer(known=False)
    assert judge(WORKING, unknown, 86400, heartbeat).state is S.RUNNING
    assert judge([launcher(S.LAUNCHED)], unknown, 86400, heartbeat).state is S.LAUNCHED


def test_gone_without_a_last_word_is_killed_only_if_the_run_was() -> None:
    gone = seen(Ec2State.TERMINATED, reason="Client.UserInitiatedShutdown")
    killed = fold(JOB, WORKING, gone, heartbeat_at=None, now=at(5), killed=True)
    assert (killed.state, killed.over) == (S.KILLED, True)
    assert judge(WORKING, gone, 5).state is S.LOST
    assert fold(JOB, WORKING, RUNNING, heartbeat_at=None, now=at(5), killed=True).state is S.RUNNING
    done = said(S.BOOTED, S.COMPLETED)
    assert fold(JOB, done, gone, heartbeat_at=None, now=at(5), killed=True).state is S.COMPLETED


def test_finished_needs_the_last_word_and_the_instance_ending() -> None:
    done = said(S.BOOTED, S.COMPLETED)
    assert not judge(done, RUNNING, 5).finished
    assert judge(done, seen(Ec2State.SHUTTING_DOWN), 5).finished
    assert not judge(WORKING, seen(Ec2State.TERMINATED), 5).finished
    assert not judge(done, Ec2Answer(known=False), 86400).finished
    assert judge(done, Ec2Answer(known=True), 86400).finished, "EC2 forgets terminated instances"


def test_results_there_but_instance_alive_is_an_alarm() -> None:
    done = said(S.BOOTED, S.COMPLETED)
    assert judge(done, RUNNING, 60).alarm is None
    alarm = judge(done, RUNNING, 300).alarm
    assert alarm is not None and "i-1 is running" in alarm


def test_an_instance_past_its_end_is_an_alarm() -> None:
    alarm = judge(WORKING, seen(Ec2State.RUNNING, expires=at(50)), 60, heartbeat=59).alarm
    assert alarm is not None and "should have ended" in alarm


def test_two_instances_of_one_job_are_an_alarm() -> None:
    two = Ec2Answer(True, (*RUNNING.instances, *RUNNING.instances))
    alarm = judge(WORKING, two, 5).alarm
    assert alarm is not None and alarm.startswith("2 instances")


def test_missing_sequence_numbers_are_told() -> None:
    assert judge([said(S.BOOTED, S.PREPARING, S.RUNNING)[2]], RUNNING, 5).gaps == (1, 2)


def test_progress_and_collected_suites_are_those_last_said() -> None:
    sentinels = [
        Sentinel(at(1), JOB, 1, S.BOOTED),
        Sentinel(at(2), JOB, 2, S.RUNNING, "stream", Progress(1, 3)),
        Sentinel(at(3), JOB, 3, S.COLLECTED, "stream"),
        Sentinel(at(4), JOB, 4, S.RUNNING, "hpl", Progress(2, 9)),
    ]
    status = judge(sentinels, RUNNING, 5)
    assert (status.suite, status.progress, status.collected) == ("hpl", Progress(2, 9), ("stream",))


def test_sentinels_of_other_jobs_do_not_count() -> None:
    other = Sentinel(T0, "c7g.large-2", 1, S.COMPLETED)
    assert judge([other], Ec2Answer(known=True), 5).state is S.PLANNED


sentinel = st.builds(
    Sentinel,
    at=st.integers(0, 600).map(at),
    job=st.sampled_from([JOB, "c7g.large-2"]),
    seq=st.integers(0, 12),
    state=st.sampled_from(sorted(S)),
    suite=st.sampled_from([None, "stream", "hpl"]),
    progress=st.none(),
)
answers = st.one_of(
    st.just(Ec2Answer()), st.just(Ec2Answer(known=True)), st.sampled_from(sorted(Ec2State)).map(seen)
)


@given(st.lists(sentinel, max_size=12), answers, st.randoms(), st.integers(0, 5000))
def test_order_and_duplicates_make_no_difference(
    sentinels: list[Sentinel], answer: Ec2Answer, random: object, now: int
) -> None:
    shuffled = sentinels + sentinels[::2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge(shuffled, answer, now, 0) == judge(sentinels, answer, now, 0)


@given(st.lists(sentinel, max_size=12), st.lists(sentinel, max_size=4), answers, st.integers(0, 5000))
def test_a_late_sentinel_gives_the_state_it_would_have_given_in_time(
    early: list[Sentinel], late: list[Sentinel], answer: Ec2Answer, now: int
) -> None:
    assert judge(early + late, answer, now, 0) == judge(late + early, answer, now, 0)


@given(st.lists(sentinel, max_size=12), st.lists(sentinel, max_size=4), answers, st.integers(0, 5000))
def test_nothing_said_later_makes_a_final_state_unfinal(
    sentinels: list[Sentinel], more: list[Sentinel], answer: Ec2Answer, now: int
) -> None:
    before = judge(sentinels, answer, now, 0).state
    after = judge(sentinels + more, answer, now, 0).state
    if before in FINAL_BY_INSTANCE:
        assert after in FINAL_BY_INSTANCE
        if before is not S.COMPLETED:
            assert after is not S.COMPLETED


@given(st.lists(sentinel, max_size=12), st.integers(0, 500_000))
def test_without_ec2_nothing_is_ever_lost(sentinels: list[Sentinel], now: int) -> None:
    assert judge(sentinels, Ec2Answer(known=False), now, 0).state not in (S.LOST, S.NEVER_STARTED)


def test_an_old_listing_says_nothing_of_a_job_that_spoke_after_it() -> None:
    stale = Ec2Answer(known=True, listed_at=at(0))
    launched = [launcher(S.LAUNCHED, at(200))]
    assert judge(launched, stale, 900).state is S.LAUNCHED
    assert judge([*launched, Sentinel(at(300), JOB, 1, S.BOOTED)], stale, 900).state is S.BOOTED
    assert judge(launched, Ec2Answer(known=True, listed_at=at(890)), 900).state is S.LOST


def test_a_job_that_is_heard_of_is_not_lost_because_ec2_does_not_list_it_yet() -> None:
    unlisted = Ec2Answer(known=True)
    assert judge(WORKING, unlisted, 60, heartbeat=55).state is S.RUNNING
    assert judge(WORKING, unlisted, 600, heartbeat=55).state is S.LOST

"""The program on a pseudo-terminal against the local cloud: as a person uses it, and as it is torn away."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.conftest import FEW_REGIONS, LocalCloud, Start, start_local_cloud
from tests.tui.terminal_session import TerminalSession

__all__ = ["start_local_cloud"]

PLAN = """
[plan]
types = ["local.1cpu"]
replicates = 1
[watch]
poll_seconds = 1
"""
#: What puts a terminal back: the main screen, the cursor, no mouse, no bracketed paste.
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l")
ENTER, ESC, CTRL_K, CTRL_L, CTRL_Q, TAB = "\r", "\x1b", "\x0b", "\x0c", "\x11", "\t"


class Place:
    """A home of its own beside a local cloud."""

    def __init__(self, folder: Path, start: Start) -> None:
        self.folder, self._start = folder, start
        self.state_dir = folder / "state" / "benchtui" / "local"
        (folder / "benchtui.toml").write_text(PLAN)
        self.cloud: LocalCloud | None = None

    def up(self, **options: object) -> LocalCloud:
        self.cloud = self._start(state_dir=self.state_dir, regions=FEW_REGIONS, **options)
        return self.cloud

    @property
    def environ(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }

    def open(self, *arguments: str, size: tuple[int, int] = (120, 36), **environ: str) -> TerminalSession:
        command = [sys.executable, "-m", "benchtui", *arguments]
        return TerminalSession(command, self.environ | environ, self.folder, size)


@pytest.fixture
def place(tmp_path: Path, start_local_cloud: Start) -> Place:
    return Place(tmp_path, start_local_cloud)


def launch(session: TerminalSession) -> str:
    """Launch the plan of the form; the run's id."""
    session.press("2")
    session.wait_for("worst case", 60)
    session.press(CTRL_L)
    screen = session.wait_for(re.compile(r"Type the worst case to launch: +([0-9.]+)").search, 30)
    token = re.search(r"Type the worst case to launch: +([0-9.]+)", screen)
    assert token
    session.settle()
    session.press(token[1])
    session.settle()
    session.press(ENTER)
    screen = session.wait_for(lambda shown: "Jobs 1/1" in shown and "no run" not in shown, 60)
    run = re.search(r"\d{8}-\d{6}-[a-z2-7]{4}", screen)
    assert run
    return run[0]


@pytest.mark.xdist_group("worlds")
@pytest.mark.slow
def test_a_person_launches_watches_compares_kills_and_leaves(place: Place):
    place.up()
    with place.open("--local") as session:
        session.wait_for("holds no run yet", 60)
        first = launch(session)
        session.wait_for(lambda shown: "✓ done" in shown and "TRIAD GB/s" in shown, 120)
        session.press("4")
        session.wait_for(lambda shown: "local.1cpu" in shown and "1 instance, 3 needed" in shown, 30)

        second = launch(session)
        assert second != first
        session.press(CTRL_K)
        session.wait_for("Type the last 4 characters", 30)
        session.press(TAB)
        session.settle()
        session.press(second[-4:])
        session.wait_for("enter ends them", 30)
        session.press(ENTER)
        session.wait_for("PROVEN: every instance is gone", 90)
        session.press(ESC)
        session.press(CTRL_Q)
        assert session.wait(30) == 0
        assert f"{second}: no instance alive".encode() in bytes(session.output).rpartition(RESTORED[0])[2]
    assert place.cloud is not None
    alive = place.cloud.boto3("ec2").describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    )
    assert alive["Reservations"] == []


@pytest.fixture
def simulated_place(place: Place) -> Place:
    """Instances that nobody is home in: they live until they are ended."""
    place.up(host=False)
    return place


SIZES = [
    pytest.param((60, 16), id="60x16"),
    pytest.param((80, 24), id="80x24", marks=pytest.mark.slow),
    pytest.param((240, 80), id="240x80", marks=pytest.mark.slow),
]


Ending = Callable[[TerminalSession], None]


@pytest.mark.long
@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda session: os.kill(session.pid, signal.SIGTERM), 143),
        pytest.param(lambda session: os.kill(session.pid, signal.SIGHUP), 129, marks=pytest.mark.slow),
        pytest.param(lambda session: os.kill(session.pid, signal.SIGINT), 130, marks=pytest.mark.slow),
        (lambda session: session.hang_up(), 129),
    ],
    ids=["SIGTERM", "SIGHUP", "SIGINT", "terminal closed"],
)
def test_torn_away_it_restores_the_terminal_ends_soon_and_leaves_the_instances(
    simulated_place: Place, end: Ending, code: int
):
    with simulated_place.open("--local") as session:
        session.wait_for("holds no run yet", 60)
        run = launch(session)
        session.wait_for("booting", 60)
        before = len(session.output)
        gone = session.terminal
        end(session)
        assert session.wait(10) == code
        if session.terminal == gone:
            last = bytes(session.output[before:])
            assert all(sequence in last for sequence in RESTORED)
            assert run.encode() in last.rpartition(RESTORED[0])[2]
    assert simulated_place.cloud is not None
    alive = simulated_place.cloud.boto3("ec2").describe_instances(
        Filters=[
            {"Name": "tag:benchtui:run", "Values": [run]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
    )
    assert len(alive["Reservations"]) == 1


@pytest.mark.slow
def test_a_cloud_that_goes_away_ages_and_comes_back(simulated_place: Place):
    """No row changes its state and nothing becomes 0 while nobody answers."""
    cloud = simulated_place.cloud
    assert cloud is not None
    with simulated_place.open("--local") as session:
        session.wait_for("holds no run yet", 60)
        launch(session)
        session.wait_for("booting", 60)
        rule = cloud.private("POST", "faults", {"status": 503, "code": "ServiceUnavailable"})["id"]
        shown = session.wait_for(lambda screen: "stale" in screen or "retrying" in screen, 60)
        assert "booting" in shown
        shown = session.wait_for("down", 60)
        assert "booting" in shown
        assert "Jobs 1/1" in shown
        cloud.private("DELETE", f"faults/{rule}")
        session.wait_for("live", 60)


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        ((), {"TERM": "dumb"}, "TERM=dumb"),
        (("--config", "nowhere.toml"), {}, "nowhere.toml"),
    ],
    ids=["TERM=dumb", "no such configuration"],
)
def test_refusals_leave_the_terminal_as_it_was_and_say_what_to_do(
    place: Place, arguments: tuple[str, ...], environ: dict[str, str], said: str
):
    with place.open(*arguments, **environ) as session:
        assert session.wait(20) == 2
        assert said in session.text()


@pytest.mark.long
def test_with_ascii_nothing_else_reaches_the_terminal(simulated_place: Place):
    with simulated_place.open("--local", "--ascii") as session:
        session.wait_for("holds no run yet", 60)
        for key, word in (("2", "Types"), ("4", "ompare"), ("6", "Nothing"), ("3", "ost"), ("?", "Keys")):
            session.press(key)
            session.wait_for(word, 20)
        assert bytes(session.output).isascii()


@pytest.mark.long
def test_no_color_means_none(simulated_place: Place):
    with simulated_place.open("--local", NO_COLOR="1") as session:
        session.wait_for("holds no run yet", 60)
        session.press("2")
        session.wait_for("Types", 20)
        written = re.findall(rb"\x1b\[([0-9;]*)m", bytes(session.output))
    codes = {code for sequence in written for code in sequence.split(b";")}
    # Off, bold, faint, reverse and the like, and the terminal's own colours.
    assert codes <= {b"", b"0", b"1", b"2", b"3", b"4", b"7", b"9", b"39", b"49"}


@pytest.mark.long
@pytest.mark.parametrize("size", SIZES)
def test_every_pane_comes_up_in_any_size(simulated_place: Place, size: tuple[int, int]):
    with simulated_place.open("--local", size=size) as session:
        session.wait_for("holds no run yet", 60)
        words = {"2": "Types", "4": "ompare", "5": "no run yet", "6": "Nothing", "3": "ost"}
        for key, word in words.items():
            session.press(key)
            session.wait_for(word, 20)
        session.press(CTRL_Q)
        assert session.wait(20) == 0

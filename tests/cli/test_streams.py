"""Pipes that close, terminals that can little, locales that know no Unicode."""

import json
import os
import subprocess

import pytest

from .conftest import Cli


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments", [("config", "show"), ("config", "show", "--json"), ("--help",), ("plan", "--offline")]
)
def test_a_reader_that_goes_away_ends_a_command_quietly(cli: Cli, arguments: tuple[str, ...]):
    cli.configure('[plan]\ntypes = ["c7g.large"]\n')
    ours, theirs = os.pipe()
    os.close(ours)
    ended = cli(*arguments, stdout=theirs)
    os.close(theirs)
    assert ended.stderr == ""
    assert ended.returncode == 141  # as of any program that SIGPIPE ends


def test_stderr_that_goes_away_stops_nothing(cli: Cli):
    ours, theirs = os.pipe()
    os.close(ours)
    ended = cli("status", "nonsense", "--json", stderr=theirs)
    os.close(theirs)
    assert ended.returncode == 2
    assert json.loads(ended.stdout)["type"] == "error"


@pytest.mark.long
@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_a_closed_standard_stream_is_no_crash(cli: Cli, descriptor: int):
    stream = ("stdin", "stdout", "stderr")[descriptor]
    ended = cli("config", "show", **{stream: None}, preexec_fn=lambda: os.close(descriptor))
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr


def test_a_locale_without_unicode_gets_ascii(cli: Cli):
    cli.configure('[plan]\ntypes = ["c7g.large"]\nreplicates = 1\n')
    ended = cli("plan", "--offline", env={"PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0
    assert ended.stdout.isascii()
    assert "?" not in ended.stdout


def test_output_in_a_pipe_has_no_control_sequences_and_no_wrapped_cells(cli: Cli):
    cli.configure('[plan]\ntypes = ["c7g.large"]\n')
    ended = cli("plan", "--offline", env={"COLUMNS": "40"})
    assert "\x1b" not in ended.stdout
    row = next(line for line in ended.stdout.splitlines() if line.startswith("c7g.large-1"))
    assert "stream" in row


@pytest.mark.long
@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_no_colours_gets_none(cli: Cli, variable: str, value: str):
    cli.configure('[plan]\ntypes = ["c7g.large"]\n')
    ours, theirs = os.openpty()
    process = cli.start(
        "plan", "--offline", stdout=theirs, stderr=subprocess.DEVNULL,
        env={"TERM": "xterm-256color"} | {variable: value},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait(timeout=30) == 0
    assert b"fits" in shown
    assert b"\x1b[32m" not in shown

"""`make proof-iam`: every command under exactly its policy, then each action taken away, as tables."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
from pathlib import Path

from benchtui.local import daemon
from benchtui.local.options import LocalOptions
from tests.local.conftest import LocalCloud

from .acts import SUBJECTS, Subject
from .matrix import Row, Worked, taken_away, whole
from .setup_acts import DOCTOR, SETUP, STARTING
from .world import World

WIDTH = 180


def main() -> int:
    """Exit status 1 where a command fails under its policy, or a missing action is not named."""
    parser = argparse.ArgumentParser(prog="python -m tests.iam", description=__doc__)
    parser.add_argument("policies", nargs="*", help="names of policies; default: all")
    parser.add_argument("--only", default="", help="take away only actions that begin so: ec2:, iam:Get")
    arguments = parser.parse_args()
    wanted = arguments.policies
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and end the cloud
    wrong = 0
    for account in ("made", "bare"):
        subjects = [one for one in (*SUBJECTS, STARTING, DOCTOR, SETUP) if one.account == account]
        subjects = [one for one in subjects if not wanted or one.policy.name in wanted]
        if subjects:
            with tempfile.TemporaryDirectory(prefix="benchtui-iam-") as folder:
                wrong += _proven(subjects, Path(folder), arguments.only, bare=account == "bare")
    print(f"{wrong} not as it should be" if wrong else "every command works under its policy; "
          "every action taken away is named by what fails without it")  # fmt: skip
    return 1 if wrong else 0


def _proven(subjects: list[Subject], folder: Path, only: str, *, bare: bool) -> int:
    """The tables of these policies, in an account of their own; how much is not as it should be."""
    options = LocalOptions(
        host=False,
        simulate_ec2_types=True,
        oversubscribe=True,
        regions=("us-east-1", "us-west-2"),
        state_dir=folder / "cloud",
        bare=bare,
    )
    state, wrong = daemon.up(options), 0
    try:
        world = World(LocalCloud(state, folder / "cloud"), folder)
        for subject in subjects:
            worked = whole(world, subject)
            wrong += _told(worked)
            sys.stdout.flush()
            wrong += _tabled(taken_away(world, subject, worked, only))
            sys.stdout.flush()
    finally:
        daemon.down(folder / "cloud")
    return wrong


def _told(worked: list[Worked]) -> int:
    """What each command used of its policy; how many did not work."""
    print(f"\n{worked[0].subject}: under exactly this policy")
    for one in worked:
        works = one.works
        mark = "ok  " if works else f"FAIL, exit {one.outcome.code},"
        print(f"  {mark} {one.act.name}: {' '.join(sorted(one.used))}")
        if not works:
            print(f"       {one.outcome.said[-600:]}")
    return sum(not one.works for one in worked)


def _tabled(rows: list[Row]) -> int:
    """A line for each action; how many are not as they should be."""
    if not rows:
        return 0
    print(f"\n{rows[0].subject}: without one action")
    for row in rows:
        act = row.act.name if row.act else "–"
        mark = f"  << {row.problem}" if row.problem else ""
        print(f"  {row.action:36} {act:31} exit {row.code}  {_short(row.message)}"[:WIDTH] + mark)
    return sum(bool(row.problem) for row in rows)


def _short(message: str) -> str:
    """A refusal without whom it names and without the reason that all of them have."""
    before, user, rest = message.partition("User: ")
    _, verb, what = rest.partition("not authorized to perform: ")
    if not verb:
        return message
    head = re.sub(r"^[\d-]+[ T][\d:,.Z]+ |^benchtui: |You are not .* operation\. *$", "", before)
    return f"{head.strip()[:48]} … {what.partition(' because ')[0]}" if user else message


if __name__ == "__main__":
    sys.exit(main())

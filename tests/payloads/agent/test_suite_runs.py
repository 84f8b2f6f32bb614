"""One suite prepared and measured by the agent: repetitions, arms, labels, and failures that stay its own."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import disturbance
from benchtui.core.suites import parse_payload
from chain_clock import ChainClock
from process import Stop
from repetitions import Times
from suites import SuiteRun
from tests.payloads.agent.conftest import write_suite

#: Samples of a metric that says in which arm and repetition it was measured.
COUNTING = """
import os
arm = os.environ.get("ARM", "")
n = int(os.environ["BENCHTUI_REPETITION"])
print('{"sample": "speed", "value": %d}' % (10 + n % 2 * 10))
print('{"check": "sound", "ok": true}')
print('{"fact": "arm", "value": "%s"}' % arm)
"""
BUDGET = "budget_seconds = 20\nfloor = 3\n"
ARM = """
[arms.other]
env = {{ ARM = "other" }}
[arms.other.packages]
debian = ["other-compiler"]
[arms.other.build]
commands = [{command}]
"""


@pytest.fixture(autouse=True)
def _calm_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHTUI_CALM_S", "-1")


def suite(
    tmp_path: Path, script: str, *, mode: str = "", extra: str = "", stop: Stop | None = None, **more: Any
) -> SuiteRun:
    """A suite whose one run is ``script``, as the agent gets it."""
    folder = write_suite(tmp_path / "plain", script, extra=extra)
    text = (folder / "payload.toml").read_text().replace("[[runs]]", mode + "[[runs]]", 1)
    declared = parse_payload(text, str(folder)).for_agent("0" * 64)
    return SuiteRun(
        "plain", declared, "quick", str(folder), Stop() if stop is None else stop, lambda line: None, **more
    )


def command(code: str) -> str:
    return f"['{sys.executable}', '-c', '''{code}''']"


def values(run: SuiteRun, metric: str = "speed") -> list[float]:
    return [sample["value"] for sample in run.records.samples[metric]]


def test_a_run_is_repeated_until_it_is_precise(tmp_path: Path) -> None:
    run = suite(tmp_path, COUNTING.replace("n % 2 * 10", "0"), mode=BUDGET + "precision = 0.02\n")
    run.prepare({})
    run.measure(Times(20, 30))
    assert (run.failure, values(run)) == (None, [10, 10, 10])
    assert [sample["repetition"] for sample in run.records.samples["speed"]] == [0, 1, 2]
    told = run.records.facts["repetitions.main"]
    assert (told["count"], told["stopped"].split(":")[0]) == (3, "precise")
    assert told["half_width_of_95_percent_interval"] == {"speed": 0.0}
    assert run.records.checks[0]["times"] == 3


def test_what_is_not_precise_is_repeated_for_its_budget(tmp_path: Path) -> None:
    run = suite(tmp_path, COUNTING + "import time; time.sleep(0.15)\n", mode=BUDGET + "precision = 0.02\n")
    run.prepare({})
    run.measure(Times(1.5, 30))
    told = run.records.facts["repetitions.main"]
    assert told["count"] > 3
    assert told["stopped"].startswith("budget")
    assert told["half_width_of_95_percent_interval"]["speed"] > 0.02
    observed = run.records.facts["observed"]
    assert 0.15 * told["count"] <= observed["measured_seconds"] <= observed["elapsed_seconds"] <= 2.5
    uptimes = observed["ended_uptime_seconds"] - observed["started_uptime_seconds"]
    assert uptimes == pytest.approx(observed["elapsed_seconds"], abs=0.1)


def test_progress_never_goes_back(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run = suite(
        tmp_path,
        "print('{\"progress\": [1, 2]}')\n" + COUNTING + "import time; time.sleep(0.3)\n",
        mode=BUDGET,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    run.prepare({})
    run.measure(Times(2, 30))
    assert len(seen) >= 4
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {2}


def test_an_arm_is_measured_beside_the_suite_and_never_mixed_with_it(tmp_path: Path) -> None:
    extra = ARM.format(command=command('open("built", "w").write("here")'))
    run = suite(tmp_path, COUNTING, extra=extra)
    run.prepare({})
    run.measure(Times(None, 30))
    assert run.failure is None
    assert set(run.records.samples) == {"speed", "speed:other"}
    assert {check["name"] for check in run.records.checks} == {"sound", "sound:other"}
    assert (run.records.facts["arm"], run.records.facts["arm:other"]) == ("", "other")
    assert run.build["arms"]["other"]["commands"][0][0] == sys.executable
    assert not (tmp_path / "plain/built").exists(), "built in a copy of the folder"
    assert (tmp_path / "plain+other/built").exists()


def test_a_failing_arm_declines_the_arm_alone_with_the_compilers_words(tmp_path: Path) -> None:
    extra = ARM.format(command=command('import sys; sys.exit("x.c:3: error: no such thing")'))
    run = suite(tmp_path, COUNTING, extra=extra)
    run.prepare({})
    run.measure(Times(None, 30))
    assert (run.failure, set(run.records.samples)) == (None, {"speed"})
    assert "x.c:3: error: no such thing" in run.records.declined["arm other"]


def test_an_arm_without_its_package_is_declined_by_the_packages_name(tmp_path: Path) -> None:
    run = suite(tmp_path, COUNTING, extra=ARM.format(command=command("pass")))
    run.prepare({"other": "package other-compiler: E: Unable to locate package"})
    run.measure(Times(None, 30))
    assert (run.failure, set(run.records.samples)) == (None, {"speed"})
    assert "other-compiler" in run.records.declined["arm other"]


def test_a_failing_build_says_what_the_compiler_said(tmp_path: Path) -> None:
    failing = command('import sys; sys.exit("x.c:3: error: no such thing")')
    run = suite(tmp_path, COUNTING, extra=f"[build]\ncommands = [{failing}]\n")
    run.prepare({})
    assert run.failure is not None
    assert run.failure.endswith("exited with 1: x.c:3: error: no such thing")


def test_what_the_agent_does_not_foresee_ends_the_suite_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no counters")

    run = suite(tmp_path, COUNTING)
    run.prepare({})
    monkeypatch.setattr(disturbance, "read", broken)
    run.measure(Times(None, 30))
    assert run.failure == "the agent failed on it: ZeroDivisionError('no counters')"


def test_a_disturbed_repetition_is_kept_labelled_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = suite(tmp_path, COUNTING + "import time; time.sleep(0.2)\n", mode=BUDGET)
    run.prepare({})
    real, number = disturbance.observe, iter(range(100))

    def second_is_disturbed(*args: Any, **more: Any) -> disturbance.Repetition:
        seen = real(*args, **more)
        seen.reasons[:] = ["others used 40% of the CPUs"] if next(number) == 1 else []
        return seen

    monkeypatch.setattr(disturbance, "observe", second_is_disturbed)
    monkeypatch.setattr(disturbance, "compare", lambda repetitions: None)
    run.measure(Times(1, 30))
    labels = [sample.get("disturbed") for sample in run.records.samples["speed"]]
    assert labels[1] == "others used 40% of the CPUs"
    assert [label for label in labels if label] == labels[1:2]
    told = run.records.facts["disturbance"]
    assert (told["repetitions"], told["disturbed"], told["noisy_neighbour"]) == (len(labels), 1, False)


@pytest.mark.parametrize("others", [0.0, 1.0])
def test_calm_is_waited_for_until_it_is_known_that_it_does_not_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: float
) -> None:
    run = suite(tmp_path, COUNTING, mode=BUDGET)
    run.prepare({})
    real, asked = disturbance.observe, []

    def half_a_second(*args: Any, **more: Any) -> disturbance.Repetition:
        seen = real(*args, **more)
        seen.wall_s, seen.others_s = 0.5, others
        return seen

    def wait(_cpus: object, _stop: object, longest_s: float) -> tuple[bool, float]:
        asked.append(longest_s)
        return others == 0, 0.4

    monkeypatch.setenv("BENCHTUI_CALM_S", "5")
    monkeypatch.setattr(disturbance, "observe", half_a_second)
    monkeypatch.setattr(disturbance, "wait_for_calm", wait)
    run._patience_s = 5
    run.measure(Times(1, 30))
    assert asked == [5]
    told = [one.calm for one in run.repetitions]
    assert len(told) > 2
    assert set(told) == {others == 0}


def test_an_order_to_end_while_calm_is_waited_for_ends_the_suite_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHTUI_CALM_S", "60")
    monkeypatch.setattr(disturbance, "CALM_SHARE", -1.0)  # it never is
    stop = Stop()
    run = suite(tmp_path, COUNTING, stop=stop)
    run.prepare({})
    began = time.monotonic()
    threading.Timer(0.3, stop.set, ("KILLED", "enough")).start()
    run.measure(Times(None, 90))
    assert time.monotonic() - began < 5
    assert run.failure is not None
    assert "speed" not in run.records.samples


def test_the_clock_is_read_around_repetitions(tmp_path: Path) -> None:
    common = tmp_path / "common"
    common.mkdir()
    for name in ("clock.c", "chain.h", "common.h"):
        (common / name).write_text((Path("payloads/common") / name).read_text())
    clock = ChainClock(str(common), lambda line: None)
    clock.build()
    if clock.read() is None:
        pytest.skip("no C compiler")
    run = suite(tmp_path, COUNTING, clock=clock)
    run.prepare({})
    run.measure(Times(None, 30))
    told = run.records.facts["disturbance"]["clock_mhz"]
    assert 100 < told["least"] <= told["greatest"] < 10_000


def test_without_a_compiler_the_clock_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    clock = ChainClock(os.path.abspath("payloads/common"), lambda line: None)
    clock.build()
    assert clock.read() is None
    told = disturbance.verdict([], [])
    assert (told["throttled"], told["clock_mhz"]) == (None, None)

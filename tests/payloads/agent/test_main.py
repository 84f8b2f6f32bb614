"""The agent as a process: every key and body it writes, whatever happens to it."""

from __future__ import annotations

from pathlib import Path

from tests.payloads.agent.conftest import SAMPLE, Instance, said, write_suite


def test_a_suite_runs_to_its_end(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))})
    log = instance.finish(instance.start())
    print(log)
    assert instance.states() == [
        "BOOTED",
        "PREPARING",
        "PREPARING/plain",
        "RUNNING/plain",
        "COLLECTED/plain",
        "COMPLETED",
    ]
    assert instance.powered_off

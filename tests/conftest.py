"""How the tests are shared out among processes, and which of them may not run at the same time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about the other processes than about the code.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("shared", max_examples=50, **_PATIENT)
settings.register_profile("thorough", max_examples=1000, **_PATIENT)  # make proof
settings.load_profile("shared")

WORLDS = Path(__file__).parent / "local" / "host"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are CPUs, for tests often wait; none where single files are asked for."""
    if any(Path(argument.partition("::")[0]).is_file() for argument in config.args):
        return 0
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that compare the whole machine before and after a world run in one process, and those with a
    whole local cloud in another: two clouds at a time would wait for the same CPUs."""
    for item in items:
        if item.path.is_relative_to(WORLDS):
            item.add_marker(pytest.mark.xdist_group("worlds"))
        elif "local_cloud" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("clouds"))

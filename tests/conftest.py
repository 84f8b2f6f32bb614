"""How the tests are shared out among processes, and which of them may not run at the same time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Each process collects every test: where no compiled file may be kept, as some images of containers have it,
# each would rewrite every assertion anew.
sys.dont_write_bytecode = False

# How long an example takes says more about the other processes than about the code.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("shared", max_examples=50, **_PATIENT)
settings.register_profile("thorough", max_examples=1000, **_PATIENT)  # make proof
settings.load_profile("shared")

WORLDS = Path(__file__).parent / "local" / "host"
#: What is made once per process and takes seconds: whoever asks for it is in one process with the others of
#: its folder, and these begin first, for they take longest.
DEAR = ("local_cloud", "api_alone", "simulated", "local_api", "api", "world", "doctors_cloud", "scipy_stats")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are CPUs, for tests often wait; none where single files are asked for."""
    if any(Path(argument.partition("::")[0]).is_file() for argument in config.args):
        return 0
    return len(os.sched_getaffinity(0)) + 1


def _company(item: pytest.Item) -> str:
    """With which tests a test runs in one process, one after the other.

    Tests that compare the whole machine before and after a world may not run beside each other, nor those
    with a whole local cloud: two clouds at a time would wait for the same CPUs. The others share what is
    dear, or what their file makes once.
    """
    if item.path.is_relative_to(WORLDS):
        return "worlds"
    marked = item.get_closest_marker("xdist_group")
    if marked is not None:
        return str(marked.args[0])
    asked = getattr(item, "fixturenames", ())
    dear = next((name for name in DEAR if name in asked), None)
    if dear is None:
        return str(item.path.relative_to(Path(__file__).parent))
    return "clouds" if dear == "local_cloud" else f"{dear} {item.path.parent.name}"


@pytest.hookimpl(tryfirst=True)  # before xdist has read the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Groups in the order in which they should begin: the dear ones first, the others as they come."""
    groups: dict[str, list[pytest.Item]] = {"worlds": [], "clouds": []}
    for item in items:
        company = _company(item)
        item.add_marker(pytest.mark.xdist_group(company))
        groups.setdefault(company, []).append(item)
    if hasattr(config, "workerinput"):
        first = sorted(groups, key=lambda name: " " not in name and name.endswith(".py"))
        items[:] = [item for name in first for item in groups[name]]

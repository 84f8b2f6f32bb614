"""A local cloud for the doctor alone: what is planted in it must not surprise other tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor.patient import Patient
from tests.local.conftest import FEW_REGIONS, LocalCloud, Start, start_local_cloud

__all__ = ["start_local_cloud"]


@pytest.fixture(scope="session")
def doctors_cloud(start_local_cloud: Start, tmp_path_factory: pytest.TempPathFactory) -> LocalCloud:
    folder = tmp_path_factory.mktemp("doctors-cloud")
    return start_local_cloud(state_dir=folder, host=False, regions=FEW_REGIONS)


@pytest.fixture
def patient(doctors_cloud: LocalCloud, tmp_path: Path) -> Iterator[Patient]:
    yield Patient(doctors_cloud, tmp_path)
    doctors_cloud.private("DELETE", "faults")

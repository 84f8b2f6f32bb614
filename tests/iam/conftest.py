"""The account that the proofs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local.conftest import Start, start_local_cloud

from .world import World

__all__ = ["start_local_cloud"]


@pytest.fixture(scope="session")
def world(start_local_cloud: Start, tmp_path_factory: pytest.TempPathFactory) -> World:
    """An account as setup leaves one; instances in it run by a timer and nobody is home."""
    folder: Path = tmp_path_factory.mktemp("iam")
    return World(start_local_cloud(host=False, simulate_ec2_types=True), folder)

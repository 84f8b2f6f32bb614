"""The oracle of the statistics, which takes seconds to import: only the process that asks it does."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def scipy_stats() -> Any:
    from scipy import stats

    return stats


@pytest.fixture(scope="session")
def scipy_special() -> Any:
    from scipy import special

    return special

"""The mechanisms that an instance tells of are those that the engine's tests let instances tell of."""

from __future__ import annotations

import mechanisms
from tests.engine import fleet


def test_tests_of_the_engine_know_every_mechanism_of_an_instance() -> None:
    assert fleet.MECHANISMS == mechanisms.MECHANISMS

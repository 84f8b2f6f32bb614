"""Layer 2 as a user meets it: refused, launched without it, and shown either way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import PLAN, Cli

DENIED = {
    "service": "scheduler",
    "action": "CreateSchedule",
    "status": 403,
    "code": "AccessDeniedException",
    "message": "User: x is not authorized to perform: scheduler:CreateSchedule",
}


def layer_2(told: dict[str, Any]) -> dict[str, Any]:
    (found,) = (layer for layer in told["layers"] if layer["number"] == 2)
    return dict(found)


@pytest.mark.slow
def test_a_schedule_that_may_not_be_made_stops_the_launch_unless_it_is_not_required(local_cli: Cli) -> None:
    assert local_cli.cloud is not None
    local_cli.cloud.private("POST", "faults", DENIED)
    refused = local_cli("run", "--yes", "--detach", "--local")
    assert refused.returncode == 3
    assert "nothing is launched" in refused.stderr and "scheduler:CreateSchedule" in refused.stderr
    assert "[safety] require_layers = []" in refused.stderr
    local_cli.configure(PLAN.replace("[safety]", "[safety]\nrequire_layers = []"))
    run = local_cli.run_detached()
    told = layer_2(json.loads(local_cli("status", run, "--local", "--json").stdout))
    assert (told["name"], told["state"]) == ("schedule", "not armed")
    assert "AccessDeniedException" in told["why"]


def test_status_shows_every_layer(local_cli: Cli, standing_run: str) -> None:
    shown = local_cli("status", standing_run, "--local", env={"COLUMNS": "140"}).stdout
    for name in ("1 timers", "2 schedule", "3 tags", "4 sweep", "5 budget"):
        assert name in shown
    assert "armed, no drill yet: tag " in shown and "id 2/2" in shown

"""A drill needs agreement; on the local cloud it really loses four instances and says what ended each."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Cli, last_line


def test_a_drill_nobody_agreed_to_launches_nothing(local_cli: Cli) -> None:
    unasked = local_cli("drill", "--local")
    assert unasked.returncode == 2
    assert "--confirm drill" in unasked.stderr
    assert local_cli("drill", "--local", "--confirm", "yes").returncode == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_loss_is_ended_by_its_layer_and_status_shows_the_proof(cli: Cli) -> None:
    """Real user data in real worlds, real time: about seven minutes."""
    try:
        ended = cli("drill", "--local", "--json", "--confirm", "drill", patience=800)
        summary = last_line(ended.stdout)
        found = {each["loss"]: each for each in summary["losses"]}
        assert ended.returncode == 0, ended.stderr
        assert {loss: each["layer"] for loss, each in found.items()} == {
            "launcher gone": 1,
            "agent killed": 1,
            "user data hung before the network": 1,
            "schedule only": 2,
        }
        assert all(each["seconds"] <= each["due_seconds"] for each in found.values())
        assert summary["proven_gone"]
        assert summary["recorded"]
        cli.configure('[plan]\ntypes = ["local.1cpu"]\n[safety]\nmax_runtime = "5m"\n')
        run = cli("run", "--local", "--yes", "--detach").stdout.strip()
        status = json.loads(cli("status", run, "--local", "--json").stdout)
        layers = {layer["number"]: layer for layer in status["layers"]}
        assert layers[2]["state"] == "armed", "the drill has seen it"
        assert cli("kill", run, "--local", "--confirm", run).returncode == 0
    finally:
        cli("local", "down")

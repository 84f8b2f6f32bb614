"""Nothing that user data does may power off, change or fill the machine it runs on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.local.host.world import Rung

from . import worlds
from .hostile import ATTACKS, OFF, QUICK, SH, Attack, Machine, differences
from .worlds import run


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    yield Machine.now()


def _needs(rung: Rung) -> None:
    report = next(report for report in worlds.ladder(rung).rungs if report.rung == rung)
    if not report.works:
        pytest.skip(f"{rung}: {report.reason}")


@pytest.mark.parametrize(
    ("rung", "attack"),
    [
        *(
            pytest.param(
                "T1", attack, id=f"T1-{attack.name}", marks=() if attack in QUICK else pytest.mark.long
            )
            for attack in ATTACKS
        ),
        # The other rung differs in how a world is made: two attacks in every run, all of them in make proof.
        *(
            pytest.param("T2", attack, id=f"T2-{attack.name}", marks=pytest.mark.slow if number > 1 else ())
            for number, attack in enumerate(QUICK)
        ),
    ],
)
def test_machine_is_untouched_by(rung: Rung, attack: Attack, machine: Machine, tmp_path: Path) -> None:
    _needs(rung)
    before = Machine.now()
    outcome = run(attack.script, rung, directory=tmp_path, timeout_s=attack.seconds, processes=512)
    after = Machine.now()
    assert outcome.started, outcome.console
    assert differences(before, after) == []
    assert outcome.strays == []
    assert outcome.cgroups_left == []
    assert list(tmp_path.iterdir()) == []
    if attack.ends is not None:
        assert outcome.how == attack.ends, outcome.console
    for text in attack.says:
        assert text in outcome.console
    for text in attack.never:
        assert text not in outcome.console


def test_machine_is_the_same_after_all_of_them(machine: Machine) -> None:
    assert differences(machine, Machine.now()) == []


def test_abstract_sockets_of_the_machine_are_out_of_reach(tmp_path: Path) -> None:
    _needs("T1")
    from benchtui.local.host import linux

    try:
        abi = linux.syscall(444, None, 0, 1)
    except OSError:
        abi = 0
    if abi < 6:
        pytest.skip("Landlock ABI 6 (Linux 6.12) is needed to close abstract sockets in a shared network")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0benchtui-test-socket")
        listener.listen()
        client = "import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + 'benchtui-test-socket')"
        outcome = run(f'{SH}python3 -c "{client}" 2>/dev/null || echo refused{OFF}', directory=tmp_path)
    assert "refused" in outcome.console


def test_disk_of_a_full_world_stays_within_its_volume(tmp_path: Path) -> None:
    _needs("T1")
    outcome = run(
        f"{SH}dd if=/dev/zero of=/fill bs=1M 2>/dev/null; stat -c %s /fill{OFF}",
        directory=tmp_path,
        disk=96 << 20,
    )
    assert 48 << 20 < int(outcome.console.split()[0]) < 96 << 20

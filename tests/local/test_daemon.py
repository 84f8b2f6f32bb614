from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import benchtui
from benchtui.local import daemon, readiness
from benchtui.local.errors import LocalCloudError
from benchtui.local.host.ladder import Ladder, RungReport
from benchtui.local.options import LocalOptions
from benchtui.local.state import LocalState, default_state_dir, state_path
from tests.local.api.conftest import launch
from tests.local.conftest import LocalCloud

starts_worlds = pytest.mark.xdist_group("worlds")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A state directory whose local cloud ends with the test."""
    yield tmp_path / "state"
    daemon.down(tmp_path / "state")


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, LocalState]]:
    """A local cloud for tests that end nothing of it, and its state directory."""
    directory = tmp_path_factory.mktemp("standing") / "state"
    yield directory, daemon.up(LocalOptions(state_dir=directory, host=False))
    daemon.down(directory)


def eventually(condition: Callable[[], bool], what: str, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.long
def test_up_status_down(directory: Path) -> None:
    assert daemon.status(directory) is None and daemon.down(directory) is False
    state = daemon.up(LocalOptions(state_dir=directory, host=False))
    shown = daemon.status(directory)
    assert shown is not None and (shown.ready, shown.instances, shown.host_running) == (True, 0, None)
    assert daemon.up(LocalOptions(state_dir=directory, host=False)) == state
    assert daemon.down(directory) is True
    assert daemon.status(directory) is None and not alive(state.pid)
    assert not state_path(directory).exists()


@pytest.mark.long
def test_the_state_file_is_for_its_owner_only(standing: tuple[Path, LocalState]) -> None:
    directory, state = standing
    assert state_path(directory).stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert state.token not in (directory / "logs" / "api.log").read_text()


def test_the_environment_is_what_every_sdk_reads(standing: tuple[Path, LocalState]) -> None:
    _, state = standing
    assert daemon.environment(state) == {
        "AWS_ENDPOINT_URL": state.endpoint,
        "AWS_ACCESS_KEY_ID": state.access_key_id,
        "AWS_SECRET_ACCESS_KEY": state.secret_access_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    assert state.token not in daemon.environment(state).values()


@pytest.mark.long
def test_up_from_many_at_once_starts_one(directory: Path) -> None:
    with ThreadPoolExecutor(5) as pool:
        states = list(pool.map(lambda _: daemon.up(LocalOptions(state_dir=directory, host=False)), range(5)))
    assert len({s.pid for s in states}) == 1


def test_a_second_daemon_in_the_same_directory_gives_up(standing: tuple[Path, LocalState]) -> None:
    directory, _ = standing
    options = LocalOptions(state_dir=directory, host=False).to_json()
    second = subprocess.run(
        [sys.executable, "-m", "benchtui.local.daemon", "--options", options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 3 and "another local cloud runs" in second.stderr


@pytest.mark.long
def test_a_port_that_is_taken_is_reported_with_the_log(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalCloudError) as failure:
            daemon.up(LocalOptions(state_dir=directory, host=False, port=port))
    assert "before it was ready" in failure.value.what and str(port) in failure.value.what
    assert "api.log" in str(failure.value.fix)


@pytest.mark.long
def test_a_fixed_port_is_used(directory: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    state = daemon.up(LocalOptions(state_dir=directory, host=False, port=port))
    assert state.endpoint == f"http://127.0.0.1:{port}"


def test_without_moto_the_extra_is_named(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LocalCloudError, match=r"pip install 'benchtui\[local\]'"):
        daemon.up(LocalOptions(state_dir=directory, host=False))


@pytest.mark.slow
def test_it_ends_itself_when_idle(directory: Path) -> None:
    state = daemon.up(LocalOptions(state_dir=directory, host=False, idle_minutes=1.5 / 60))
    # Asking for its health does not keep it alive.
    eventually(lambda: daemon.status(directory) is None, "the idle daemon ends")
    eventually(lambda: not alive(state.pid), "its process is gone")
    assert not state_path(directory).exists()


@pytest.mark.slow
def test_up_while_another_is_ending_waits_for_it(directory: Path) -> None:
    first = daemon.up(LocalOptions(state_dir=directory, host=False))
    os.kill(first.pid, signal.SIGTERM)
    state_path(directory).unlink(missing_ok=True)
    second = daemon.up(LocalOptions(state_dir=directory, host=False))
    assert second.pid != first.pid and not alive(first.pid)


@pytest.mark.slow
def test_a_live_instance_keeps_it(directory: Path) -> None:
    options = LocalOptions(state_dir=directory, host=True, spawn_host=False, idle_minutes=4.0 / 60)
    cloud = LocalCloud(daemon.up(options), directory)
    instance_id = launch(cloud)["InstanceId"]
    time.sleep(5)
    assert daemon.status(directory) is not None
    cloud.private("POST", f"instances/{instance_id}/started", {})
    cloud.boto3("ec2").terminate_instances(InstanceIds=[instance_id])
    cloud.private("POST", f"instances/{instance_id}/ended", {"cause": "terminated"})
    eventually(lambda: daemon.status(directory) is None, "the daemon ends after its last instance")


@pytest.mark.long
def test_the_callers_aws_settings_do_not_reach_it(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    state = daemon.up(LocalOptions(state_dir=directory, host=False))
    monkeypatch.delenv("AWS_PROFILE")
    cloud = LocalCloud(state, directory)
    monkeypatch.delenv("HTTP_PROXY")
    assert cloud.boto3("sts").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.long
@starts_worlds
def test_up_returns_when_it_is_known_in_what_instances_run(directory: Path) -> None:
    daemon.up(LocalOptions(state_dir=directory))
    shown = daemon.status(directory)
    assert shown is not None and shown.ladder is not None
    assert shown.ladder.chosen in {rung.rung for rung in shown.ladder.rungs if rung.works}


@pytest.mark.long
@starts_worlds
def test_where_no_instance_can_run_it_does_not_start_and_says_why(directory: Path) -> None:
    with pytest.raises(LocalCloudError) as failure:
        daemon.up(LocalOptions(state_dir=directory, rung="T3"))
    title, *rungs = failure.value.what.splitlines()
    assert title == "no instance can run on this machine:"
    assert [line.split(",")[0].strip() for line in rungs] == ["T1", "T2", "T3"]
    assert all("not tried: T3 was asked for" in line for line in rungs[:2])
    assert "refused as root" in rungs[2] or "not offered" in rungs[2]
    assert failure.value.fix == readiness.way_out()
    assert daemon.status(directory) is None and not state_path(directory).exists()


@pytest.mark.long
@starts_worlds
def test_one_that_runs_and_can_run_no_instance_is_an_error_each_time(directory: Path) -> None:
    daemon.up(LocalOptions(state_dir=directory))
    Ladder(None, (RungReport("T2", "namespaces", False, "unshare: not permitted"),), "", True).write(
        directory
    )
    with pytest.raises(LocalCloudError, match="T2, namespaces: unshare: not permitted"):
        daemon.up(LocalOptions(state_dir=directory))


@starts_worlds
@pytest.mark.slow
def test_what_an_earlier_host_found_does_not_count(directory: Path) -> None:
    (directory / "host").mkdir(parents=True)
    Ladder(None, (), "", True).write(directory)
    daemon.up(LocalOptions(state_dir=directory))
    found = Ladder.read(directory)
    assert found is not None and found.chosen is not None


@pytest.mark.long
def test_a_host_that_ends_before_it_knows_is_an_error_with_its_log(directory: Path) -> None:
    state = daemon.up(LocalOptions(state_dir=directory, host=False))
    (directory / "logs" / "host.log").write_text("ImportError: no luck")
    dataclasses.replace(state, hosted=True, host_pid=4711).write(state_path(directory))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(readiness.require_rung, directory)
        time.sleep(0.3)
        dataclasses.replace(state, hosted=True, host_pid=None).write(state_path(directory))
        with pytest.raises(LocalCloudError, match="ImportError: no luck"):
            waiting.result(10)


@pytest.mark.parametrize(
    ("setting", "value", "fix"),
    [
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
        ("kernel/unprivileged_userns_clone", "1", "or run this as root"),
    ],
)
def test_the_way_out_names_the_setting_that_stands_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, fix: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    (tmp_path / setting).parent.mkdir()
    (tmp_path / setting).write_text(f"{value}\n")
    assert fix in readiness.way_out(tmp_path)


def test_the_way_out_for_root_and_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--privileged" in readiness.way_out()
    monkeypatch.setattr("sys.platform", "darwin")
    assert "Linux" in readiness.way_out()


@pytest.mark.slow
def test_one_of_another_version_is_started_anew(directory: Path) -> None:
    first = daemon.up(LocalOptions(state_dir=directory, host=False))
    dataclasses.replace(first, version="0.0.1").write(state_path(directory))
    second = daemon.up(LocalOptions(state_dir=directory, host=False))
    assert second.pid != first.pid and not alive(first.pid)
    assert second.version == benchtui.__version__


@pytest.mark.slow
def test_one_of_another_version_with_instances_is_left_alone_and_down_is_named(directory: Path) -> None:
    first = daemon.up(LocalOptions(state_dir=directory, host=False))
    launch(LocalCloud(first, directory))
    dataclasses.replace(first, version="0.0.1").write(state_path(directory))
    with pytest.raises(LocalCloudError, match=r"of benchtui 0\.0\.1, .* 1 of its instances") as failure:
        daemon.up(LocalOptions(state_dir=directory, host=False))
    assert "benchtui local down" in str(failure.value.fix)
    assert alive(first.pid)


def test_the_state_file_of_a_version_that_knew_less_is_read(tmp_path: Path) -> None:
    state = LocalState(1, None, "http://127.0.0.1:1", "t", "", "0.0.1", "a", "s", False, False, None, "logs")
    state.write(tmp_path / "state.json")
    fields = json.loads((tmp_path / "state.json").read_text())
    del fields["hosted"]
    (tmp_path / "state.json").write_text(json.dumps(fields))
    assert LocalState.read(tmp_path / "state.json") == state


@starts_worlds
def test_the_host_is_started_watched_and_ended(directory: Path) -> None:
    state = daemon.up(LocalOptions(state_dir=directory))
    eventually(lambda: (s := daemon.status(directory)) is not None and bool(s.host_running), "a host runs")
    (first,) = children_of(state.pid)
    os.kill(first, signal.SIGKILL)

    def another_runs() -> bool:
        shown = daemon.status(directory)
        return shown is not None and bool(shown.host_running) and shown.state.host_pid != first

    eventually(another_runs, "the host is started again")
    (second,) = children_of(state.pid)
    daemon.down(directory)
    assert not alive(state.pid) and not alive(second)


@starts_worlds
def test_no_host_outlives_an_api_that_was_killed(directory: Path) -> None:
    state = daemon.up(LocalOptions(state_dir=directory))
    eventually(lambda: (s := daemon.status(directory)) is not None and bool(s.host_running), "a host runs")
    (host,) = children_of(state.pid)
    os.kill(state.pid, signal.SIGKILL)
    eventually(lambda: not alive(state.pid), "the API is dead")
    assert daemon.status(directory) is None
    daemon.down(directory)
    eventually(lambda: not alive(host), "the host ends as well")
    assert daemon.up(LocalOptions(state_dir=directory, host=False)).pid != state.pid


@pytest.mark.long
def test_sigterm_ends_it_cleanly(directory: Path) -> None:
    state = daemon.up(LocalOptions(state_dir=directory, host=False))
    os.kill(state.pid, signal.SIGTERM)
    eventually(lambda: not alive(state.pid), "it ends")
    assert not state_path(directory).exists()
    assert (directory / "logs" / "api.log").read_text().rstrip().endswith("ended")


@pytest.mark.long
def test_one_whose_folder_was_deleted_leaves_the_next_one_s_state_file(directory: Path) -> None:
    first = daemon.up(LocalOptions(state_dir=directory, host=False))
    shutil.rmtree(directory)
    second = daemon.up(LocalOptions(state_dir=directory, host=False))
    assert second.pid != first.pid
    os.kill(first.pid, signal.SIGTERM)
    eventually(lambda: not alive(first.pid), "the first one ends")
    assert LocalState.read(state_path(directory)) == second


@pytest.mark.long
def test_a_state_file_of_a_dead_process_counts_as_nothing(directory: Path) -> None:
    state = daemon.up(LocalOptions(state_dir=directory, host=False))
    daemon.down(directory)
    state.write(state_path(directory))
    assert daemon.status(directory) is None
    assert daemon.down(directory) is False and not state_path(directory).exists()


def test_options_survive_their_way_to_the_daemon(tmp_path: Path) -> None:
    options = LocalOptions(port=1, idle_minutes=2.5, oversubscribe=True, rung="T2", state_dir=tmp_path)
    assert LocalOptions.from_json(options.to_json()) == options
    assert LocalOptions.from_json("{}") == LocalOptions()


def test_the_default_directory_is_xdg_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state_dir() == tmp_path / "benchtui" / "local"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_state_dir() == tmp_path / ".local" / "state" / "benchtui" / "local"


@pytest.mark.parametrize("text", ["", "[]", "{", json.dumps({"pid": 1})])
def test_a_broken_state_file_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert LocalState.read(tmp_path / "state.json") is None


@pytest.mark.long
def test_importing_the_daemon_loads_neither_moto_nor_boto() -> None:
    code = (
        "import sys, benchtui.local.daemon;"
        "sys.exit(any(m.split('.')[0] in ('moto', 'boto3', 'botocore', 'flask') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0

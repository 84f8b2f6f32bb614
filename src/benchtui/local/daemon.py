"""Start, find and end the local cloud. `python -m benchtui.local.daemon` is its API process."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import fcntl
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from benchtui import __version__
from benchtui.config.paths import private_dir

from .errors import LocalCloudError
from .options import LocalOptions
from .state import DEFAULT_REGION, LocalState, default_state_dir, state_path

if TYPE_CHECKING:
    from .host.ladder import Ladder

READY_WITHIN_S = 30.0
GONE_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """A running local cloud as `benchtui local status` shows it.

    Attributes:
        state: the state file's content.
        ready: whether it answers.
        instances: live instances, None when it does not answer.
        host_running: whether the instance host's process is alive; None when it runs without one.
        ladder: in what instances run and why not in better; None while the host has not found out.
    """

    state: LocalState
    ready: bool
    instances: int | None
    host_running: bool | None
    ladder: Ladder | None


def up(options: LocalOptions | None = None) -> LocalState:
    """The running local cloud, started if there is none; returns when it answers and instances can run.

    A running one is returned as it is, whatever the options say; one of another version is started anew.
    Raises LocalCloudError when the extra `local` is not installed or the start fails (the message then holds
    the end of its log), when no instance can run on this machine, and when one of another version has
    instances.
    """
    from .readiness import require_rung

    options = options or LocalOptions()
    directory = (options.state_dir or default_state_dir()).absolute()
    private_dir(directory)
    with _locked(directory / "up.lock"):
        running = LocalState.read(state_path(directory))
        if running is not None and _in_use(running) and not _outdated(running, directory):
            require_rung(directory)
            return running
        if importlib.util.find_spec("moto") is None:
            raise LocalCloudError(
                "the local cloud needs the extra: pip install 'benchtui[local]'",
                "install it into the same environment, then run the command again",
            )
        process = _spawn(dataclasses.replace(options, state_dir=directory), directory)
        state = _wait_until_ready(process, directory)
        try:
            require_rung(directory)
        except LocalCloudError:
            down(directory)
            raise
        return state


def _outdated(running: LocalState, directory: Path) -> bool:
    """Whether it was of another version and is ended now. One with instances is not ended by the way."""
    if running.version == __version__:
        return False
    health = _health(running)
    live = None if health is None else int(health["instances"])
    if live != 0:
        raise LocalCloudError(
            f"the local cloud that runs is of benchtui {running.version}, this is {__version__}, and "
            f"{'perhaps some' if live is None else live} of its instances are alive",
            "let them end, or end them and it: benchtui local down; then run the command again",
        )
    down(directory)
    return True


def _spawn(options: LocalOptions, directory: Path) -> subprocess.Popen[bytes]:
    # Another profile, endpoint or moto setting of the caller must not reach the server.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_", "BENCHTUI_"))}
    environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    environment |= {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONUNBUFFERED": "1"}
    logs = directory / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / "api.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "benchtui.local.daemon", "--options", options.to_json()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=directory,
            env=environment,
            start_new_session=True,
        )


def _wait_until_ready(process: subprocess.Popen[bytes], directory: Path) -> LocalState:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        state = LocalState.read(state_path(directory))
        if state is not None and state.pid == process.pid and _health(state) is not None:
            return state
        if process.poll() is not None:
            raise _failed(f"ended with status {process.returncode} before it was ready", directory)
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise _failed(f"was not ready within {READY_WITHIN_S:.0f} s", directory)


def _failed(what: str, directory: Path) -> LocalCloudError:
    from .readiness import tail

    log = directory / "logs" / "api.log"
    return LocalCloudError(f"the local cloud {what}; the end of {log}:\n{tail(log)}", f"read {log}")


def down(state_dir: Path | None = None) -> bool:
    """End the running local cloud and all its instances; False when none was running.

    Returns when its processes are gone. Raises LocalCloudError when they do not go.
    """
    path = state_path(state_dir)
    state = LocalState.read(path)
    if state is None or not _is_ours(state.pid, "benchtui.local.daemon"):
        if state is not None:
            _end_orphaned_host(state)
            path.unlink(missing_ok=True)
        return False
    if not _end_and_wait(state.pid):
        raise LocalCloudError(
            f"the local cloud (process {state.pid}) does not end",
            f"kill -9 {state.pid}, then run this again",
        )
    return True


def _end_and_wait(pid: int) -> bool:
    """Send SIGTERM and wait until the process has ended; False when it does not in time."""
    with contextlib.suppress(ProcessLookupError), contextlib.ExitStack() as opened:
        handle = None
        if hasattr(os, "pidfd_open"):
            handle = os.pidfd_open(pid)  # tells the very end of this process, whoever gets its id next
            opened.callback(os.close, handle)
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + GONE_WITHIN_S
        while time.monotonic() < deadline:
            if handle is not None and select.select([handle], [], [], 0.1)[0]:
                break
            if handle is None and not _is_ours(pid, "benchtui.local.daemon"):
                break
            time.sleep(0 if handle is not None else 0.05)
        else:
            return False
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # started by this very process: else it stays a zombie
    return True


def status(state_dir: Path | None = None) -> LocalStatus | None:
    """What runs; None when nothing does."""
    state = LocalState.read(state_path(state_dir))
    if state is None or not _is_ours(state.pid, "benchtui.local.daemon"):
        return None
    from .host.ladder import Ladder

    health = _health(state)
    host = None if state.host_pid is None else _is_ours(state.host_pid, "benchtui.local.host")
    return LocalStatus(
        state=state,
        ready=health is not None,
        instances=None if health is None else int(health["instances"]),
        host_running=host,
        ladder=Ladder.read((state_dir or default_state_dir()).absolute()),
    )


def environment(state: LocalState) -> dict[str, str]:
    """The variables that make every AWS SDK and tool talk to this local cloud."""
    return {
        "AWS_ENDPOINT_URL": state.endpoint,
        "AWS_ACCESS_KEY_ID": state.access_key_id,
        "AWS_SECRET_ACCESS_KEY": state.secret_access_key,
        "AWS_DEFAULT_REGION": DEFAULT_REGION,
    }


def request(state: LocalState, method: str, route: str, content: Any = None, timeout_s: float = 5.0) -> Any:
    """Call a private route (`faults`, `instances/i-…/console`); returns its JSON.

    Raises urllib.error.HTTPError for a refusal, OSError when nobody answers.
    """
    body = None if content is None else json.dumps(content).encode()
    sent = urllib.request.Request(  # noqa: S310  (the endpoint is our own, on loopback)
        f"{state.endpoint}/_benchtui/{route}",
        data=body,
        method=method,
        headers={"X-Benchtui-Token": state.token, "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(sent, timeout=timeout_s) as reply:
        return json.load(reply)


def _health(state: LocalState) -> Any:
    try:
        return request(state, "GET", "health")
    except (OSError, ValueError):
        return None


def _in_use(state: LocalState) -> bool:
    """Whether it answers; to be asked for counts as use, so that it does not end as idle just now."""
    try:
        request(state, "POST", "use")
    except (OSError, ValueError):
        return False
    return True


def _is_ours(pid: int, module: str) -> bool:
    """Whether a live process with this id runs this module (ids are used again)."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return module.encode() in words
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    except OSError:
        return False
    listed = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return module in listed.stdout.split()


def _end_orphaned_host(state: LocalState) -> None:
    if state.host_pid is not None and _is_ours(state.host_pid, "benchtui.local.host"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.host_pid, signal.SIGTERM)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or idleness. Exit status 3 when another one holds the state directory."""
    parser = argparse.ArgumentParser(prog="python -m benchtui.local.daemon", description=__doc__)
    parser.add_argument("--options", default="{}", help="JSON of LocalOptions")
    options = LocalOptions.from_json(parser.parse_args(arguments).options)
    directory = (options.state_dir or default_state_dir()).absolute()
    private_dir(directory)
    (directory / "logs").mkdir(exist_ok=True)
    with (directory / "daemon.lock").open("w") as lock:
        if not _sole(lock, directory):
            sys.stderr.write(f"another local cloud runs in {directory}\n")
            return 3
        return _serve(options, directory)


def _sole(lock: IO[str], directory: Path) -> bool:
    """Take the daemon's lock; one that is just ending is waited for, one that answers is not."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            other = LocalState.read(state_path(directory))
            if other is not None and _health(other) is not None:
                return False
            time.sleep(0.1)
    return False


def _serve(options: LocalOptions, directory: Path) -> int:
    import logging
    import secrets
    import threading

    from .api.host_process import HostProcess
    from .api.identity import new_keys
    from .api.serve import build
    from .api.server import listen
    from .host.ladder import Ladder

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)
    log = logging.getLogger("benchtui.local")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    path = state_path(directory)
    earlier = LocalState.read(path)
    if earlier is not None:
        _end_orphaned_host(earlier)
    token, keys = secrets.token_hex(24), new_keys()
    application = build(options, directory, token, keys)
    server = listen(application, options.port)
    state = LocalState(
        pid=os.getpid(),
        host_pid=None,
        endpoint=f"http://127.0.0.1:{server.server_port}",
        token=token,
        started=f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
        version=__version__,
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        oversubscribe=options.oversubscribe,
        isolate_net=options.isolate_net,
        rung=options.rung,
        log_dir=str(directory / "logs"),
        hosted=options.host and options.spawn_host,
    )
    Ladder.forget(directory)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    application.firing.start()
    state.write(path)

    def host_changed(pid: int | None) -> None:
        dataclasses.replace(state, host_pid=pid).write(path)

    host: HostProcess | None = HostProcess(path, directory / "logs" / "host.log", host_changed)
    if not state.hosted:
        host = None
    log.info("serving %s, state in %s", state.endpoint, directory)
    try:
        while not stopping.wait(0.2):
            if host is not None:
                host.check()
            with application.cloud.lock:
                application.cloud.lifecycle.advance()
                live = application.cloud.lifecycle.live_count()
            if live:
                application.last_use = time.monotonic()
            elif time.monotonic() - application.last_use > options.idle_minutes * 60:
                log.info("idle for %g minutes", options.idle_minutes)
                break
    finally:
        if host is not None:
            host.end()
        server.shutdown()
        _forget(path)
        log.info("ended")
    return 0


def _forget(path: Path) -> None:
    """Remove this process's state file; where its folder was deleted, another's may have taken its place."""
    standing = LocalState.read(path)
    if standing is None or standing.pid == os.getpid():
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    raise SystemExit(main())

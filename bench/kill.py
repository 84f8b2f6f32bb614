"""From the command to the first TerminateInstances: `benchtui kill RUN` beside `aws ec2 terminate-instances`.

Interleaved pairs on a local cloud. `aws` is given the instance's id; benchtui finds it by its tag first.
What is timed is the start of the process to the first byte of a TerminateInstances that a relay before the
cloud sees; the relay is the same for both.

    python bench/kill.py [--pairs N] [--lock FILE]
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.quiet import Unmeasured, machine
from bench.references.pairs import Comparison, Conditions, Row, measure, table
from bench.rows import row

REGION = "us-east-1"
PATIENCE_S = 60.0
ROW = Row(
    "command to TerminateInstances", "aws ec2 terminate-instances", "s", 0.0, 1.0, higher_is_better=False
)


class Relay(socketserver.ThreadingTCPServer):
    """Hands connections on to the cloud, and notes when the first TerminateInstances comes by."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, target: str) -> None:
        where = urlsplit(target)
        self.target = (where.hostname or "127.0.0.1", where.port or 80)
        self.seen = threading.Event()
        self.seen_at = 0.0
        super().__init__(("127.0.0.1", 0), _Connection)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Connection(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as cloud:
            back = threading.Thread(target=_pump, args=(cloud, self.request), daemon=True)
            back.start()
            tail = b""
            while piece := _read(self.request):
                tail = tail[-64:] + piece
                if b"Action=TerminateInstances" in tail and not self.server.seen.is_set():
                    self.server.seen_at = time.monotonic()
                    self.server.seen.set()
                cloud.sendall(piece)


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:
        return b""


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := _read(source):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def aws() -> str:
    """The reference: this environment's own, else the first of PATH.

    Raises:
        Unmeasured: there is none.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which("aws", path=os.pathsep.join((beside, os.environ.get("PATH", ""))))
    if found is None:
        raise Unmeasured("aws is missing (pip install awscli)")
    return found


class Bench:
    """A local cloud with an instance to be ended, again and again."""

    def __init__(self, folder: Path) -> None:
        import boto3

        from benchtui.local import daemon
        from benchtui.local.options import LocalOptions

        self.folder = folder
        self.state = daemon.up(LocalOptions(state_dir=folder / "cloud", host=False, simulate_ec2_types=True))
        self.relay = Relay(self.state.endpoint)
        threading.Thread(target=self.relay.serve_forever, daemon=True).start()
        sdk = daemon.environment(self.state)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BENCHTUI_"))
        }
        self.environment = kept | sdk | {"AWS_ENDPOINT_URL": self.relay.url, "HOME": str(folder)}
        session = boto3.session.Session(
            self.state.access_key_id, self.state.secret_access_key, region_name=REGION
        )
        self.ec2: Any = session.client("ec2", endpoint_url=self.state.endpoint)
        ssm: Any = session.client("ssm", endpoint_url=self.state.endpoint)
        self.aws = aws()
        name = "/aws/service/debian/release/12/latest/amd64"
        self.image = ssm.get_parameter(Name=name)["Parameter"]["Value"]

    def launch(self) -> tuple[str, str]:
        """Run and id of a new instance."""
        run = "20261124-120000-" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(4))
        tags = {"LaunchedBy": "AsyncBenchmarkLauncher", "benchtui:run": run, "benchtui:job": "c7i.large-1"}
        row = self.ec2.run_instances(
            ImageId=self.image,
            InstanceType="c7i.large",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
            ],
        )["Instances"][0]
        return run, row["InstanceId"]

    def ours(self) -> tuple[float]:
        run, _ = self.launch()
        return (self._timed(sys.executable, "-m", "benchtui", "kill", run, "--confirm", run),)

    def theirs(self) -> tuple[float]:
        _, name = self.launch()
        return (self._timed(self.aws, "ec2", "terminate-instances", "--instance-ids", name),)

    def _timed(self, *command: str) -> float:
        self.relay.seen.clear()
        began = time.monotonic()
        with subprocess.Popen(
            command,
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            there = self.relay.seen.wait(PATIENCE_S)
            os.killpg(process.pid, signal.SIGKILL)  # the proof that follows is not what is timed
        if not there:
            raise Unmeasured(f"{' '.join(command[:4])}: no TerminateInstances within {PATIENCE_S:.0f} s")
        return self.relay.seen_at - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--others", type=float, default=0.3, help="CPUs that other programs may take")
    parser.add_argument("--lock", type=Path, help="taken for each pair, where others measure here too")
    given = parser.parse_args()
    from benchtui.local import daemon

    with tempfile.TemporaryDirectory(prefix="benchtui-bench-") as folder:
        try:
            bench = Bench(Path(folder))
            print(machine())
            asked = Conditions(pairs=given.pairs, minutes=given.minutes, others=given.others, lock=given.lock)
            compared = Comparison(
                (ROW,), "one instance, one local cloud, one relay", bench.ours, bench.theirs
            )
            courses = measure([compared], asked)
        except Unmeasured as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            daemon.down(Path(folder) / "cloud")
    for course in courses:
        if course.failure is not None:
            print(f"not measured: {course.failure}")
    found = [each for course in courses for each in course.found if each.ours]
    print(table(found))
    for each in found:
        if len(each.ours) > 1:
            lower, _, upper = statistics.quantiles(each.ratios, n=4)
            print(f"quartiles of the ratio: {lower:.3f} to {upper:.3f}")
        ours, theirs = (f"{statistics.median(part):.2f} s" for part in (each.ours, each.theirs))
        spread = f"{each.median:.3f} ({min(each.ratios):.3f}-{max(each.ratios):.3f})"
        print(row(5, ROW.name, ours, ROW.reference, theirs, spread, f"≤ {ROW.greatest:g}", each.holds))
    held = all(course.failure is None for course in courses) and all(each.holds for each in found)
    return 0 if found and held else 1


if __name__ == "__main__":
    sys.exit(main())

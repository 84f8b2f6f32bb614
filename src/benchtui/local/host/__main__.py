"""`python -m benchtui.local.host --state state.json`: the instance host process."""

import argparse
import logging
import os
import signal
import stat
import sys
from pathlib import Path

from benchtui.local.api.topology import usable_cpus
from benchtui.local.host.ladder import probe
from benchtui.local.host.limits import find, own_scope
from benchtui.local.host.placement import Cpus
from benchtui.local.host.routes import Api, ApiUnreachable
from benchtui.local.host.service import LOG, POLL_S, Host, own_directory, sweep
from benchtui.local.state import ACCOUNT_ID, LocalState

_NO_WORLDS = 78  # EX_CONFIG


def _serve(host: Host, watched: list[int]) -> int:
    while True:
        try:
            host.round()
        except ApiUnreachable as error:
            LOG.error("%s: ending", error)
            return 1
        for fd in host.wait(POLL_S, watched):
            data = os.read(fd, 4096)
            if fd != 0 or not data:  # a signal, or the API has let go of our standard input
                return 0


def _signals() -> int:
    """A descriptor that becomes readable at SIGTERM or SIGINT."""
    receive, send = os.pipe()
    os.set_blocking(send, False)
    signal.set_wakeup_fd(send)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return receive


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM, end of file on a piped standard input, or a long silence of the API."""
    parser = argparse.ArgumentParser(prog="python -m benchtui.local.host", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="state file of the local cloud")
    state_file: Path = parser.parse_args(arguments).state
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    state = LocalState.read(state_file)
    if state is None:
        LOG.error("%s is not the state file of a running local cloud", state_file)
        return 2
    directory = own_directory(state_file)
    stop = _signals()
    for name in sweep(directory):
        LOG.warning("swept after an earlier host: %s", name)
    limits, reasons = find(own_scope())
    for reason in reasons:
        LOG.warning("%s", reason)
    ladder = probe(state.rung)  # type: ignore[arg-type]
    ladder.write(directory.parent)
    for rung in ladder.rungs:
        LOG.info("%s %s%s", rung.rung, "works: " if rung.works else "", rung.reason)
    if ladder.chosen is None:
        LOG.error("no kind of world works on this machine; instances stay pending")
        return _NO_WORLDS
    host = Host(
        api=Api(state.endpoint, state.token),
        directory=directory,
        ladder=ladder,
        limits=limits,
        cpus=Cpus(tuple(cpu.number for cpu in usable_cpus()), state.oversubscribe),
        hide=(str(state_file.resolve().parent),),
        account_id=ACCOUNT_ID,
        isolate_net=state.isolate_net,
    )
    watched = [stop]
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        watched.append(0)
    LOG.info("serving %s with %s worlds", state.endpoint, ladder.chosen)
    try:
        return _serve(host, watched)
    finally:
        host.close()


if __name__ == "__main__":
    sys.exit(main())

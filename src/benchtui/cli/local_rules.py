"""`benchtui local quota` and `local reclaim`: what an account on EC2 can do to a run, on this machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from benchtui.cli import output
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from benchtui.core.states import InstanceView

ON_DEMAND, SPOT = "L-1216C47A", "L-34B43A08"  # Standard families, as local types count


def add_quota(parser: argparse.ArgumentParser) -> None:
    """The arguments of `local quota`."""
    parser.add_argument("vcpus", metavar="VCPUS", type=int, help="vCPUs that may run at a time")
    parser.add_argument("--spot", action="store_true", help="of the spot market; else on demand")


def add_reclaim(parser: argparse.ArgumentParser) -> None:
    """The arguments of `local reclaim`."""
    parser.add_argument("job", metavar="JOB", help="job or instance id; of the newest run, unless --run")
    parser.add_argument("--run", metavar="RUN", help="the run the job belongs to")
    parser.add_argument(
        "--notice", metavar="SECONDS", type=float, default=120, help="from notice to end; default 120"
    )


def execute_quota(arguments: argparse.Namespace) -> int:
    """Set the quota of one region, with ``--region``, or of all.

    Raises:
        UsageError: no local cloud runs, or the number is none.
    """
    if arguments.vcpus < 0:
        raise UsageError(f"{arguments.vcpus} vCPUs", fix="a number from 0 on")
    region, code = arguments.region or "*", SPOT if arguments.spot else ON_DEMAND
    _ask("quotas", {"values": {code: arguments.vcpus}, "region": region})
    if arguments.json:
        fields = {"region": arguments.region, "code": code, "vcpus": arguments.vcpus}
        output.document({"v": 1, "type": "local-quota", **fields})
    else:
        output.line(
            f"{arguments.vcpus} vCPUs may run at a time in {arguments.region or 'each region'} ({code})"
        )
    return ExitCode.OK


def execute_reclaim(arguments: argparse.Namespace) -> int:
    """Give a spot instance notice and take it back.

    Raises:
        UsageError: no local cloud runs, there is no such instance, or it is not of the spot market.
    """
    import asyncio

    from benchtui.cli.settings import open_workspace, read

    arguments.local = True
    settings = read(arguments)

    async def found() -> InstanceView:
        from benchtui.cli.local import find

        async with open_workspace(settings, lambda _: None) as workspace:
            return await find(workspace, arguments.job, arguments.run)

    view = asyncio.run(found())
    _ask(f"instances/{view.instance_id}/reclaim", {"in_s": arguments.notice})
    if arguments.json:
        fields = {"instance_id": view.instance_id, "job": view.job, "in_s": arguments.notice}
        output.document({"v": 1, "type": "local-reclaim", **fields})
    else:
        output.line(f"{view.instance_id} ({view.job}) has notice and is taken back in {arguments.notice:g} s")
    return ExitCode.OK


def _ask(route: str, content: dict[str, Any]) -> None:
    import json
    import urllib.error

    from benchtui.local.daemon import request, status

    running = status()
    if running is None:
        raise UsageError("no local cloud is running", fix="start it: benchtui local up")
    try:
        request(running.state, "POST", route, content)
    except urllib.error.HTTPError as refusal:
        raise UsageError(str(json.loads(refusal.read()).get("error", refusal))) from refusal

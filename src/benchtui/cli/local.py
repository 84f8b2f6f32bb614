"""`benchtui local`: the cloud of this machine."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics, local_rules, output
from benchtui.cli.arguments import shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.core.states import InstanceView
    from benchtui.engine.workspace import Workspace
    from benchtui.local.host.ladder import Ladder
    from benchtui.local.state import LocalState


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "local",
        help="the local cloud: up, down, status, env, console, quota, reclaim",
        description="The local cloud: EC2, S3 and the rest on this machine; its instances run user data for "
        "real. `--local` on any command uses it.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    up = _action(actions, "up", execute_up, "start it; one that runs is left as it is")
    up.add_argument("--port", type=int, metavar="N", help="port on 127.0.0.1; default: a free one")
    up.add_argument(
        "--idle-minutes",
        type=float,
        default=15,
        metavar="N",
        help="end after so long without use; default 15",
    )
    up.add_argument("--oversubscribe", action="store_true", help="let instances share CPUs: no measurements")
    up.add_argument(
        "--simulate-ec2-types", action="store_true", help="accept EC2's types; nothing runs on them"
    )
    up.add_argument("--isolate-net", action="store_true", help="a network of its own for each instance")
    up.add_argument(
        "--bare", action="store_true", help="an account with nothing in it but default VPCs, to try setup on"
    )
    _action(actions, "down", execute_down, "end it and all its instances")
    _action(actions, "status", execute_status, "whether it runs, where, with how many instances")
    _action(actions, "env", execute_env, 'variables for other tools: eval "$(benchtui local env)"')
    console = _action(actions, "console", execute_console, "an instance's console output")
    console.add_argument("job", metavar="JOB", help="job or instance id; of the newest run, unless --run")
    console.add_argument("--run", metavar="RUN", help="the run the job belongs to")
    quota = "set how many vCPUs may run at a time, in one --region or in each"
    local_rules.add_quota(_action(actions, "quota", local_rules.execute_quota, quota))
    reclaim = "give a spot instance notice, and take it back"
    local_rules.add_reclaim(_action(actions, "reclaim", local_rules.execute_reclaim, reclaim))


def _action(
    actions: _SubParsersAction[argparse.ArgumentParser], name: str, execute: object, words: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, parents=[shared()], help=words)
    parser.set_defaults(execute=execute)
    return parser


def execute_up(arguments: argparse.Namespace) -> int:
    """Start it."""
    from benchtui.local.daemon import up
    from benchtui.local.options import LocalOptions

    options = LocalOptions(
        port=arguments.port,
        idle_minutes=arguments.idle_minutes,
        oversubscribe=arguments.oversubscribe,
        simulate_ec2_types=arguments.simulate_ec2_types,
        isolate_net=arguments.isolate_net,
        bare=arguments.bare,
    )
    state = up(options)
    if arguments.json:
        output.document({"v": 1, "type": "local", "running": True, **_state_fields(state)})
    else:
        output.line(f"the local cloud answers at {state.endpoint} (process {state.pid})")
    return ExitCode.OK


def execute_down(arguments: argparse.Namespace) -> int:
    """End it."""
    from benchtui.local.daemon import down

    was_running = down()
    if arguments.json:
        output.document({"v": 1, "type": "local", "running": False, "was_running": was_running})
    else:
        output.line("the local cloud has ended" if was_running else "no local cloud was running")
    return ExitCode.OK


def execute_status(arguments: argparse.Namespace) -> int:
    """Show it."""
    from dataclasses import asdict

    from benchtui.local.daemon import status

    found = status()
    if found is None:
        if arguments.json:
            output.document({"v": 1, "type": "local", "running": False})
        else:
            output.line("no local cloud is running; `benchtui local up` starts one")
        return ExitCode.OK
    if arguments.json:
        fields = {
            "ready": found.ready,
            "instances": found.instances,
            "host_running": found.host_running,
            "ladder": None if found.ladder is None else asdict(found.ladder),
        }
        output.document({"v": 1, "type": "local", "running": True, **fields, **_state_fields(found.state)})
        return ExitCode.OK
    from benchtui.cli import tables

    state = found.state
    host = {None: "none", True: f"process {state.host_pid}", False: "NOT running"}[found.host_running]
    table = tables.new_table("what", "value")
    tables.add(table, "endpoint", state.endpoint)
    tables.add(table, "process", state.pid)
    tables.add(table, "answers", "yes" if found.ready else "NO")
    tables.add(table, "instance host", host)
    for what, value in _worlds(found.ladder):
        tables.add(table, what, value)
    tables.add(table, "live instances", "–" if found.instances is None else found.instances)
    tables.add(table, "since", state.started)
    tables.add(table, "logs", state.log_dir)
    output.table(table)
    return ExitCode.OK


def _worlds(ladder: Ladder | None) -> Iterator[tuple[str, str]]:
    """In what instances run; if in nothing, why not."""
    if ladder is None:
        yield "instances run in", "–"
        return
    for rung in ladder.rungs:
        if rung.works:
            yield "instances run in", f"{rung.rung}: {rung.title} ({rung.reason})"
        elif ladder.chosen is None:
            yield f"{rung.rung} does not work", f"{rung.title}: {rung.reason}"


def execute_env(arguments: argparse.Namespace) -> int:
    """Print the SDK's variables.

    Raises:
        UsageError: no local cloud runs.
    """
    from benchtui.local.daemon import environment, status

    found = status()
    if found is None:
        raise UsageError("no local cloud is running", fix="start it: benchtui local up")
    variables = environment(found.state)
    if arguments.json:
        output.document({"v": 1, "type": "local", "environment": variables})
    else:
        output.text("".join(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items()))
    return ExitCode.OK


def execute_console(arguments: argparse.Namespace) -> int:
    """Print an instance's console."""
    import asyncio

    from benchtui.cli.settings import open_workspace, read

    arguments.local = True
    settings = read(arguments)

    async def console() -> tuple[str, str]:
        from benchtui.aws.instances import console_output

        async with open_workspace(settings, lambda _: None) as workspace:
            view = await find(workspace, arguments.job, arguments.run)
            return view.instance_id, await console_output(workspace.cloud, view.region, view.instance_id)

    instance_id, content = asyncio.run(console())
    if arguments.json:
        output.document({"v": 1, "type": "console", "instance_id": instance_id, "output": content})
    elif content:
        output.text(content if content.endswith("\n") else content + "\n")
    else:
        diagnostics.say(f"{instance_id} has written nothing yet")
    return ExitCode.OK


async def find(workspace: Workspace, job: str, run: str | None) -> InstanceView:
    """The newest instance of ``job`` (or with that id).

    Raises:
        UsageError: there is none.
    """
    from benchtui.aws.instances import describe_ours

    found: list[InstanceView] = []
    for region in await workspace.cloud.enabled_regions():
        found += await describe_ours(workspace.cloud, region)
    fitting = [
        view for view in found if job in (view.job, view.instance_id) and (run is None or view.run == run)
    ]
    if not fitting:
        known = ", ".join(sorted({view.job for view in found if view.job})) or "none"
        raise UsageError(f"the local cloud has no instance of {job}", fix=f"jobs it knows: {known}")
    return max(fitting, key=lambda view: view.launched_at)


def _state_fields(state: LocalState) -> dict[str, object]:
    return {
        "endpoint": state.endpoint,
        "pid": state.pid,
        "host_pid": state.host_pid,
        "started": state.started,
        "version": state.version,
        "log_dir": state.log_dir,
    }

"""What is imported decides how fast a command starts, and what it needs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import benchtui.core

REPORT = """
import sys
from benchtui.cli.main import main
code = main(sys.argv[2:])
sys.stdout.flush()
unwanted = [name for name in sys.argv[1].split(",") if name in sys.modules]
print("unwanted:", *unwanted, file=sys.stderr)
print("exit:", code, file=sys.stderr)
"""
AWS = "aiobotocore,botocore,boto3,aiohttp"
LOCAL = "moto,flask,benchtui.local,benchtui.local.daemon"


def reported(folder: Path, program: str, unwanted: str, *words: str, **environment: str) -> str:
    """What ``program``, given ``unwanted`` and the words of a command, says on stderr."""
    ended = subprocess.run(  # noqa: PLW1510  (the exit code is looked at)
        [sys.executable, "-c", program, unwanted, *words],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.stderr


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], f"textual,rich,pydantic,asyncio,{AWS},{LOCAL}"),
        (["--version"], f"textual,rich,pydantic,asyncio,{AWS},{LOCAL}"),
        (["run", "--help"], f"textual,rich,pydantic,asyncio,{AWS},{LOCAL}"),
        (["completion", "bash"], f"textual,rich,pydantic,asyncio,{AWS},{LOCAL}"),
        (["completion", "--known", "types"], f"shtab,textual,rich,pydantic,asyncio,{AWS},{LOCAL}"),
        (["man"], f"shtab,textual,rich,pydantic,asyncio,{AWS},{LOCAL}"),
        (["types", "--offline"], f"textual,{AWS},{LOCAL}"),
        (["kill", "--help"], f"textual,rich,pydantic,asyncio,{AWS},{LOCAL}"),
        (["plan", "--offline"], f"textual,{AWS},{LOCAL}"),
        (["plan", "--offline", "--json"], f"textual,rich,{AWS},{LOCAL}"),
        (["config", "show"], f"textual,{AWS},{LOCAL}"),
        (["local", "status"], f"textual,moto,flask,{AWS}"),
        (["run"], f"textual,{AWS},{LOCAL}"),  # refused: nobody can be asked
    ],
    ids=" ".join,
)
def test_a_command_imports_no_more_than_it_needs(arguments, unwanted, tmp_path):
    (tmp_path / "benchtui.toml").write_text('[plan]\ntypes = ["c7g.large"]\n')
    said = reported(tmp_path, REPORT, unwanted, *arguments)
    assert "unwanted:\n" in said
    assert "exit: " in said


#: Ends the program where its first request would be sent.
UNSENT = """
from benchtui.aws.session import Cloud
async def call(self, service, region, operation, *rest, **named):
    print("first:", service, region, operation, file=sys.stderr)
    raise KeyboardInterrupt
Cloud.call = call
"""
PLANS = (
    "benchtui.config.load,benchtui.config.schema,benchtui.core.documents,benchtui.core.plan,"
    "benchtui.engine.workspace,benchtui.engine.launcher,benchtui.engine.watcher,benchtui.engine.survey,"
    "benchtui.aws.objects,benchtui.aws.schedules,benchtui.cli.run,benchtui.cli.sweeping"
)


@pytest.mark.parametrize("command", ["kill RUN --confirm RUN", "kill RUN --confirm RUN --json", "reap --yes"])
def test_what_ends_instances_asks_ec2_before_it_imports_what_comes_later(command, tmp_path):
    words = command.replace("RUN", "20261124-135100-k3f7").split()
    # [plan] is no business of a kill: neither to be read nor to be right.
    (tmp_path / "benchtui.toml").write_text("[plan]\ntypes = 1\n[aws]\nregions = ['eu-west-1']\n")
    unwanted = f"textual,rich,pydantic,plotext,boto3,{LOCAL},{PLANS}"
    said = reported(tmp_path, "import sys" + UNSENT + REPORT, unwanted, *words, AWS_REGION="us-east-1")
    assert "first: ec2 eu-west-1 DescribeInstances\n" in said
    assert "unwanted:\n" in said
    assert "exit: 130\n" in said


def test_what_plan_offline_imports_is_enough(tmp_path):
    (tmp_path / "benchtui.toml").write_text('[plan]\ntypes = ["c7g.large"]\n')
    ended = subprocess.run(  # noqa: PLW1510  (the exit code is looked at)
        [sys.executable, "-m", "benchtui", "plan", "--offline", "--seed", "1"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert "c7g.large-1" in ended.stdout


#: What reaches a file or a clock without an import that a contract of import-linter could refuse.
IMPURE = {"open", "input", "print", "Path", "now", "utcnow", "today", "__import__", "import_module"}


def impure(source: str) -> set[str]:
    """The names in ``source`` with which core would not be pure."""
    used = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func
            used.add(getattr(called, "id", None) or getattr(called, "attr", ""))
        elif isinstance(node, ast.ImportFrom):
            used |= {alias.name for alias in node.names}
    return used & IMPURE


@pytest.mark.parametrize("file", sorted(Path(benchtui.core.__path__[0]).glob("*.py")), ids=lambda f: f.name)
def test_core_reads_no_file_and_no_clock(file: Path):
    assert impure(file.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from pathlib import Path", {"Path"}),
        ("import pathlib\npathlib.Path('x').read_text()", {"Path"}),
        ("open('x')", {"open"}),
        ("from datetime import datetime\ndatetime.now()", {"now"}),
        ("from pathlib import PurePosixPath\ndef f(now): return now", set()),
    ],
)
def test_what_makes_core_impure_would_be_noticed(source: str, names: set[str]):
    assert impure(source) == names

"""`benchtui export`: results for spreadsheets, programs and other tools."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import shared
from benchtui.cli.run_records import add_runs, named_runs, records
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.report.export.formats import Exported, Format

FORMAT_NAMES = (
    "csv", "jsonl", "parquet", "reframe", "reframe-json", "bencher", "junit", "computecompass",
)  # fmt: skip
STDOUT = Path("-")


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "export",
        parents=[shared()],
        help="results as CSV, JSON Lines, Parquet, or for other tools",
        description="Write every measurement (with --samples every repetition) with where it is from, or "
        "references and results in the formats of other tools. What was not measured has no number. "
        "docs/export.md has every format and its rules.",
        epilog="exit code 2: no such run, a file is there already, or the format does not take these results",
    )
    add_runs(parser)
    parser.add_argument("--format", metavar="F", choices=FORMAT_NAMES, help=", ".join(FORMAT_NAMES))
    parser.add_argument(
        "--schema", metavar="NAME", help="print a JSON Schema of what benchtui writes, and end"
    )
    parser.add_argument(
        "--output",
        metavar="PATH",
        type=Path,
        help="file, for computecompass a folder; - is stdout; default benchtui-RUN.F",
    )
    parser.add_argument("--samples", action="store_true", help="a row per repetition (csv, jsonl, parquet)")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Write it."""
    import benchtui
    from benchtui.report.export.formats import FORMATS

    if arguments.schema is not None:
        return _print_schema(arguments.schema)
    if arguments.format is None:
        raise UsageError("no format is named", fix=f"--format {', '.join(FORMAT_NAMES)}")
    form = FORMATS[arguments.format]
    _check(arguments, form)
    runs = named_runs(arguments)
    exported = form.make(records(arguments), arguments.samples, benchtui.__version__)
    path = arguments.output or Path(_default_name(arguments, form, runs[-1]))
    written = _write(path, exported, force=arguments.force)
    if arguments.json:
        output.document(
            {
                "v": 1,
                "type": "export",
                "format": arguments.format,
                "runs": list(runs),
                "rows": exported.rows,
                "written": written,
                "left_out": [{"what": one.what, "why": one.why} for one in exported.left_out],
            }
        )
    for one in written:
        if one["path"] != str(STDOUT):
            diagnostics.say(f"written: {one['path']} ({arguments.format}, {one['bytes']} bytes)")
    for left in exported.left_out[: None if arguments.verbose else 12]:
        diagnostics.say(f"left out: {left}")
    if not arguments.verbose and len(exported.left_out) > 12:
        diagnostics.say(f"left out: {len(exported.left_out) - 12} more, shown with --verbose or --json")
    return ExitCode.OK


def _print_schema(name: str) -> int:
    from benchtui.core.instance_results import nearest
    from benchtui.report import schemas

    if name not in schemas.names():
        raise UsageError(f"there is no schema {name}", fix=nearest(name, schemas.names()))
    output.document(schemas.load(name))
    return ExitCode.OK


def _check(arguments: argparse.Namespace, form: Format) -> None:
    if arguments.samples and not form.samples:
        raise UsageError(
            f"{arguments.format} holds no single repetitions",
            fix="--samples goes with csv, jsonl and parquet",
        )
    if arguments.output != STDOUT:
        return
    if arguments.json:
        raise UsageError("stdout holds one document", fix="--output FILE, or leave --json out")
    if not form.ending:
        raise UsageError(f"{arguments.format} is several files", fix="--output FOLDER")
    if not form.text and output.is_terminal():
        raise UsageError(f"{arguments.format} is no text for a terminal", fix="--output FILE")


def _default_name(arguments: argparse.Namespace, form: Format, run: str) -> str:
    what = "-samples" if arguments.samples else ""
    return f"benchtui-{run}{what}.{form.ending}" if form.ending else f"benchtui-{run}-{arguments.format}"


def _write(path: Path, exported: Exported, *, force: bool) -> list[dict[str, Any]]:
    from benchtui.report.files import write_file, write_folder, written_fields

    if set(exported.files) == {""}:
        body = exported.files[""]
        if path == STDOUT:
            output.raw(body)
        else:
            write_file(path, body, force=force)
        return [written_fields(path, body)]
    write_folder(path, exported.files, force=force, stale=exported.stale)
    return [written_fields(path / name, body) for name, body in exported.files.items()]

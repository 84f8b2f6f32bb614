"""`benchtui report`: runs as one HTML file, as Markdown for a pull request, or as text."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import shared
from benchtui.cli.run_records import add_runs, records
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.report.blocks import Report
    from benchtui.report.subject import Subject

SUMMARY = "GITHUB_STEP_SUMMARY"
STDOUT = "-"


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "report",
        parents=[shared()],
        help="write a report of one or several runs: HTML, Markdown or text",
        description="Write what was compared, what came out and how far it can be believed. Without a form "
        "it is one HTML file, benchtui-RUN.html, that needs no network. An existing file is not replaced.",
        epilog="exit code 2: no such run, or a file is there already",
    )
    add_runs(parser)
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the HTML page to FILE; - is stdout")
    parser.add_argument("--markdown", action="store_true", help="Markdown, for a pull request")
    parser.add_argument("--text", action="store_true", help="plain text")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="where Markdown or text goes; default - is stdout"
    )
    parser.add_argument(
        "--summary", action="store_true", help=f"append the Markdown to the file that ${SUMMARY} names"
    )
    parser.add_argument("--baseline", metavar="TYPE", help="type to compare with; default the first ranked")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Write it."""
    _check(arguments)
    found = records(arguments)

    import benchtui
    from benchtui.engine.packaged import suite_titles
    from benchtui.report.subject import subject_of
    from benchtui.report.writing import report_of

    subject = subject_of(
        found,
        at=datetime.now(UTC),
        version=benchtui.__version__,
        baseline=arguments.baseline,
        titles=suite_titles(),
    )
    report = report_of(subject)
    written = _write(arguments, subject, report)
    if arguments.json:
        from benchtui.report.report_record import report_fields

        output.document(
            {
                "v": 1,
                "type": "report",
                "runs": list(subject.runs),
                "written": written,
                "report": report_fields(subject),
            }
        )
    for one in written:
        if one["path"] != STDOUT:
            diagnostics.say(f"written: {one['path']} ({one['form']}, {one['bytes']} bytes)")
    return ExitCode.OK


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what contradicts itself before anything is asked for."""
    forms = arguments.markdown + arguments.text
    if arguments.output is not None and forms != 1:
        raise UsageError(
            "--output needs one of --markdown and --text", fix="the HTML page goes to --html FILE"
        )
    on_stdout = (arguments.output in (None, Path(STDOUT)) and forms) + (arguments.html == Path(STDOUT))
    if on_stdout + arguments.json > 1 or (forms == 2 and arguments.output is None):
        raise UsageError("stdout holds one document", fix="write the others to files, or leave --json out")
    if arguments.summary and not os.environ.get(SUMMARY):
        raise UsageError(f"${SUMMARY} is not set", fix="--summary is for steps of a GitHub workflow")


def _write(arguments: argparse.Namespace, subject: Subject, report: Report) -> list[dict[str, Any]]:
    """Every form that was asked for."""
    written: list[dict[str, Any]] = []
    other = arguments.markdown or arguments.text or arguments.summary
    if arguments.html is not None or not other:
        from benchtui.report.html_page import render_html
        from benchtui.report.report_record import report_fields

        page = render_html(report, report_fields(subject))
        path = arguments.html or Path(f"benchtui-{subject.runs[-1]}.html")
        written.append(_put("html", path, page, force=arguments.force))
    if arguments.markdown or arguments.summary:
        from benchtui.report.markdown import SUMMARY_BYTES, render_markdown

        if arguments.markdown:
            text = render_markdown(report)
            written.append(_put("markdown", arguments.output or Path(STDOUT), text, force=arguments.force))
        if arguments.summary:
            written.append(_append(render_markdown(report, most=SUMMARY_BYTES)))
    if arguments.text:
        from benchtui.report.plain_text import render_text

        text = render_text(report, ascii=arguments.output is None and not output.speaks_unicode())
        written.append(_put("text", arguments.output or Path(STDOUT), text, force=arguments.force))
    return written


def _put(form: str, path: Path, text: str, *, force: bool) -> dict[str, Any]:
    from benchtui.report.files import write_file, written_fields

    body = text.encode()
    if path == Path(STDOUT):
        output.text(text)
    else:
        write_file(path, body, force=force)
    return {"form": form, **written_fields(path, body)}


def _append(text: str) -> dict[str, Any]:
    """To the summary of a workflow's step, behind what its other commands have written."""
    from benchtui.report.files import written_fields

    path, body = Path(os.environ[SUMMARY]), text.encode()
    try:
        with path.open("ab") as file:
            file.write(body)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", fix=f"${SUMMARY} has to name a file"
        ) from error
    return {"form": "summary", **written_fields(path, body)}

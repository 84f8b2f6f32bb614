"""A report as Markdown and as plain text, and how files come to lie on the disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from benchtui.core.errors import UsageError
from benchtui.report import files
from benchtui.report.blocks import Datum, Heading, Report, Section, Table
from benchtui.report.files import free_name, write_file, write_folder
from benchtui.report.markdown import SUMMARY_BYTES, inert, render_markdown
from benchtui.report.plain_text import render_text
from benchtui.report.subject import Subject
from benchtui.report.writing import report_of
from tests.tui.hostile_text import TEXTS


@pytest.fixture(scope="module")
def report(subject: Subject) -> Report:
    return report_of(subject)


def test_markdown_has_the_answer_first_and_tables(report: Report):
    text = render_markdown(report)
    assert text.startswith("## c7a.large, c7g.large, c7i.large and c8g.large compared\n")
    assert text.index("### The answer") < text.index("### What was compared")
    assert "| c7i.large | 4 | 31.21 |" in text
    assert "▼ worse 0.659×" in text
    assert "<details><summary>Provenance</summary>" in text
    assert text.count("<details>") == text.count("</details>")


def test_every_table_of_markdown_keeps_its_columns(report: Report):
    columns = None
    for line in render_markdown(report).splitlines():
        if line.startswith("|"):
            count = len(re.findall(r"(?<!\\)\|", line))
            assert columns in (None, count), line
            columns = count
        else:
            columns = None


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a|b", "a\\|b"),
        ("<script>", "&lt;script&gt;"),
        ("@someone", "&#64;someone"),
        ("fixes #12", "fixes &#35;12"),
        ("[x](y)", "\\[x\\](y)"),
        ("https://example.com", "https&#58;//example.com"),
        ("www.example.com", "www&#46;example.com"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("31.21", "31.21"),
        ("-3.2", "-3.2"),
        ("a\nb", "a b"),
        ("`code`", "\\`code\\`"),
        ("$x$", "\\$x\\$"),
    ],
)
def test_text_from_outside_formats_nothing_in_markdown(text: str, made: str):
    assert inert(text) == made


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_text_stays_in_its_cell(text: str):
    nasty = f"| {text}\n## owned <img src=x> @all"
    table = Table(nasty, (Heading(nasty), Heading("b")), ((Datum(nasty), Datum(nasty)),))
    report = Report(nasty, nasty, (Section("a", nasty, (table,)),), nasty)
    markdown, plain = render_markdown(report), render_text(report)
    assert len([line for line in markdown.splitlines() if line.startswith("|")]) == 3
    assert "<img" not in markdown
    assert "@" not in markdown
    for made in (markdown, plain):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", made.replace("\n", ""))


def test_a_summary_that_is_too_long_leaves_sections_out_and_says_so(report: Report):
    text = render_markdown(report, most=6_000)
    assert len(text.encode()) <= 6_000
    assert "left out, a summary has at most 1 MiB" in text
    assert "### The answer" in text
    assert len(render_markdown(report, most=SUMMARY_BYTES).encode()) < SUMMARY_BYTES


def test_text_fits_eighty_columns(report: Report):
    text = render_text(report)
    wide = [line for line in text.splitlines() if cell_len(line) > 80]
    # A digest, and a name that has no blank, are as long as they are.
    assert all(" " not in line.strip().rpartition(": ")[2] for line in wide), wide
    assert text.startswith("c7a.large, c7g.large, c7i.large and c8g.large compared\n")
    assert "▼ c7i.large  31.21  worse: 0.659 times the baseline" in text
    assert "█" in text


def test_text_can_be_ascii(report: Report):
    text = render_text(report, ascii=True)
    assert not set(text) & set("█▲▼◆○–…─×")
    assert "- c7i.large  31.21  worse: 0.659 times" in text


# Files.


def test_a_file_is_written_whole_and_never_in_the_place_of_another(tmp_path: Path):
    path = tmp_path / "report.html"
    write_file(path, b"one")
    with pytest.raises(UsageError, match="is there already") as refused:
        write_file(path, b"two")
    assert "--force" in (refused.value.fix or "")
    assert path.read_bytes() == b"one"
    write_file(path, b"two", force=True)
    assert path.read_bytes() == b"two"
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_link_that_leads_nowhere_is_not_replaced_either(tmp_path: Path):
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is there already"):
        write_file(tmp_path / "a", b"x")


def test_where_there_are_no_hard_links_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Path, target: Path) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.Path, "hardlink_to", refuse)
    write_file(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    with pytest.raises(UsageError, match="is there already"):
        write_file(tmp_path / "a", b"y")
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(UsageError, match="cannot write"):
        write_file(tmp_path / "no" / "a", b"x")


def test_a_set_of_files_is_refused_as_a_whole_and_old_members_go(tmp_path: Path):
    folder = tmp_path / "export"
    write_folder(folder, {"a": b"1", "b": b"2"})
    with pytest.raises(UsageError, match="is there already"):
        write_folder(folder, {"c": b"3"}, stale=("b",))
    assert not (folder / "c").exists()
    (folder / "own").write_text("mine")
    write_folder(folder, {"a": b"3"}, force=True, stale=("b",))
    assert {one.name: one.read_text() for one in folder.iterdir()} == {"a": "3", "own": "mine"}


def test_a_free_name_is_the_next_one(tmp_path: Path):
    path = tmp_path / "a-b.html"
    assert free_name(path) == path
    path.touch()
    assert free_name(path).name == "a-b-2.html"
    (tmp_path / "a-b-2.html").touch()
    assert free_name(path).name == "a-b-3.html"

"""What README and docs say exists: links, commands, options, suites, exit codes, paths of sources."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.cli.command_tree import Command, commands_of, placeholder
from benchtui.cli.exit_codes import EXIT_CODES
from benchtui.cli.main import COMMANDS, build_parser

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)\s]+)\)")
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.M | re.S)
SPAN = re.compile(r"`([^`\n]+)`")
TREE = {command.path: command for command in commands_of(build_parser())}


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().casefold()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {slug(line.lstrip("#")) for line in text.splitlines() if line.startswith("#")}


def commands_in(text: str) -> Iterator[str]:
    """What is typed: lines of code blocks, and code within lines, that begin with the program."""
    for block in FENCE.findall(text):
        for line in block.splitlines():
            typed = line.strip().removeprefix("$ ")
            if typed.startswith("benchtui "):
                yield re.split(r"\s+#|\s{2,}|\s[|>]|\s&&|;", typed)[0]
    for span in SPAN.findall(FENCE.sub("", text)):
        if span.startswith("benchtui "):
            yield re.split(r"\s[|>]\s", span)[0]


def words_of(typed: str) -> list[str]:
    try:
        return shlex.split(typed)[1:]
    except ValueError:
        return typed.split()[1:]


def command_of(words: list[str]) -> tuple[Command, list[str]]:
    """The command that words name, and its options."""
    command, options, skip = TREE[()], [], False
    takes = {name for action in command.options if placeholder(action) for name in action.option_strings}
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            options.append(word.partition("=")[0])
            skip = word in takes
        elif (*command.path, word) in TREE:
            command = TREE[*command.path, word]
        elif not command.path and re.fullmatch(r"[a-z][a-z-]*", word):
            raise LookupError(f"there is no command {word}")
    return command, options


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_and_options_that_are_named_are_there(page: Path) -> None:
    wrong = []
    for typed in commands_in(page.read_text(encoding="utf-8")):
        try:
            command, options = command_of(words_of(typed))
        except LookupError as error:
            wrong.append(f"{typed}: {error}")
            continue
        known = {name for action in (*command.options, *TREE[()].options) for name in action.option_strings}
        # Options of a command count for what stands above its own commands, too.
        for below in TREE.values():
            if below.path[: len(command.path)] == command.path and command.path:
                known |= {name for action in below.options for name in action.option_strings}
        wrong += [f"{typed}: no option {option}" for option in options if option not in known | {"-", "--"}]
    assert wrong == []


def test_every_command_stands_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[a-z]+", " ".join(SPAN.findall(FENCE.sub("", text)))))
    named |= {word for typed in commands_in(text) for word in words_of(typed)}
    assert set(COMMANDS) - named == set()


def test_exit_codes_are_those_of_the_help() -> None:
    text = (ROOT / "docs" / "FORMATS.md").read_text(encoding="utf-8").partition("## Exit codes")[2]
    rows = re.findall(r"^\| ([\d, ]+) \| (.+) \|$", text, re.M)
    assert tuple(rows) == EXIT_CODES


def test_suites_are_those_that_benchtui_brings() -> None:
    brought = {file.parent.name for file in (ROOT / "payloads").glob("*/payload.toml")}
    text = (ROOT / "docs" / "SUITES.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[`(\w+)`\]", text, re.M)) == brought


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_sources_that_are_named_are_there(page: Path) -> None:
    paths = re.findall(r"`((?:src|payloads|tests|bench|examples|docs)/[\w./-]+)", page.read_text("utf-8"))
    foreign = {"tests/bench"}  # of FFTW's sources
    assert [path for path in paths if path not in foreign and not (ROOT / path).exists()] == []


def test_every_part_of_the_sources_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    parts = [folder.name for folder in (ROOT / "src" / "benchtui").iterdir() if folder.is_dir()]
    assert [part for part in parts if part[0] != "_" and f"`src/benchtui/{part}/`" not in text] == []


def test_every_page_is_in_the_map() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [page.relative_to(ROOT) for page in (ROOT / "docs").glob("*.md")]
    assert [str(page) for page in pages if f"]({page})" not in text] == []


def test_what_does_not_exist_would_be_noticed() -> None:
    for typed in ("benchtui frobnicate", "benchtui --region eu-west-1 frobnicate RUN"):
        with pytest.raises(LookupError):
            command_of(words_of(typed))
    command, options = command_of(words_of("benchtui kill RUN --job JOB --nope=1"))
    assert (command.name, options) == ("kill", ["--job", "--nope"])
    assert list(commands_in("`benchtui man | man -l -`\n```\n$ benchtui plan --offline   # free\n```\n")) == [
        "benchtui plan --offline",
        "benchtui man",
    ]

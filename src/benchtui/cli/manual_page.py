"""The man page, written from what ``--help`` is written from."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from benchtui import __version__
from benchtui.cli.command_tree import Command, commands_of, help_of, in_usage, placeholder
from benchtui.cli.exit_codes import EXIT_CODES

ENVIRONMENT: tuple[tuple[str, str], ...] = (
    ("BENCHTUI_<SECTION>_<KEY>", "a setting of the configuration, such as BENCHTUI_SAFETY_BUDGET_USD=2.50"),
    ("AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, ...", "as for every program that uses the AWS SDK"),
    ("NO_COLOR", "no colours"),
    ("XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME", "where settings, the launch ledger and prices lie"),
)
FILES: tuple[tuple[str, str], ...] = (
    ("./benchtui.toml", "settings of the project; every one is in config.example.toml"),
    ("~/.config/benchtui/config.toml", "your own settings"),
    ("~/.local/state/benchtui/", "launch ledger, local cloud"),
    ("~/.cache/benchtui/", "prices and instance types; may be deleted at any time"),
    ("./results/", "results, one folder for each run"),
)


def manual_page(parser: argparse.ArgumentParser) -> str:
    """The page in roff, section 1.

    Args:
        parser: of all commands.
    """
    program, *commands = commands_of(parser)
    everywhere = {tuple(action.option_strings) for action in program.options}
    about = program.about.rstrip(".")
    lines = [
        f'.TH BENCHTUI 1 "" "benchtui {_text(__version__)}" "User Commands"',
        ".nh",  # no words broken, no blanks stretched: commands are to be copied
        ".ad l",
        ".SH NAME",
        f"benchtui \\- {_text(about[:1].lower() + about[1:])}",
        ".SH SYNOPSIS",
        *_synopsis("benchtui", [], options=True),
        ".br",
        *_synopsis("benchtui", ["COMMAND", "..."], options=True),
        ".SH DESCRIPTION",
        _text(program.about),
        "Without a command, on a terminal, it opens the application.",
        ".SH OPTIONS",
        "They count before a command and behind it.",
        *_options(program, program.options),
        ".SH COMMANDS",
    ]
    for command in commands:
        lines += _command(command, everywhere)
    lines += [".SH EXIT STATUS", *_terms(EXIT_CODES)]
    lines += [".SH ENVIRONMENT", *_terms(ENVIRONMENT)]
    lines += [".SH FILES", *_terms(FILES)]
    return "\n".join(lines) + "\n"


def _command(command: Command, everywhere: set[tuple[str, ...]]) -> list[str]:
    """A command's part; its further commands have parts of their own."""
    own = [action for action in command.options if tuple(action.option_strings) not in everywhere]
    words = [in_usage(action) for action in command.positionals]
    words += ["COMMAND"] if command.has_commands else []
    description = command.parser.description or command.about
    lines = [
        f'.SS "{_quoted(command.name)}"',
        *_synopsis(f"benchtui {command.name}", words, options=bool(own)),
    ]
    lines += [".PP", _text(description)]
    lines += _options(command, [*command.positionals, *own])
    if command.parser.epilog:
        lines += [".PP", _text(command.parser.epilog)]
    return lines


def _synopsis(words: str, arguments: list[str], *, options: bool) -> list[str]:
    return [f".B {_text(words)}", _text(" ".join([*(["[OPTION ...]"] if options else []), *arguments]))]


def _options(command: Command, actions: Iterable[argparse.Action]) -> list[str]:
    terms = []
    for action in actions:
        value = placeholder(action)
        names = ", ".join(action.option_strings) or value
        joined = f"{names} {value}" if action.option_strings and value else names
        terms.append((joined, help_of(action, command.parser)))
    return _terms(terms)


def _terms(terms: Iterable[tuple[str, str]]) -> list[str]:
    lines: list[str] = []
    for term, about in terms:
        lines += [".TP", f".B {_text(term)}", _text(about)]
    return lines


def _text(words: str) -> str:
    """One line of text that roff prints as it is."""
    line = " ".join(words.split()).replace("\\", "\\e").replace("-", "\\-")
    line = line.replace("`", "\\(ga").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    return f"\\&{line}" if line.startswith(".") else line


def _quoted(words: str) -> str:
    return _text(words).replace('"', "\\(dq")

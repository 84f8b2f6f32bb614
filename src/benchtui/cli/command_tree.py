"""The commands as the parser knows them, for what is made of it: man page, completion, tests of the docs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or the program itself (an empty path)."""

    path: tuple[str, ...]  # ("config", "show")
    about: str  # its line in the list of commands
    parser: argparse.ArgumentParser

    @property
    def name(self) -> str:
        """As it is typed, without the program."""
        return " ".join(self.path)

    @property
    def positionals(self) -> list[argparse.Action]:
        """Its arguments without a dash, in order; further commands are none of them."""
        return [
            action
            for action in self.parser._actions
            if not action.option_strings and not isinstance(action, argparse._SubParsersAction)
        ]

    @property
    def options(self) -> list[argparse.Action]:
        """Its arguments with a dash, those without help text (for the program's own use) left out."""
        return [
            action
            for action in self.parser._actions
            if action.option_strings and action.help != argparse.SUPPRESS
        ]

    @property
    def has_commands(self) -> bool:
        """Whether further commands follow."""
        return any(isinstance(action, argparse._SubParsersAction) for action in self.parser._actions)


def commands_of(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = (), about: str = ""
) -> Iterator[Command]:
    """The program and all its commands, each before those that follow it."""
    yield Command(path, about or (parser.description or ""), parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, below in action.choices.items():
                yield from commands_of(below, (*path, name), told.get(name, ""))


def help_of(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """The help text of an argument, with what argparse puts into it."""
    fields = {key: value for key, value in vars(action).items() if value is not argparse.SUPPRESS}
    return (action.help or "") % (fields | {"prog": parser.prog})


def placeholder(action: argparse.Action) -> str:
    """What stands for an argument's value: ``RUN``; empty for a flag."""
    if action.option_strings and action.nargs == 0:
        return ""
    if action.metavar:
        return str(action.metavar)
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper()


def in_usage(action: argparse.Action) -> str:
    """A positional argument as a usage line has it: ``RUN``, ``[CONFIG]``, ``RUN [RUN ...]``."""
    name = placeholder(action)
    forms = {"?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} [{name} ...]"}
    return forms.get(str(action.nargs), name)

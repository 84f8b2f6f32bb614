"""Read the configuration: flags > BENCHTUI_* > project file > user file > defaults.

Environment: ``BENCHTUI_<SECTION>_<KEY>`` sets ``[section] key`` (``BENCHTUI_SAFETY_BUDGET_USD``); lists are
comma-separated; tables (``plan.include``, ``instance.tags``, ``prices.on_demand``, ``suites``) can only be
set in a file. A BENCHTUI_ variable that names no setting is an error.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from benchtui.config.layers import Layer, Sources, merge
from benchtui.config.lines import KeyPath, key_lines
from benchtui.config.paths import expanded
from benchtui.config.problems import ConfigError, Origin, Problem, syntax_problem, validation_problems
from benchtui.config.schema import Config
from benchtui.config.sdk_region import sdk_region
from benchtui.config.settings import OPEN_TABLES, Setting, dotted, settings, shown
from benchtui.config.sources import ENVIRONMENT_PREFIX, MAX_FILE_BYTES, Flag, candidate_files, words
from benchtui.core.toml import NotTomlError, parse_toml

__all__ = ["Flag", "Loaded", "SettingRow", "load", "render_origins"]

#: Variables that benchtui itself sets for its parts; no settings.
PROGRAM_VARIABLES = frozenset(
    {"BENCHTUI_CPUS", "BENCHTUI_MEMORY_BYTES", "BENCHTUI_RUN", "BENCHTUI_T0", "BENCHTUI_WORK"}
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration and where each of its values comes from."""

    config: Config
    origins: dict[str, Origin]  # by "section.key"; entries of open tables one by one
    files: tuple[Path, ...]  # read, lowest precedence first
    project_file: Path | None = None  # the one of them that is not the user's own: CONFIG or ./benchtui.toml


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One line of `benchtui config show`."""

    key: str
    value: str
    origin: str


def load(
    config_file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Flag], cwd: Path
) -> Loaded:
    """The configuration for a command.

    Args:
        config_file: CONFIG of the command line; None: ``benchtui.toml`` in ``cwd`` if there is one.
        environ: the process's environment.
        flags: typed flags only, by ``"section.key"``.
        cwd: working directory.

    Raises:
        ConfigError: with every problem of every source.
    """
    problems: list[Problem] = []
    layers: list[Layer] = []
    files: list[Path] = []
    candidates = candidate_files(config_file, environ, cwd)
    for file, required in candidates:
        layer, found = _file_layer(file, required, environ)
        problems += found
        if layer is not None:
            layers.append(layer)
            files.append(file)
    environment, found = _environment_layer(environ)
    problems += found
    layers += [environment, _flag_layer(flags)]

    merged: dict[str, Any] = {}
    sources = Sources({}, {})
    for layer in layers:
        merge(merged, layer, sources)
    _add_sdk_region(merged, sources, environ)
    _expand_results_dir(merged, environ)

    try:
        config = Config.model_validate(_whole_sections() | merged)
    except ValidationError as error:
        problems += validation_problems(error, sources.of_problem)
    if problems:
        raise ConfigError(tuple(sorted(problems, key=Problem.place)))
    origins = {dotted(path): sources.of_value(path) for path, _ in _leaves(config)}
    project_file = candidates[-1][0]
    return Loaded(config, origins, tuple(files), project_file if project_file in files else None)


def _whole_sections() -> dict[str, Any]:
    """Every section, empty: validated as parts of the whole, none needs a validator of its own."""
    return {name: {} for name in Config.model_fields}


def render_origins(loaded: Loaded) -> tuple[SettingRow, ...]:
    """Every setting with its value and origin, in the schema's order."""
    known = settings()
    rows = []
    for path, value in _leaves(loaded.config):
        setting = known.get(path)
        is_duration = setting.is_duration if setting else path[-1] == "timeout"
        key = dotted(path)
        rows.append(SettingRow(key, shown(value, is_duration=is_duration), str(loaded.origins[key])))
    return tuple(rows)


def _leaves(config: Config) -> list[tuple[KeyPath, object]]:
    leaves: list[tuple[KeyPath, object]] = []
    for path in settings():
        value = getattr(getattr(config, str(path[0])), str(path[1]))
        if path in OPEN_TABLES and value:
            leaves += [((*path, key), part) for key, part in value.items()]
        else:
            leaves.append((path, value))
    for name, suite in config.suites.items():
        leaves += [(("suites", name, key), value) for key, value in suite]
    return leaves


def _file_layer(
    file: Path, required: Literal["required", "optional"], environ: Mapping[str, str]
) -> tuple[Layer | None, list[Problem]]:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            return None, [Problem(Origin("file", str(file)), "", "is larger than 1 MiB: not a configuration")]
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
        values = parse_toml(text)
        lines = key_lines(text)
    except FileNotFoundError:
        if required == "optional":
            return None, []
        return None, [Problem(Origin("file", str(file)), "", "there is no such file")]
    except UnicodeDecodeError:
        return None, [Problem(Origin("file", str(file)), "", "is not UTF-8 text")]
    except NotTomlError as error:
        return None, [syntax_problem(str(file), str(error))]
    except RecursionError:  # of key_lines, which goes a little deeper than tomllib
        return None, [syntax_problem(str(file), "nested too deeply")]
    except OSError as error:
        return None, [Problem(Origin("file", str(file)), "", f"cannot be read: {error.strerror}")]

    def origin(path: KeyPath) -> Origin:
        known = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in lines), None)
        return Origin("file", str(file), None if known is None else lines[known])

    _anchor_suite_paths(values, file.parent, environ)
    return Layer(values, origin), []


def _anchor_suite_paths(values: dict[str, Any], folder: Path, environ: Mapping[str, str]) -> None:
    suites = values.get("suites")
    for suite in suites.values() if isinstance(suites, dict) else ():
        if isinstance(suite, dict) and isinstance(suite.get("path"), str):
            suite["path"] = str(folder.absolute() / expanded(suite["path"], environ))


def _expand_results_dir(merged: dict[str, Any], environ: Mapping[str, str]) -> None:
    output = merged.get("output")
    if isinstance(output, dict) and isinstance(output.get("results_dir"), str):
        output["results_dir"] = str(expanded(output["results_dir"], environ))


def _environment_layer(environ: Mapping[str, str]) -> tuple[Layer, list[Problem]]:
    by_variable = {setting.variable: setting for setting in settings().values()}
    values: dict[str, Any] = {}
    problems = []
    for name in sorted(environ):
        if not name.startswith(ENVIRONMENT_PREFIX) or name in PROGRAM_VARIABLES:
            continue
        setting = by_variable.get(name)
        origin = Origin("environment", name)
        if setting is None:
            nearest = difflib.get_close_matches(name, by_variable, n=1)
            problems.append(Problem(origin, "", "names no setting", nearest[0] if nearest else None))
        elif not setting.is_text_form:
            problems.append(Problem(origin, dotted(setting.path), "is a table and can only be set in a file"))
        else:
            _put(values, setting.path, _from_text(environ[name], setting))
    variables = {setting.path: name for name, setting in by_variable.items()}
    return Layer(values, lambda path: Origin("environment", variables.get(path[:2], "environment"))), problems


def _from_text(text: str, setting: Setting) -> object:
    if setting.is_list:
        return words(text)
    return text


def _flag_layer(flags: Mapping[str, Flag]) -> Layer:
    known = settings()
    values: dict[str, Any] = {}
    spellings: dict[KeyPath, str] = {}
    for key, flag in flags.items():
        path: KeyPath = tuple(key.split(".", 1))
        value = flag.value
        if path in known and isinstance(value, str):
            value = _from_text(value, known[path])
        _put(values, path, list(value) if isinstance(value, tuple) else value)
        spellings[path] = flag.spelling
    return Layer(values, lambda path: Origin("flag", spellings.get(path[:2], "flag")))


def _put(values: dict[str, Any], path: KeyPath, value: object) -> None:
    values.setdefault(str(path[0]), {})[str(path[1])] = value


def _add_sdk_region(merged: dict[str, Any], sources: Sources, environ: Mapping[str, str]) -> None:
    """Where no source names regions, the SDK's own region counts, in the SDK's own order."""
    aws = merged.setdefault("aws", {})
    if not isinstance(aws, dict) or "regions" in aws:
        return
    profile = aws.get("profile")
    found = sdk_region(profile if isinstance(profile, str) else "", environ)
    if found is not None:
        region, where = found
        aws["regions"] = [region]
        sources.values["aws", "regions"] = Layer({}, lambda _path: Origin("sdk", where))

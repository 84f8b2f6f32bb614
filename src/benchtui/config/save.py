"""A plan edited in a form, back into its file: the changed values are replaced, nothing else is touched.

Rules, in this order of importance:

1. Only two kinds of file are written: a new one, or the one the configuration was loaded from.
2. A text is written only if reading it back gives exactly the values that are meant, those of the form and
   those of every other setting of the file.
3. In the loaded file every comment, blank line and other value stays as it is, byte for byte. A value that
   has comments between its elements stays as a comment above the new one; a setting that is unset becomes a
   comment.
4. A setting that was not edited is not written: what flags, the environment or the user's own file say
   stays their say. A file made from nothing states the whole plan.
"""

from __future__ import annotations

import contextlib
import copy
import os
import secrets
import stat
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import tomli_w

from benchtui.config.durations import format_duration
from benchtui.config.form import KEYS, setting_value
from benchtui.config.lines import KeyPath, Places, holds_comment, places
from benchtui.config.schema import Config
from benchtui.config.settings import dotted, settings
from benchtui.config.sources import MAX_FILE_BYTES
from benchtui.core.errors import UsageError
from benchtui.core.toml import NotTomlError, parse_toml

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_ONE_LINE = 100  # characters of an array that is not split over lines
#: Stated in a file made from nothing; the region only if it was chosen, else it stays the SDK's.
_ALWAYS = tuple(key for key in KEYS if not key.endswith(".regions"))


class SaveError(UsageError):
    """The file was not written; it and everything beside it is as it was."""


def save(config: Config, target: Path, *, before: Config, loaded_from: Path | None) -> Path:
    """Write the plan of ``config``; returns the path of the file.

    Args:
        config: as edited.
        target: a new file, or ``loaded_from``.
        before: as it was loaded; what equals it is not written again.
        loaded_from: the file to change, or to take everything else from when ``target`` is another one.
            None: a file with the plan alone.

    Raises:
        SaveError: the file exists and is another one, cannot be read or written, or is written in a way
            that cannot be changed in place.
    """
    in_place = loaded_from is not None and _same_file(target, loaded_from)
    if not in_place and os.path.lexists(target):
        raise SaveError(
            f"{target}: exists, and is not the file this plan was loaded from",
            fix="choose a name there is no file of",
        )
    text = "" if loaded_from is None else _read(loaded_from)
    if loaded_from is not None and not in_place:
        _check_same_folder(text, loaded_from, target)
    written = _with(text, _changes(config, before, everything=loaded_from is None), target, in_place=in_place)
    try:
        content = written.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SaveError(f"{target}: not written: a value has characters that are no text") from error
    _replace(target.resolve(), content) if in_place else _create(target, content)
    return target


def _changes(config: Config, before: Config, *, everything: bool) -> dict[KeyPath, Any]:
    """Values to be written, as TOML has them; None: to be unset."""
    changes: dict[KeyPath, Any] = {}
    for path, setting in settings().items():
        key = dotted(path)
        value = setting_value(config, path)
        if key not in KEYS or not (
            value != setting_value(before, path) or (everything and key in _ALWAYS and value is not None)
        ):
            continue
        if setting.is_duration:
            value = format_duration(value)
        changes[path] = list(value) if isinstance(value, tuple) else value
    return changes


def with_changes(text: str, changes: Mapping[KeyPath, Any]) -> str:
    """``text`` with values replaced, added behind the last key of their table, or commented out (None).

    Correct for documents whose tables have headers of their own; for others the caller must look whether
    the answer says what was meant.
    """
    found = places(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    edits: list[tuple[int, int, str]] = []
    added: dict[str, list[str]] = {}
    for path, value in changes.items():
        if path in found.pairs:
            edits.append(_edit(text, found, path, value, newline))
        elif value is not None:
            added.setdefault(str(path[0]), []).append(_pair(str(path[1]), value, newline))
    behind = ""
    for section, pairs in added.items():
        end = found.table_ends.get((section,))
        if end is None:
            behind += newline.join(["", f"[{section}]", *pairs, ""])
        else:
            line_end = _line_end(text, end)
            edits.append((line_end, line_end, "".join(newline + pair for pair in pairs)))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    if behind and text and not text.endswith("\n"):
        text += newline
    return text + (behind if text else behind.removeprefix(newline))


def _edit(text: str, found: Places, path: KeyPath, value: Any, newline: str) -> tuple[int, int, str]:
    """From, to, and what stands there then."""
    (start, end), (value_start, _) = found.pairs[path], found.values[path]
    line_start = text.rfind("\n", 0, start) + 1
    old = text[line_start:end]
    commented = newline.join("# " + line for line in old.splitlines())
    if value is None:
        return line_start, end, commented
    if holds_comment(text[value_start:end]):
        return line_start, end, commented + newline + text[line_start:value_start] + _literal(value, newline)
    return value_start, end, _literal(value, newline)


def _pair(key: str, value: Any, newline: str) -> str:
    return f"{key} = {_literal(value, newline)}"


def _literal(value: Any, newline: str) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"  # tomli-w would write an exponent
    if isinstance(value, list):
        line = "[" + ", ".join(_literal(part, newline) for part in value) + "]"
        if len(line) <= _ONE_LINE:
            return line
    text: str = tomli_w.dumps({"value": value})
    return text.removeprefix("value = ").rstrip("\n").replace("\n", newline)


def _line_end(text: str, at: int) -> int:
    """Where the line of ``at`` ends, before its line break."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if text[end - 1 : end] == "\r" else end


def _with(text: str, changes: Mapping[KeyPath, Any], target: Path, *, in_place: bool) -> str:
    """The new text, read back and compared; a new file may be written anew where changing is not possible.

    Raises:
        SaveError: the loaded file cannot be changed in place.
    """
    bom, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    meant = copy.deepcopy(parse_toml(body))
    for (section, key), value in changes.items():
        table = meant.setdefault(str(section), {})
        if not isinstance(table, dict):
            raise SaveError(f"{target}: {section} is no longer a table", fix="save under another name")
        if value is None:
            table.pop(str(key), None)
        else:
            table[str(key)] = value
    for attempt in (with_changes(body, changes), *(() if in_place else (tomli_w.dumps(meant),))):
        with contextlib.suppress(NotTomlError):
            if _pruned(parse_toml(attempt)) == _pruned(meant):
                return f"{bom}{attempt}"
    raise SaveError(
        f"{target}: its tables are written in a form that cannot be changed in place",
        fix="save under another name: that file is written anew, without the comments of this one",
    )


def _pruned(document: dict[str, Any]) -> dict[str, Any]:
    """Without empty tables: a section that lost its last key says nothing."""
    return {key: value for key, value in document.items() if value != {}}


def _read(file: Path) -> str:
    """The file's text, which is valid TOML.

    Raises:
        SaveError: it is not, or cannot be read.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise SaveError(f"{file}: is larger than 1 MiB: not a configuration")
        text = raw.decode("utf-8")
        parse_toml(text.removeprefix(_BOM))
    except OSError as error:
        raise SaveError(f"{file}: cannot be read: {error.strerror}", fix="save under another name") from error
    except UnicodeDecodeError as error:
        raise SaveError(f"{file}: is no longer UTF-8 text", fix="save under another name") from error
    except NotTomlError as error:
        raise SaveError(
            f"{file}: is no longer valid TOML: {error}", fix="correct it, or save under another name"
        ) from error
    return text


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _check_same_folder(text: str, loaded_from: Path, target: Path) -> None:
    """Paths of suites are relative to the file that names them: they would not move along."""
    suites = parse_toml(text.removeprefix(_BOM)).get("suites")
    paths = [suite.get("path") for suite in suites.values() if isinstance(suite, dict)] if suites else []
    relative = [path for path in paths if isinstance(path, str) and not path.startswith(("/", "~/"))]
    if relative and not _same_file(target.parent, loaded_from.parent):
        raise SaveError(
            f"{target}: {loaded_from} names a suite by a path relative to itself: {relative[0]}",
            fix=f"save beside it, in {loaded_from.parent}",
        )


def _create(target: Path, content: bytes) -> None:
    """Write a file that is not there; somebody else's of that name is never overwritten."""
    try:
        temporary = _beside(target, content)
        try:
            try:
                os.link(temporary, target)
            except FileExistsError:
                raise
            except OSError:  # a file system without hard links
                with target.open("xb") as stream:
                    stream.write(content)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError as error:
        raise SaveError(f"{target}: exists", fix="choose a name there is no file of") from error
    except OSError as error:
        raise SaveError(f"{target}: cannot be written: {error.strerror}") from error


def _replace(target: Path, content: bytes) -> None:
    """Replace a file in one step; mode and, where we may, owner stay."""
    try:
        known = target.stat()
        if not os.access(target, os.W_OK):
            raise SaveError(f"{target}: is read-only", fix="save under another name")
        temporary = _beside(target, content)
        try:
            with contextlib.suppress(OSError):
                os.chown(temporary, known.st_uid, known.st_gid)
            temporary.chmod(stat.S_IMODE(known.st_mode))
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SaveError(f"{target}: cannot be written: {error.strerror}") from error


def _beside(target: Path, content: bytes) -> Path:
    """A complete, synced file in the folder of ``target``."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary

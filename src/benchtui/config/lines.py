"""Where everything stands in a TOML document, for error messages and changes. tomllib keeps no positions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Key = str | int
KeyPath = tuple[Key, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_INLINE_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line number, from 1, of each table, key and array element of a document that tomllib has accepted.

    Elements of arrays have their index in the path: ``("plan", "include", 0, "type")``.
    """
    return _Scanner(text).document()


@dataclass(frozen=True, slots=True)
class Places:
    """Offsets into a document, in characters."""

    pairs: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)  # from the key to the value's end
    values: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    #: By the path of a header: behind the last key of that table, or behind the header if it has none.
    table_ends: dict[KeyPath, int] = field(default_factory=dict)


def places(text: str) -> Places:
    """Where keys, values and tables stand in a document that tomllib has accepted."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.places


def holds_comment(value: str) -> bool:
    """Whether a value as it is written, an array over several lines, has comments between its elements."""
    return "#" in _STRING.sub("", value)


class _Scanner:
    """Walks a valid document once; on an invalid one its answers mean nothing."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.tables_seen: dict[KeyPath, int] = {}
        self.places = Places()

    def document(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            before = self.at
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            if table:
                self.places.table_ends[table] = self.at
            self._skip(_BLANK)
            if self.at == before:
                break
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match.group()

    def _starts(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def _note(self, path: KeyPath, at: int) -> None:
        self.lines.setdefault(path, self.text.count("\n", 0, at) + 1)

    def _header(self) -> KeyPath:
        start = self.at
        brackets = 2 if self._starts("[[") else 1
        self.at += brackets
        path: KeyPath = ()
        for name in self._dotted():
            path += (name,)
            self._note(path, start)
            # A header below an array of tables means that array's newest element.
            if path in self.tables_seen:
                path += (self.tables_seen[path],)
        if brackets == 2:
            array = path[:-1] if path and isinstance(path[-1], int) else path
            index = self.tables_seen.get(array, -1) + 1
            self.tables_seen[array] = index
            path = (*array, index)
        self.at += brackets
        self._note(path, start)
        return path

    def _dotted(self) -> list[str]:
        names = []
        while True:
            self._skip(_INLINE_BLANK)
            quoted = self.text[self.at : self.at + 1] in ("'", '"')
            names.append(_unquote(self._skip(_STRING)) if quoted else self._skip(_BARE_KEY))
            self._skip(_INLINE_BLANK)
            if not self._starts("."):
                return names
            self.at += 1

    def _pair(self, table: KeyPath) -> None:
        start = self.at
        path = table
        for name in self._dotted():
            path += (name,)
            self._note(path, start)
        self.at += 1  # the equals sign
        self._skip(_INLINE_BLANK)
        value = self.at
        self._value(path)
        end = value + len(self.text[value : self.at].rstrip())
        self.places.pairs[path], self.places.values[path] = (start, end), (value, end)

    def _value(self, path: KeyPath) -> None:
        if self._starts("["):
            self._array(path)
        elif self._starts("{"):
            self._inline_table(path)
        elif self.text[self.at : self.at + 1] in ("'", '"'):
            self._skip(_STRING)
        else:
            self._skip(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        self._skip(_BLANK)
        while self.at < len(self.text) and not self._starts("]"):
            self._note((*path, index), self.at)
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            if self._starts(","):
                self.at += 1
                self._skip(_BLANK)
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.at < len(self.text) and not self._starts("}"):
            self._pair(path)
            self._skip(_BLANK)
            if self._starts(","):
                self.at += 1
                self._skip(_BLANK)
        self.at += 1


def _unquote(literal: str) -> str:
    if literal.startswith("'"):
        return literal[1:-1]

    def plain(escape: re.Match[str]) -> str:
        code = escape.group(1)
        return chr(int(code[1:], 16)) if code[0] in "uU" else _ESCAPES.get(code, code)

    return re.sub(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", plain, literal[1:-1])

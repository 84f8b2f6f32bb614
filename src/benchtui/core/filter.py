"""The filter language of tables: ``arch=arm64 state!=completed spent>0.05 c7g``.

Words separated by blanks, all of which have to hold. A word is ``field OPERATOR value`` or a bare text
that is looked for in several fields. ``,`` separates values of which any will do, quotes keep blanks and
signs together, ``-`` stands for *not known*, case does not matter.

Operators: ``=`` ``!=`` for every field, ``~`` (contains) for texts, ``<`` ``<=`` ``>`` ``>=`` for numbers.
What is not known is never smaller or larger than anything, and differs from every value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import NoReturn

from benchtui.core.errors import UsageError

#: What a field of a row can hold; a tuple of texts holds several values at once, None is not known.
Cell = str | int | float | Decimal | tuple[str, ...] | None
OPERATORS = ("!=", "<=", ">=", "=", "<", ">", "~")
ORDERED = frozenset({"<", "<=", ">", ">="})
UNKNOWN = frozenset({"-", "–"})
_QUOTES = "\"'"


class FilterError(UsageError):
    """An expression that is none.

    Attributes:
        at: index of the character of the expression where the trouble begins.
    """

    def __init__(self, what: str, fix: str | None, at: int) -> None:
        super().__init__(f"filter: {what}", fix)
        self.at = at


def number(text: str) -> Decimal:
    """A number as people write one: ``3``, ``0.05``, ``$0.05``, ``40%``.

    Raises:
        ValueError: it is none, or not finite.
    """
    try:
        value = Decimal(text.removeprefix("$").removesuffix("%"))
    except InvalidOperation as error:
        raise ValueError(f"must be a number, not {text!r}") from error
    if not value.is_finite():
        raise ValueError(f"must be a finite number, not {text!r}")
    return value


@dataclass(frozen=True, slots=True)
class Field:
    """A field that expressions may name.

    Args:
        name: lower case.
        about: what it holds, one line.
        parse: makes a value of a text and raises ValueError; None: the field holds texts.
        bare: whether a bare word is looked for in it.
        aliases: other names.
    """

    name: str
    about: str
    parse: Callable[[str], Decimal | int] | None = None
    bare: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Term:
    """One word of an expression."""

    field: Field
    operator: str
    texts: tuple[str, ...] = ()  # casefolded
    numbers: tuple[Decimal | int, ...] = ()
    unknown: bool = False  # whether ``-`` is among the values

    def holds(self, cell: Cell) -> bool:
        if self.operator == "!=":
            return not self._equal(cell)
        if self.operator == "=":
            return self._equal(cell)
        if self.operator == "~":
            return any(text in value for value in _texts(cell) for text in self.texts)
        if cell is None or isinstance(cell, str | tuple):
            return False
        return any(_ordered(self.operator, cell, limit) for limit in self.numbers)

    def _equal(self, cell: Cell) -> bool:
        if cell is None or cell == ():
            return self.unknown
        if isinstance(cell, str | tuple):
            return any(value in self.texts for value in _texts(cell))
        return cell in self.numbers


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed expression; an empty one lets every row pass."""

    text: str = ""
    _terms: tuple[_Term, ...] = ()
    _bare: tuple[str, ...] = ()  # casefolded words
    _searched: tuple[str, ...] = ()  # names of the fields that bare words are looked for in

    @classmethod
    def parse(cls, expression: str, fields: Iterable[Field]) -> Filter:
        """The filter that ``expression`` describes.

        Raises:
            FilterError: an unknown field (the nearest one is named), a missing or impossible value, an
                operator that the field does not have, or a quote that is not closed.
        """
        known = tuple(fields)
        by_name = {name: field for field in known for name in (field.name, *field.aliases)}
        terms, bare = [], []
        for word in _words(expression):
            term = _term(word, by_name)
            if term is not None:
                terms.append(term)
            elif word.text:
                bare.append(word.text.casefold())
        searched = tuple(field.name for field in known if field.bare)
        return cls(" ".join(expression.split()), tuple(terms), tuple(bare), searched)

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self._terms or self._bare)

    def matches(self, row: Mapping[str, Cell]) -> bool:
        """Whether a row passes; a field that the row lacks is not known."""
        if not all(term.holds(row.get(term.field.name)) for term in self._terms):
            return False
        if not self._bare:
            return True
        texts = [text for name in self._searched for text in _texts(row.get(name))]
        return all(any(word in text for text in texts) for word in self._bare)


@dataclass(frozen=True, slots=True)
class _Word:
    """A word with, for each of its characters, whether it was quoted and where it stood."""

    text: str
    quoted: tuple[bool, ...]
    places: tuple[int, ...]
    at: int

    def plain(self, index: int, sign: str) -> bool:
        """Whether ``sign`` stands at ``index``, outside quotes."""
        return self.text.startswith(sign, index) and not any(self.quoted[index : index + len(sign)])


def _words(expression: str) -> list[_Word]:
    words: list[_Word] = []
    pieces: list[tuple[str, bool, int]] = []
    quote, begun = "", -1  # the open quote; where the word began, -1 between words
    quote_at = 0

    def close() -> None:
        nonlocal begun
        if begun >= 0:
            text = "".join(piece[0] for piece in pieces)
            words.append(_Word(text, tuple(p[1] for p in pieces), tuple(p[2] for p in pieces), begun))
        pieces.clear()
        begun = -1

    for at, character in enumerate(expression):
        if not quote and character.isspace():
            close()
            continue
        begun = at if begun < 0 else begun
        if quote:
            if character == quote:
                quote = ""
            else:
                pieces.append((character, True, at))
        elif character in _QUOTES:
            quote, quote_at = character, at
        else:
            pieces.append((character, False, at))
    if quote:
        raise FilterError(f"the quote {quote} is not closed", f"add {quote} at the end", quote_at)
    close()
    return words


def _term(word: _Word, by_name: Mapping[str, Field]) -> _Term | None:
    """What a word with an operator says; None for a bare one."""
    for index in range(len(word.text)):
        operator = next((sign for sign in OPERATORS if word.plain(index, sign)), None)
        if operator is not None:
            name = word.text[:index].casefold()
            field = by_name.get(name) or _no_such_field(name, operator, word.at, by_name)
            start = index + len(operator)
            return _compared(field, operator, _values(word, start), _place(word, start))
    return None


def _no_such_field(name: str, operator: str, at: int, by_name: Mapping[str, Field]) -> NoReturn:
    names = ", ".join(dict.fromkeys(field.name for field in by_name.values()))
    if not name:
        raise FilterError(f"no field before {operator}", f"fields: {names}", at)
    near = get_close_matches(name, by_name, 1, 0.5)
    hint = f"did you mean {by_name[near[0]].name}? " if near else ""
    raise FilterError(f"there is no field {name!r}", f"{hint}fields: {names}", at)


def _place(word: _Word, index: int) -> int:
    return word.places[index] if index < len(word.places) else word.places[-1] + 1


def _values(word: _Word, start: int) -> list[tuple[str, bool]]:
    """The values behind the operator, each with whether any of it was quoted."""
    values, begin = [], start
    for index in range(start, len(word.text) + 1):
        if index == len(word.text) or word.plain(index, ","):
            values.append((word.text[begin:index], any(word.quoted[begin:index])))
            begin = index + 1
    return values


def _compared(field: Field, operator: str, values: list[tuple[str, bool]], at: int) -> _Term:
    if any(not text for text, _ in values):
        raise FilterError(f"{field.name}{operator} needs a value", "- stands for what is not known", at)
    numeric = field.parse is not None
    if operator in ORDERED and not numeric:
        raise FilterError(f"{field.name} is a text", f"use {field.name}=, != or ~", at)
    if operator == "~" and numeric:
        raise FilterError(f"{field.name} is a number", f"use {field.name}=, !=, <, <=, > or >=", at)
    known = [text for text, quoted in values if quoted or text not in UNKNOWN or operator not in ("=", "!=")]
    unknown = len(known) < len(values)
    if field.parse is None:
        return _Term(field, operator, texts=tuple(text.casefold() for text in known), unknown=unknown)
    try:
        return _Term(field, operator, numbers=tuple(field.parse(text) for text in known), unknown=unknown)
    except ValueError as error:
        raise FilterError(f"{field.name} {error}", f"such as {field.name}{operator}1", at) from error


def _texts(cell: Cell) -> tuple[str, ...]:
    """The texts of a cell, casefolded."""
    if cell is None:
        return ()
    values = cell if isinstance(cell, tuple) else (str(cell),)
    return tuple(value.casefold() for value in values)


def _ordered(operator: str, value: int | float | Decimal, limit: Decimal | int) -> bool:
    if operator == "<":
        return value < limit
    if operator == "<=":
        return value <= limit
    return value > limit if operator == ">" else value >= limit
